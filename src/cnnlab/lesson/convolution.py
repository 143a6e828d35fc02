"""Convolution: a filter slides over a digit; and how much of the image a unit depends on, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cnnlab.anatomy import Layer, describe
from cnnlab.figures import Map, Maps
from cnnlab.formulas import conv2d
from cnnlab.lesson.evidence import Evidence, Trained
from cnnlab.lesson.lenet import lesson_names
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, number
from cnnlab.numbers import true_minus

Array = NDArray[np.float64]

#: Positive where the image grows brighter from left to right.
EDGE = np.array([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])

#: Filters written by hand: name → weights.
BY_HAND = {"vertical edges": EDGE, "horizontal edges": EDGE.T, "blur": np.full((3, 3), 1 / 9)}


@dataclass(frozen=True)
class FieldStep:
    """A layer that widens the field: its name, and its field's recurrence filled in."""

    layer: str
    type: str
    arithmetic: str


@dataclass(frozen=True)
class Convolution:
    """digit: (H, W), 0–1, that EDGE slides over. by_hand: what three filters make of it. fields: what a unit in the
    middle of each layer sees. steps: net → the layers that widen the field.
    """

    digit: Array
    kernel: Array
    by_hand: Maps
    fields: Maps
    steps: dict[str, tuple[FieldStep, ...]]
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Convolution:
    """Slide hand-written filters over a digit, and ask for a sum and for receptive fields."""
    digit, lenet, cnn = evidence.digit, evidence.lenet, evidence.simple_cnn
    patch = _patch(digit)
    last = cnn.layers("conv2d")[-1]
    return Convolution(
        digit=digit,
        kernel=EDGE,
        by_hand=Maps(
            "One digit, three filters written by hand",
            (Map("the image", digit, kind="gray"), *(_answer(name, digit, K) for name, K in BY_HAND.items())),
        ),
        fields=Maps("What one unit sees", tuple(_seen(digit, name, layer) for name, layer in _named(lenet))),
        steps={one.name: tuple(_step(name, layer) for name, layer in _named(one)) for one in (lenet, cnn)},
        questions=(_sum(patch), _two_threes(), _with_a_pool(lenet)),
        see=(
            cnn.explorer(last.name, "A unit of the second convolution, and the pixels that it depends on"),
            lenet.report("The run of LeNet-5, with its filters"),
            Link("page", "Both nets, layer by layer", "anatomy.html"),
        ),
    )


def _answer(name: str, digit: Array, K: Array) -> Map:
    Y = conv2d(digit[None, None], K[None, None])[0, 0]
    return Map(name, Y, scale=float(np.abs(Y).max()))


def _wideners(one: Trained) -> list[Layer]:
    """The layers that slide a window of more than one pixel."""
    return [layer for layer in one.anatomy.layers if layer.field_arithmetic]


def _named(one: Trained) -> list[tuple[str, Layer]]:
    """The same layers by the lesson's names, where they have any."""
    names = {layer.name: name for name, layer in lesson_names(one).items()} if one.name == "lenet5" else {}
    return [(names.get(layer.name, layer.name), layer) for layer in _wideners(one)]


def _step(name: str, layer: Layer) -> FieldStep:
    return FieldStep(name, layer.type, "; ".join(layer.field_arithmetic))


def _seen(digit: Array, name: str, layer: Layer) -> Map:
    """The digit, with a frame around what a unit in the middle of a layer's map depends on."""
    rows, columns = (axis.seen[len(axis.seen) // 2].nonzero()[0] for axis in (layer.field.rows, layer.field.columns))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    return Map(
        f"{name}: {height}×{width}",
        digit,
        kind="gray",
        box=(int(rows[0]), int(columns[0]), int(height), int(width)),
    )


def _patch(digit: Array) -> Array:
    """A 3×3 patch in tenths: where EDGE's answer is furthest from 0 with the other sign than where it is furthest.

    The drawing of the sliding filter writes that one out, and would give the answer away.
    """
    Y = conv2d(digit[None, None], EDGE[None, None])[0, 0]
    furthest = Y.flat[np.abs(Y).argmax()]
    row, column = np.unravel_index((Y * np.sign(furthest)).argmin(), Y.shape)
    return np.round(10 * digit[row : row + 3, column : column + 3])


def _sum(patch: Array) -> Question:
    answer = float(conv2d(patch[None, None], EDGE[None, None])[0, 0, 0, 0])
    flipped = float(np.sum(patch * EDGE[::-1, ::-1]))
    products = " + ".join(
        f"{pixel:g}·({weight:g})" if weight < 0 else f"{pixel:g}·{weight:g}"
        for pixel, weight in zip(patch.flat, EDGE.flat, strict=True)
    )
    rows = "; ".join(" ".join(f"{pixel:g}" for pixel in row) for row in patch)
    return number(
        "one-sum",
        f"The filter for vertical edges (−1 0 1 in each of its three rows) lies on these pixels, row by row: {rows}. "
        "What is the feature map's value there?",
        answer,
        worked=true_minus(f"{products} = {answer:g}"),
        slips=[
            (flipped, "You turned the filter round. That is convolution in mathematics; layers leave it as it is."),
            (float(patch.sum()), "You added up the pixels without the weights."),
            (float(np.abs(patch * EDGE).sum()), "The weights of the left column are negative."),
        ],
    )


def _two_threes() -> Question:
    net = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3))
    last = describe(net, (1, 28, 28)).layers[-1]
    size = last.receptive_field.size
    assert isinstance(size, int)
    return number(
        "two-threes",
        "Two 3×3 convolutions with stride 1 stand one after the other. How many pixels wide is the receptive field of "
        "a unit of the second?",
        size,
        worked=f"{last.field_arithmetic[0]}: the first gives 3 pixels, the second adds one on either side.",
        slips=[
            (6, "The windows of neighbours overlap: the second adds K−1 pixels, not K."),
            (9, "Sizes add up, they do not multiply."),
            (3, "That is the first convolution alone; the second sees three of its units, each of them 3 wide."),
        ],
        unit="pixels",
    )


def _with_a_pool(lenet: Trained) -> Question:
    first, pool, second = (layer for layer in _wideners(lenet)[:3])
    K, k = first.call.arguments["weight"][-1], second.call.arguments["weight"][-1]
    field, before = second.receptive_field.size, pool.receptive_field.size
    assert isinstance(field, int)
    assert isinstance(before, int)
    stride = pool.receptive_field.jump
    assert isinstance(stride, int)
    return number(
        "field-behind-a-pool",
        f"LeNet-5: a {K}×{K} convolution, a {stride}×{stride} pool, and another {k}×{k} convolution. How many pixels "
        "wide is the receptive field of a unit of the last?",
        field,
        worked=f"{'; '.join(layer.field_arithmetic[0] for layer in (first, pool, second))}. After the pool "
        f"neighbouring units are {stride} pixels apart, so the same kernel reaches {stride} times as far.",
        slips=[
            (
                before + k - 1,
                f"After the pool neighbours are {stride} pixels apart, so each further value adds {stride}.",
            ),
            (K + stride + k, "Kernel sizes do not simply add up: neighbouring windows overlap, and jumps grow."),
            (K, "That is the first convolution alone."),
            (before, "That is up to the pool; the last convolution widens it."),
        ],
        unit="pixels",
    )
