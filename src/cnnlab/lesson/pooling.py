"""Pooling: a window of a real map, what a shifted image changes before and after a pool, and what pooling saves."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from cnnlab.anatomy import Anatomy, Layer, describe
from cnnlab.config import NetSpec
from cnnlab.experiments.statistics import Difference, paired_difference
from cnnlab.figures import Map, Maps
from cnnlab.formulas import max_pool2d
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.listing import Listing, listing
from cnnlab.lesson.question import Question, in_other_numbers, number
from cnnlab.nets import build_net

#: Convolution, ReLU and pool, the block that most nets are made of.
BLOCK = """\
from torch import nn

block = nn.Sequential(
    nn.Conv2d(1, 6, kernel_size=5, padding=2),
    nn.ReLU(),
    nn.MaxPool2d(2),
)
"""


#: Other numbers to ask for: maps and their side.
_MAPS = ((8, 24), (14, 18), (12, 16), (16, 18), (24, 10), (32, 14), (6, 36))


@dataclass(frozen=True)
class Shifted:
    """Relative change of a layer's answer when the image moves a pixel to the right: mean over images (0–1).

    saved: change before the pool less change after it, paired by image.
    """

    before: float
    after: float
    saved: Difference


@dataclass(frozen=True)
class Pooling:
    """before, behind: a piece of a map of LeNet's, and what the pool makes of it. unpooled: SimpleCNN without pools.

    block: convolution, ReLU and pool in PyTorch.
    """

    pool: Layer
    before: Maps
    behind: Maps
    block: Listing
    shifted: Shifted
    cnn: Anatomy
    unpooled: Anatomy
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Pooling:
    """Pool a piece of a map, shift images by a pixel, and count what pools save."""
    lenet, cnn, data = evidence.lenet, evidence.simple_cnn, evidence.data
    pool = lenet.layers("max_pool2d")[0]
    (entering,) = pool.inputs
    maps = lenet.maps(evidence.some_images)
    spec = NetSpec(name="conv-net", options={"pool": "none"})
    unpooled = build_net(spec, image_shape=data.image_shape, num_classes=len(data.classes), seed=0)
    piece = _piece(maps[entering][0])
    return Pooling(
        pool=pool,
        before=_drawn("A piece of a feature map of LeNet-5", piece, piece),
        behind=_drawn("After the pool", max_pool2d(piece[None, None], 2)[0, 0], piece),
        block=listing(BLOCK, (1, 28, 28)),
        shifted=_shifted(maps, lenet.maps(_moved(evidence.some_images)), entering, pool.name),
        cnn=cnn.anatomy,
        unpooled=describe(unpooled, data.image_shape),
        questions=(
            in_other_numbers(_values, (pool,), *((_pool(*one),) for one in _MAPS)),
            in_other_numbers(_window_max, *_windows(piece)),
        ),
        see=(
            lenet.explorer(pool.name, "A unit of the pool S2 (there: Pool 1), and which of its four inputs won"),
            lenet.report("The run of LeNet-5"),
        ),
    )


def _drawn(title: str, values: np.ndarray, piece: np.ndarray) -> Maps:
    return Maps(title, (Map(f"{len(values)}×{len(values)}", values, scale=float(piece.max()), has_numbers=True),))


def _piece(maps: Tensor) -> np.ndarray:
    """The 4×4 piece with the largest spread among those that a pool's windows make, to one decimal."""
    best, found = -1.0, np.zeros((4, 4))
    for channel in maps.double().numpy():
        for row in range(0, channel.shape[0] - 3, 2):
            for column in range(0, channel.shape[1] - 3, 2):
                piece = np.round(channel[row : row + 4, column : column + 4], 1)
                if piece.std() > best and len(np.unique(piece[:2, :2])) == 4:
                    best, found = piece.std(), piece
    return found + 0.0


def _moved(images: Tensor) -> Tensor:
    """A pixel to the right; the left column is repeated."""
    return torch.cat([images[..., :1], images[..., :-1]], dim=-1)


def _shifted(maps: dict[str, Tensor], moved: dict[str, Tensor], before: str, after: str) -> Shifted:
    changes = {}
    for name in (before, after):
        here, there = maps[name].flatten(1).double(), moved[name].flatten(1).double()
        changes[name] = ((here - there).norm(dim=1) / here.norm(dim=1).clamp(min=1e-12)).tolist()
    return Shifted(
        before=float(np.mean(changes[before])),
        after=float(np.mean(changes[after])),
        saved=paired_difference(changes[before], changes[after]),
    )


def _pool(maps: int, side: int) -> Layer:
    return describe(nn.MaxPool2d(2), (maps, side, side)).layers[0]


def _values(pool: Layer) -> Question:
    C, H, W = pool.input_shapes[0]
    answer = prod(pool.output_shape)
    return number(
        "values-behind-the-pool",
        f"{C} maps of {H}×{W} go into a 2×2 pool with stride 2. How many values leave it, in all maps together?",
        answer,
        worked=f"{C}·{'·'.join(map(str, pool.output_shape[1:]))} = {answer:,}: height and width are halved, so a "
        "quarter is left; there are as many maps as before.",
        slips=[
            (C * H * W // 2, "Height and width are both halved: that makes a quarter, not a half."),
            (C * H * W, "That many go in."),
            (answer // C, f"That is one map; there are {C}."),
        ],
        unit="values",
    )


def _windows(piece: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    """The piece's windows of 2×2, those left out whose values are all the same: where each lies, and its values."""
    windows = {
        "top left": piece[:2, :2],
        "top right": piece[:2, 2:],
        "bottom left": piece[2:, :2],
        "bottom right": piece[2:, 2:],
    }
    return tuple((where, values) for where, values in windows.items() if values.min() < values.max())


def _window_max(where: str, values: np.ndarray) -> Question:
    answer = float(values.max())
    listing = ", ".join(f"{one:g}" for one in values.flat)
    return number(
        "max-of-a-window",
        f"The {where} window of the piece above holds {listing}. What does max pooling make of it?",
        answer,
        worked=f"max({listing}) = {answer:g}. The others are forgotten, and so is "
        "where in the window the largest stood.",
        slips=[
            (float(values.mean()), "That is average pooling."),
            (float(values.sum()), "Pooling does not add up."),
            (float(values.min()), "That is the smallest."),
        ],
        tolerance=0.001,
    )
