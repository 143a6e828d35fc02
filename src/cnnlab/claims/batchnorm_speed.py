"""Batch norm speeds up convergence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from statistics import mean

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.depth import DATA, RATES, STEPS, Curves, at_best_rate, over_depth, train_depths
from cnnlab.claims.judging import Judged, Smallest, judge
from cnnlab.claims.laboratory import Laboratory
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, over_seeds, where_it_holds
from cnnlab.training.loop import Epoch

TARGET = 0.85

SMALLEST = Smallest(1.25, "times", "a quarter more steps are what anybody would notice while waiting", is_ratio=True)

#: Where the verdict is taken: batch norm was made for deep nets, and few nets of 8 convolutions learn without it.
DECIDES_AT = 4


def measure(laboratory: Laboratory) -> Finding:
    """Steps until validation accuracy first reaches the target, each arm at its own best rate, over depth."""
    design = train_depths(laboratory)
    where, control = over_depth(design, compared, decides_at=DECIDES_AT, depths=design.nets)
    rows = [
        (f"{depth} convolutions", *(f"{mean(steps(arms[arm])):.0f}" for arm in ("with", "without")), _missed(arms))
        for depth, arms in design.nets.items()
    ]
    beside = ""
    if design.lesson is not None:
        own = compared(design.lesson["with"], design.lesson["without"])
        took = {arm: steps(curves) for arm, curves in design.lesson.items()}
        rows.append(("the lesson’s SimpleCNN", *(f"{mean(took[arm]):.0f}" for arm in took), _missed(design.lesson)))
        ends = "" if own.interval is None else f" [{own.interval[0]:.2f}, {own.interval[1]:.2f}]"
        beside = f" The lesson’s own net takes {own.effect:.2f}{ends} times as many without: {own.verdict} there."
    deepest = design.nets[DECIDES_AT]
    return found_over_seeds(
        where.deciding,
        unit=f"times as many steps without batch norm, nets of {DECIDES_AT} convolutions",
        says=f"Each at its own best learning rate, nets of {DECIDES_AT} convolutions reach {TARGET:.0%} validation "
        f"accuracy after {mean(steps(deepest['with'])):.0f} steps with batch norm and "
        f"{mean(steps(deepest['without'])):.0f} without, on average over seeds; measured every 8 steps, and taken as "
        f"straight between them. A net that never gets there counts as {STEPS} steps.{beside}",
        controls=(control,),
        where=where,
        table=(("net", "steps with batch norm", "without", "never there, with / without"), *rows),
        figures=(
            where_it_holds("Where it holds: over depth", where, "times as many steps without", SMALLEST),
            Lines(
                f"Validation accuracy as it learns, {DECIDES_AT} convolutions, at the best rate of each",
                tuple(8.0 * i for i in range(STEPS // 8 + 1)),
                "steps",
                "validation accuracy",
                tuple(over_seeds(name, _drawn(deepest[arm])) for name, arm in _NAMES),
                levels=((TARGET, f"{TARGET:.0%}, the target"),),
                is_share=True,
            ),
        ),
        is_ratio=True,
    )


_NAMES = (("with batch norm", "with"), ("without", "without"))


def compared(quick: Curves, slow: Curves) -> Judged:
    """How many times as many steps `slow` takes as `quick`, each seed at the rate that is best on the other seeds."""
    logs = [[log10(count) for count in steps(curves)] for curves in (slow, quick)]
    return judge(paired_difference(*logs), SMALLEST)


def steps(curves: Curves) -> list[float]:
    """Steps to the target, one a seed, each at the rate that is quickest on the other seeds."""
    return [steps_to_target(curve) for curve in at_best_rate(curves, lambda curve: -steps_to_target(curve))]


def steps_to_target(curve: Sequence[Epoch]) -> float:
    """Steps until the validation curve, straight between epochs and 0 at the start, crosses the target."""
    done, before = 0.0, 0.0
    for epoch in curve:
        if epoch.validation_accuracy >= TARGET:
            return done + epoch.steps * (TARGET - before) / (epoch.validation_accuracy - before)
        done, before = done + epoch.steps, epoch.validation_accuracy
    return float(STEPS)


def _missed(arms: Mapping[str, Curves]) -> str:
    return " / ".join(str(sum(count == STEPS for count in steps(arms[arm]))) for arm in ("with", "without"))


def _drawn(curves: Curves) -> list[list[float]]:
    """Each seed's curve at its rate, from 0; the last value goes on where a training ended early."""
    chosen = at_best_rate(curves, lambda curve: -steps_to_target(curve))
    drawn = []
    for curve in chosen:
        values = [0.0, *(epoch.validation_accuracy for epoch in curve)]
        drawn.append(values + [values[-1]] * (STEPS // 8 + 1 - len(values)))
    return drawn


CLAIM = Claim(
    id="batchnorm-speed",
    statement="Batch norm speeds up convergence.",
    section="Conv Block with BatchNorm",
    kind="statistical",
    decides=f"supported when nets of {DECIDES_AT} convolutions ({DATA}, SGD with momentum, up to {len(RATES)} rates) "
    f"without batch norm take at least {SMALLEST.value:g} times as many steps to {TARGET:.0%} validation accuracy, "
    "each arm at its own best rate, chosen on the other seeds, the 95 % interval lying above 1; not supported when the "
    f"interval lies below {SMALLEST.value:g}. Batch norm was made for deep nets; the figure shows where else it holds",
    measure=measure,
    smallest=SMALLEST,
)
