"""Pooling makes features change less under small shifts."""

from __future__ import annotations

from statistics import mean

import torch
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import decided, points, seeds_to_settle
from cnnlab.data.normalise import normalise
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import VARIANTS, own_variant

IMAGES, EPOCHS = 500, 6
SHIFTS = (1, 2, 3)
POOLS = ("max", "average", "stride", "none")


def measure(laboratory: Laboratory) -> Finding:
    """Nets trained with four ways to halve a map, or none: how far the last features move when the image does."""
    plan = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS)
    found = laboratory.compare(plan, [VARIANTS["average-pool"], VARIANTS["strided"], own_variant("pool=none")])
    changes = {
        pool: [
            [_change(run.load_net(), *_pixels(laboratory, run.config.data.name), shift) for shift in SHIFTS]
            for run in figures.runs
        ]
        for pool, figures in zip(POOLS, found.variants, strict=True)
    }
    by_seed = {pool: [mean(of_seed) for of_seed in of_all] for pool, of_all in changes.items()}
    effect = paired_difference(by_seed["none"], by_seed["max"])
    rows = [
        (
            pool,
            *(f"{100 * mean(of_seed[i] for of_seed in changes[pool]):.1f} %" for i in range(len(SHIFTS))),
            f"{mean(figures.test):.2%}",
        )
        for pool, figures in zip(POOLS, found.variants, strict=True)
    ]
    return Finding(
        effect=100 * effect.mean,
        unit="points of relative change that max pooling saves, mean over 1 to 3 pixels",
        interval=points(effect),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive"),
        says=f"Shifted by 1 to 3 pixels, an image changes the last feature maps by {mean(by_seed['max']):.0%} of "
        f"their size "
        f"with max pooling, {mean(by_seed['average']):.0%} with averages, {mean(by_seed['stride']):.0%} with strides "
        f"and "
        f"{mean(by_seed['none']):.0%} without any of them. Less is not nothing: pooled features move, too.",
        table=(("halving by", *(f"change at {shift} px" for shift in SHIFTS), "test accuracy"), *rows),
        figures=(
            Lines(
                "How far the last feature maps move",
                (0.0, *map(float, SHIFTS)),
                "shift of the image, pixels",
                "change, of their size",
                tuple(
                    over_seeds("no halving" if pool == "none" else pool, ([0.0, *of_seed] for of_seed in changes[pool]))
                    for pool in POOLS
                ),
                is_share=True,
            ),
        ),
        by_seed=tuple(100 * one for one in effect.differences),
        seeds_to_settle=seeds_to_settle(effect),
    )


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
    decides="supported when the last feature maps of a net with max pooling change less under shifts of 1 to 3 "
    "pixels, in "
    "proportion, than those of a net without, the 95 % interval of the paired difference lying above 0",
    measure=measure,
)
