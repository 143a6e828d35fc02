"""Pooling makes features change less under small shifts."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import torch
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.judging import Control, Judged, Smallest, Where, judge
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.claims.tuning import best_rates
from cnnlab.data.normalise import normalise
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, over_seeds, where_it_holds
from cnnlab.runs import Run

IMAGES, EPOCHS = 500, 6
SHIFTS = (1, 2, 3)

#: Where the verdict is taken, in pixels: the smallest shift there is.
DECIDES_AT = 1

#: What halves the maps: `stride` is a convolution with stride 2, with as many places after it and no pool.
POOLS = ("max", "average", "stride")
RATES = (0.001, 0.003)

SMALLEST = Smallest(
    5.0,
    "points of relative change",
    "a twentieth of the features' own size; less would change nothing that is built on them",
)

#: Change (0–1, of the features' size): one row a seed, one value a shift.
Changes = Sequence[Sequence[float]]


def decide(pooled: Changes, strided: Changes, other_strided: Changes) -> tuple[Where, Control]:
    """Judge how much less features change with max pooling than with strides, shift by shift.

    other_strided: of nets with strides as well, but trained at another rate. Between two nets of which neither pools
    the statement is false: their difference at the deciding shift is the control.
    """

    def less(changes: Changes, reference: Changes, at: int) -> Judged:
        i = SHIFTS.index(at)
        return judge(paired_difference([row[i] for row in reference], [row[i] for row in changes]), SMALLEST, scale=100)

    where = Where(
        "shift of the image, pixels", tuple((float(at), less(pooled, strided, at)) for at in SHIFTS), float(DECIDES_AT)
    )
    return where, Control.of(
        "strides at one learning rate against strides at another: neither pools",
        less(strided, other_strided, DECIDES_AT),
    )


def measure(laboratory: Laboratory) -> Finding:
    """Nets that halve their maps in three ways, each at its best rate: how far the last features move."""
    plan = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS).as_family()
    arms = [(pool, rate) for pool in POOLS for rate in RATES]
    found = laboratory.compare(
        plan.with_net(pool=POOLS[0]).with_changes(learning_rate=RATES[0]),
        [
            to(
                f"{pool} at {rate:g}",
                net=plan.with_net(pool=pool).net,
                changes=plan.changes | {"learning_rate": rate},
            )
            for pool, rate in arms[1:]
        ],
    )
    runs = {arm: figures.runs for arm, figures in zip(arms, found.variants, strict=True)}
    accuracies = {arm: figures.validation for arm, figures in zip(arms, found.variants, strict=True)}
    laboratory.bring_back_weights([run for of_arm in runs.values() for run in of_arm])
    best = {pool: best_rates({rate: accuracies[pool, rate] for rate in RATES}) for pool in POOLS}
    changes = {pool: _changes(laboratory, [runs[pool, rate][i] for i, rate in enumerate(best[pool])]) for pool in POOLS}
    others = [next(rate for rate in RATES if rate != chosen) for chosen in best["stride"]]
    other_strided = _changes(laboratory, [runs["stride", rate][i] for i, rate in enumerate(others)])
    where, control = decide(changes["max"], changes["stride"], other_strided)
    at = {pool: mean(row[SHIFTS.index(DECIDES_AT)] for row in changes[pool]) for pool in POOLS}
    return found_over_seeds(
        where.deciding,
        unit=f"points less relative change with max pooling than with strides, for a shift of {DECIDES_AT} pixel",
        says=f"Shifted by {DECIDES_AT} pixel, an image changes the last feature maps by {at['max']:.0%} of their size "
        f"with max pooling, {at['average']:.0%} with averages and {at['stride']:.0%} with strides. Less is not "
        "nothing: pooled features move, too.",
        controls=(control,),
        where=where,
        table=(
            ("halving by", "learning rates", *(f"change at {shift} px" for shift in SHIFTS), "validation accuracy"),
            *(
                (
                    pool,
                    ", ".join(f"{rate:g}" for rate in sorted(set(best[pool]))),
                    *(f"{100 * mean(row[i] for row in changes[pool]):.1f} %" for i in range(len(SHIFTS))),
                    f"{mean(accuracies[pool, rate][i] for i, rate in enumerate(best[pool])):.2%}",
                )
                for pool in POOLS
            ),
        ),
        figures=(
            where_it_holds(
                "How much less the features move with max pooling than with strides",
                where,
                "points of relative change",
                SMALLEST,
                log_x=False,
            ),
            Lines(
                "How far the last feature maps move",
                (0.0, *map(float, SHIFTS)),
                "shift of the image, pixels",
                "change, of their size",
                tuple(over_seeds(pool, ([0.0, *of_seed] for of_seed in changes[pool])) for pool in POOLS),
                is_share=True,
            ),
        ),
    )


def _changes(laboratory: Laboratory, runs: Sequence[Run]) -> Changes:
    """For every run its change at each shift."""
    return [
        [_change(run.load_net(), *_pixels(laboratory, run.config.data.name), shift) for shift in SHIFTS] for run in runs
    ]


def _pixels(laboratory: Laboratory, name: str) -> tuple[Tensor, Tensor]:
    """500 validation images, as a net sees them, and the value of a black pixel there, (C, 1, 1)."""
    data = laboratory.load(name)
    images = data.validation.images[:500]
    black = normalise(torch.zeros_like(images[:1, :, :1, :1]), data.mean, data.std)
    return normalise(images, data.mean, data.std), black[0]


def _change(net: nn.Module, x: Tensor, black: Tensor, shift: int) -> float:
    """‖f(shifted) − f(x)‖ / ‖f(x)‖ of the last feature maps, mean over images and the four directions."""
    features = net.get_submodule("features")
    total = 0.0
    with torch.no_grad():
        before = features(x)
        for dy, dx in ((shift, 0), (-shift, 0), (0, shift), (0, -shift)):
            moved = black.expand_as(x).clone()
            height, width = x.shape[2:]
            to_rows, from_rows = _overlap(dy, height)
            to_columns, from_columns = _overlap(dx, width)
            moved[:, :, to_rows, to_columns] = x[:, :, from_rows, from_columns]
            difference = (features(moved) - before).flatten(1).norm(dim=1)
            total += float((difference / before.flatten(1).norm(dim=1)).mean()) / 4
    return total


def _overlap(by: int, side: int) -> tuple[slice, slice]:
    """Where pixels go, and where they come from, when an axis is shifted."""
    return slice(max(0, by), side + min(0, by)), slice(max(0, -by), side + min(0, -by))


CLAIM = Claim(
    id="pooling-invariance",
    statement="Pooling makes features change less when the image shifts by a little.",
    section="Pooling: Downsampling Features",
    kind="statistical",
    decides="supported when a shift of 1 pixel changes the last feature maps of a net with max pooling by at least "
    "5 points of their size less than those of one with strided convolutions, each at its best rate, the 95 % interval "
    "of the paired difference lying above 0, and two nets with strides, trained at different rates, do not pass the "
    "same rule; not supported when the interval lies below 5 points",
    measure=measure,
    smallest=SMALLEST,
)
