"""Inverted dropout keeps the expected activation, and is off at inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.judging import Control, Smallest, VerdictWord, controlled
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Lines, Series

MASKS = 20_000
UNITS = 256

#: Masks after which the page shows the mean.
COUNTS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)

SHARES = (0.1, 0.5, 0.9)

SMALLEST = Smallest(1.0, "% of the activation", "a next layer would not notice less beside dropout's own noise")


@dataclass(frozen=True)
class Kept:
    """What masks do to the mean activation: by how many % it is off, with the 95 % interval over masks.

    ratios: of every mask, the mean over units of h̃ / h.
    """

    p: float
    off: float
    interval: tuple[float, float]
    ratios: Tensor


def measure(_laboratory: Laboratory) -> Finding:
    """Many masks over positive activations: the mean of h̃ against h, for three dropout probabilities."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        h = torch.rand(UNITS, dtype=torch.float64) + 0.5
        scaled = [kept(nn.Dropout(p), h, p) for p in SHARES]
        unscaled = [kept(_Unscaled(p), h, p) for p in SHARES]
        is_off = all(bool((nn.Dropout(p).eval()(h) == h).all()) for p in SHARES)
    return decide(scaled, unscaled, is_off=is_off)


def kept(layer: nn.Module, h: Tensor, p: float) -> Kept:
    """Lay many of a layer's masks over activations h, float64 (units,), all above 0."""
    ratios = (layer(h.expand(MASKS, -1)) / h).mean(dim=1)  # one a mask: its mean over units, 1 expected
    off, reach = 100 * (float(ratios.mean()) - 1), 196 * float(ratios.std()) / MASKS**0.5
    return Kept(p, off, (off - reach, off + reach), ratios)


def judge_kept(of_every_p: Sequence[Kept]) -> tuple[VerdictWord, Kept]:
    """The claim's rule, and the p whose interval reaches furthest from 0."""

    def furthest(one: Kept) -> float:
        return max(abs(end) for end in one.interval)

    worst = max(of_every_p, key=furthest)
    if furthest(worst) < SMALLEST.value:
        return "supported", worst
    is_outside = any(low > SMALLEST.value or high < -SMALLEST.value for low, high in (o.interval for o in of_every_p))
    return ("not supported" if is_outside else "undecided"), worst


def decide(scaled: Sequence[Kept], unscaled: Sequence[Kept], *, is_off: bool) -> Finding:
    """The finding, from dropout and, as control, dropout that does not scale. is_off: eval mode changes nothing."""
    verdict, worst = judge_kept(scaled)
    control_verdict, control_worst = judge_kept(unscaled)
    control = Control("dropout without 1/(1−p)", control_worst.off, control_worst.interval, MASKS, control_verdict)
    return Finding(
        effect=worst.off,
        unit="% by which the mean activation is off, at worst",
        interval=worst.interval,
        n=MASKS,
        of="masks",
        verdict=controlled(verdict if is_off else "not supported", control),
        says=f"Over {MASKS:,} masks the mean of the {UNITS} activations stays what it was, to within "
        f"{max(abs(end) for end in worst.interval):.2f} % at worst, for p of {', '.join(map(str, SHARES))}; without "
        f"1/(1−p) it is off by {control_worst.off:.0f} % at p = {control_worst.p:g}. In eval mode dropout "
        + ("hands on the very same values." if is_off else "changes the values."),
        table=(
            ("p", "mean of h̃/h − 1", "95 % interval", "without 1/(1−p)"),
            *(
                (f"{one.p:g}", f"{one.off:+.3f} %", f"±{(one.interval[1] - one.off):.3f} %", f"{other.off:+.1f} %")
                for one, other in zip(scaled, unscaled, strict=True)
            ),
        ),
        figures=(
            Lines(
                "The mean over more and more masks",
                tuple(map(float, COUNTS)),
                "masks",
                "mean of h̃ / h",
                (
                    *(_running_mean(f"p = {one.p:g}", one.ratios) for one in scaled),
                    _running_mean(f"p = {unscaled[1].p:g}, without 1/(1−p)", unscaled[1].ratios),
                ),
                levels=((1.0, "h itself"),),
                log_x=True,
            ),
        ),
        boundary=(-SMALLEST.value, SMALLEST.value),
        controls=(control,),
    )


class _Unscaled(nn.Module):
    """Dropout that turns units off and does not make up for it."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, h: Tensor) -> Tensor:
        """Activations of any shape → the same, a share p of them 0."""
        return h * (torch.rand_like(h) >= self.p)


def _running_mean(name: str, ratios: Tensor) -> Series:
    """The mean over the first masks, and its 95 % interval."""
    means = [float(ratios[:count].mean()) for count in COUNTS]
    reach = [1.96 * float(ratios[:count].std()) / count**0.5 for count in COUNTS]
    return Series(
        name,
        (tuple(means),),
        low=tuple(one - error for one, error in zip(means, reach, strict=True)),
        high=tuple(one + error for one, error in zip(means, reach, strict=True)),
    )


CLAIM = Claim(
    id="dropout-mean",
    statement="Dropout with 1/(1−p) keeps the expected activation, and is off at inference.",
    section="Dropout: Turning Off Units",
    kind="statistical",
    decides=f"supported when the 95 % interval of the mean lies within {SMALLEST.value:g} % of the activation for "
    "every p, and eval mode changes nothing; not supported when one lies outside, or eval mode changes something; "
    "undecided, too, when dropout without 1/(1−p) passes",
    measure=measure,
    smallest=SMALLEST,
)
