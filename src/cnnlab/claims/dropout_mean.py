"""Inverted dropout keeps the expected activation, and is off at inference."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, Series
from cnnlab.claims.laboratory import Laboratory

MASKS = 20_000
UNITS = 256

#: Masks after which the page shows the mean.
COUNTS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)

SHARES = (0.1, 0.5, 0.9)

#: Deviation of the mean activation that would matter, as a share of it.
MARGIN = 0.01


def measure(_laboratory: Laboratory) -> Finding:
    """Many masks over positive activations: the mean of h̃ against h, for three dropout probabilities."""
    rows, series, worst, interval = [], [], 0.0, (0.0, 0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        h = torch.rand(UNITS, dtype=torch.float64) + 0.5
        for p in SHARES:
            layer = nn.Dropout(p)
            ratios = (layer(h.expand(MASKS, -1)) / h).mean(dim=1)  # one a mask: its mean over units, 1 expected
            mean, error = float(ratios.mean()) - 1, float(ratios.std()) / MASKS**0.5
            series.append(_running_mean(f"p = {p:g}", ratios))
            rows.append((f"{p:g}", f"{100 * mean:+.3f} %", f"±{196 * error:.3f} %"))
            if abs(mean) + 1.96 * error >= worst:
                worst, effect, interval = abs(mean) + 1.96 * error, mean, (mean - 1.96 * error, mean + 1.96 * error)
        is_off = all(bool((nn.Dropout(p).eval()(h) == h).all()) for p in SHARES)
    return Finding(
        effect=100 * effect,
        unit="% by which the mean activation is off, at worst",
        interval=(100 * interval[0], 100 * interval[1]),
        n=MASKS,
        of="masks",
        verdict="supported" if worst < MARGIN and is_off else "not supported",
        says=f"Over {MASKS:,} masks the mean of the {UNITS} activations stays what it was, to within "
        f"{100 * worst:.2f} % at "
        f"worst, for p of {', '.join(map(str, SHARES))}; in eval mode dropout hands on the very same values.",
        table=(("p", "mean of h̃/h − 1", "95 % interval"), *rows),
        figures=(
            Lines(
                "The mean over more and more masks",
                tuple(map(float, COUNTS)),
                "masks",
                "mean of h̃ / h",
                tuple(series),
                levels=((1.0, "h itself"),),
                log_x=True,
            ),
        ),
        boundary=(-100 * MARGIN, 100 * MARGIN),
    )


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
    decides=f"supported when the 95 % interval of the mean lies within {100 * MARGIN:g} % of the activation for every "
    f"p, "
    "and eval mode changes nothing",
    measure=measure,
)
