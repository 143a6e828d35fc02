"""Batch norm allows higher learning rates."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from statistics import mean

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.depth import DATA, Curves, over_depth, train_depths
from cnnlab.claims.judging import Judged, Smallest, judge
from cnnlab.claims.laboratory import Laboratory
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, over_seeds, where_it_holds
from cnnlab.training.loop import Epoch

#: Validation accuracy from which a net counts as trained: well above chance, below what a good rate gives.
TRAINED = 0.7

SMALLEST = Smallest(2.0, "times", "rates are searched by factors of two to three: less is not noticed", is_ratio=True)

#: Where the verdict is taken: the statement was made about deep nets, and few nets of 8 convolutions learn without it.
DECIDES_AT = 4


def measure(laboratory: Laboratory) -> Finding:
    """The highest rate of SGD at which a net still trains, with and without batch norm, over depth."""
    design = train_depths(laboratory)
    where, control = over_depth(design, compared, decides_at=DECIDES_AT, depths=design.nets)
    rows = [_row(f"{depth} convolutions", arms["with"], arms["without"]) for depth, arms in design.nets.items()]
    beside = ""
    if design.lesson is not None:
        own = compared(design.lesson["with"], design.lesson["without"])
        rows.append(_row("the lesson’s SimpleCNN", design.lesson["with"], design.lesson["without"]))
        beside = (
            f" The lesson’s own net, whose dense layer is not normalised, tolerates rates {_ratio(own)} as high with "
            f"it: {own.verdict} there."
        )
    deepest = design.nets[DECIDES_AT]
    return found_over_seeds(
        where.deciding,
        unit=f"times as high is the highest rate of SGD that still trains, nets of {DECIDES_AT} convolutions",
        says=f"With {DECIDES_AT} convolutions nets with batch norm still reach {TRAINED:.0%} validation accuracy at "
        f"rates of up to {_highest(deepest['with'])}, nets without up to {_highest(deepest['without'])} (geometric "
        f"means over seeds). Rates were tried in steps of about three, from {design.rates[0]:g} to "
        f"{design.rates[-1]:g}, so no ratio is finer; a net that trains at none of them counts as a third of the "
        f"lowest.{beside}",
        controls=(control,),
        where=where,
        table=(("net", "highest rate with batch norm", "without"), *rows),
        figures=(
            where_it_holds("Where it holds: over depth", where, "times as high with batch norm", SMALLEST),
            *(_figure(depth, arms["with"], arms["without"]) for depth, arms in design.nets.items()),
        ),
        is_ratio=True,
    )


def compared(high: Curves, low: Curves) -> Judged:
    """How many times as high the highest rates of `high` are."""
    return judge(paired_difference(highest(high), highest(low), resolution=log10(3)), SMALLEST)


def highest(curves: Curves) -> list[float]:
    """log₁₀ of the highest rate that trains, one a seed; of a third of the lowest where none does."""
    rates, seeds = list(curves), range(len(next(iter(curves.values()))))
    return [
        log10(max((rate for rate in rates if best_accuracy(curves[rate][i]) >= TRAINED), default=min(rates) / 3))
        for i in seeds
    ]


def best_accuracy(curve: Sequence[Epoch]) -> float:
    """Validation accuracy of the best epoch; 0 where the training diverged."""
    return max((epoch.validation_accuracy for epoch in curve), default=0.0)


def _highest(curves: Curves) -> str:
    return f"{10 ** mean(highest(curves)):.2g}"


def _ratio(judged: Judged) -> str:
    ends = "" if judged.interval is None else f" [{judged.interval[0]:.2g}, {judged.interval[1]:.2g}]"
    return f"{judged.effect:.2g}{ends} times"


def _row(name: str, with_norm: Curves, without: Curves) -> tuple[str, ...]:
    return name, _highest(with_norm), _highest(without)


def _figure(depth: int, with_norm: Curves, without: Curves) -> Lines:
    return Lines(
        f"Validation accuracy at rising learning rates, {depth} convolutions",
        tuple(with_norm),
        "learning rate of SGD",
        "validation accuracy",
        tuple(
            over_seeds(
                name, zip(*([best_accuracy(curve) for curve in of_rate] for of_rate in curves.values()), strict=True)
            )
            for name, curves in (("with batch norm", with_norm), ("without", without))
        ),
        levels=((TRAINED, f"{TRAINED:.0%}: counts as trained"),),
        is_share=True,
        log_x=True,
    )


CLAIM = Claim(
    id="batchnorm-lr",
    statement="Batch norm allows higher learning rates.",
    section="Normalization: BatchNorm (Intuition)",
    kind="statistical",
    decides=f"supported when the highest rate of SGD at which nets of {DECIDES_AT} convolutions ({DATA}) still reach "
    f"{TRAINED:.0%} validation accuracy is at least {SMALLEST.value:g} times as high with batch norm, the 95 % "
    f"interval over seeds lying above 1; not supported when it lies below {SMALLEST.value:g}. The statement was made "
    "about deep nets (Ioffe and Szegedy 2015, §3.3; Bjorck et al. 2018); the figure shows where else it holds",
    measure=measure,
    smallest=SMALLEST,
)
