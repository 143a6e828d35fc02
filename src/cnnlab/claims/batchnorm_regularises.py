"""Batch norm can act as a mild regulariser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from statistics import mean

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.depth import DATA, Curves, at_best_rate, over_depth, train_depths
from cnnlab.claims.judging import Judged, Smallest, judge
from cnnlab.claims.laboratory import Laboratory
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, from_case_to_case, where_it_holds
from cnnlab.training.loop import Epoch

SMALLEST = Smallest(0.02, "nats", "2 % of the probability that the net gives the right class, on average")

#: Validation accuracy from which a net has learnt something: a gap needs that.
LEARNT = 0.5

#: Where the verdict is taken: nets as shallow as the lesson's, which train well with and without.
DECIDES_AT = 2


def measure(laboratory: Laboratory) -> Finding:
    """The gap in loss after equal steps, each arm at the rate that gives its best validation, over depth."""
    design = train_depths(laboratory)
    learnt = {depth: arms for depth, arms in design.nets.items() if depth == DECIDES_AT or both_learn(arms)}
    left_out = [str(depth) for depth in design.nets if depth not in learnt]
    no_gap = f" Not compared at {', '.join(left_out)}: a net that has learnt nothing has no gap." if left_out else ""
    where, control = over_depth(design, compared, decides_at=DECIDES_AT, depths=learnt)
    named = [(f"{depth} convolutions", arms) for depth, arms in design.nets.items()]
    if design.lesson is not None:
        named.append(("the lesson’s SimpleCNN", design.lesson))
    rows = [(f"{name}, {arm} batch norm", *_figures(_trained(arms[arm]))) for name, arms in named for arm in _ARMS]
    decided = {arm: _trained(design.nets[DECIDES_AT][arm]) for arm in _ARMS}
    accuracy = {arm: mean(map(_gap_in_accuracy, curves)) for arm, curves in decided.items()}
    return found_over_seeds(
        where.deciding,
        unit=f"nats by which batch norm narrows the gap in loss, nets of {DECIDES_AT} convolutions",
        says=f"Each at the learning rate that is best for it on validation, nets of {DECIDES_AT} convolutions end with "
        f"a gap between validation and training loss of {mean(map(gap, decided['with'])):.3f} nats with batch norm and "
        f"{mean(map(gap, decided['without'])):.3f} without; in accuracy it is {100 * accuracy['with']:.2f} and "
        f"{100 * accuracy['without']:.2f} points.{no_gap}",
        controls=(control,),
        where=where,
        table=(("net", "training loss", "validation loss", "gap", "gap in accuracy, points"), *rows),
        figures=(
            where_it_holds("Where it holds: over depth", where, "nats of gap that batch norm saves", SMALLEST),
            Lines(
                f"Gap of every seed, {DECIDES_AT} convolutions",
                ("without", "with batch norm"),
                "",
                "gap in loss, nats",
                (from_case_to_case("each seed", *(list(map(gap, decided[arm])) for arm in ("without", "with"))),),
                levels=((0.0, ""),),
            ),
        ),
    )


_ARMS = ("with", "without")


def both_learn(arms: Mapping[str, Curves]) -> bool:
    """Whether nets with and without batch norm learn something, every seed at its rate."""
    return all(curve and curve[-1].validation_accuracy > LEARNT for arm in _ARMS for curve in _trained(arms[arm]))


def compared(narrow: Curves, wide: Curves) -> Judged:
    """By how much the gap in loss of `narrow` is narrower, each seed at the rate that is best on the other seeds."""
    return judge(paired_difference(*(list(map(gap, _trained(curves))) for curves in (wide, narrow))), SMALLEST)


def gap(curve: Sequence[Epoch]) -> float:
    """Validation loss less training loss in eval mode, after the last epoch; 0 where the training diverged."""
    return curve[-1].validation_loss - curve[-1].remeasured_loss if curve else 0.0


def _gap_in_accuracy(curve: Sequence[Epoch]) -> float:
    return curve[-1].remeasured_accuracy - curve[-1].validation_accuracy if curve else 0.0


def _trained(curves: Curves) -> list[tuple[Epoch, ...]]:
    """Every seed's curve at the rate with the lowest validation loss after the last epoch, on the other seeds."""
    return at_best_rate(curves, lambda curve: -curve[-1].validation_loss if curve else -inf)


def _figures(curves: Sequence[Sequence[Epoch]]) -> tuple[str, ...]:
    last = [curve[-1] for curve in curves if curve]
    if not last:
        return ("diverged",) * 4
    return (
        f"{mean(epoch.remeasured_loss for epoch in last):.3f}",
        f"{mean(epoch.validation_loss for epoch in last):.3f}",
        f"{mean(map(gap, curves)):.3f}",
        f"{100 * mean(map(_gap_in_accuracy, curves)):.2f}",
    )


CLAIM = Claim(
    id="batchnorm-regularises",
    statement="Batch norm can act as a mild regulariser.",
    section="Normalization: BatchNorm (Intuition)",
    kind="statistical",
    decides=f"supported when, in nets of {DECIDES_AT} convolutions ({DATA}), the gap between validation and training "
    f"loss after equal steps is at least {SMALLEST.value:g} nats narrower with batch norm, each arm at its own best "
    "rate, chosen by validation loss on the other seeds, the 95 % interval over seeds lying above 0; not supported "
    f"when it lies below {SMALLEST.value:g}",
    measure=measure,
    smallest=SMALLEST,
)
