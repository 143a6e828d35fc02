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
from cnnlab.lesson.question import Question, in_other_numbers, number
from cnnlab.numbers import rounded as figure
from cnnlab.numbers import true_minus

Array = NDArray[np.float64]

#: Positive where the image grows brighter from left to right.
EDGE = np.array([[-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]])

#: Filters written by hand: name → weights.
BY_HAND = {"vertical edges": EDGE, "horizontal edges": EDGE.T, "blur": np.full((3, 3), 1 / 9)}


#: Other numbers of the questions: convolutions one after the other, and their kernel size; kernel size, pool and kernel
#: size. Patches of the image that are asked for at most.
_STACKS = ((2, 5), (3, 3), (3, 5), (4, 5), (3, 7), (5, 3), (2, 11))
_WITH_A_POOL = ((3, 2, 3), (7, 2, 3), (5, 2, 3), (5, 3, 5), (3, 3, 3), (7, 2, 5), (3, 3, 5))
_PATCHES = 8

#: A few numbers in words, as what they count and as which of several.
_WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}

#: Pixels by which the image is translated, down and to the right.
TRANSLATION = 3


@dataclass(frozen=True)
class FieldStep:
    """A layer that widens the field: its name, and its field's recurrence filled in."""

    layer: str
    type: str
    arithmetic: str


@dataclass(frozen=True)
class Convolution:
    """digit: (H, W), 0–1, that EDGE slides over. kernels, answers: three filters, and the digit with what they make of
    it. translated: the digit moved, and both maps. furthest: how far the moved digit's map is from the map, moved, at
    most. fields: what a unit in the middle of each layer sees. steps: net → the layers that widen the field.
    """

    digit: Array
    kernel: Array
    kernels: tuple[Map, ...]
    answers: tuple[Map, ...]
    translated: Maps
    furthest: str
    fields: Maps
    steps: dict[str, tuple[FieldStep, ...]]
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Convolution:
    """Slide hand-written filters over a digit, and ask for a sum and for receptive fields."""
    digit, lenet, cnn = evidence.digit, evidence.lenet, evidence.simple_cnn
    last = cnn.layers("conv2d")[-1]
    translated, furthest = _translated(digit)
    return Convolution(
        digit=digit,
        kernel=EDGE,
        kernels=tuple(
            Map(name if name != "blur" else "blur, 1/9 each", K, has_numbers=name != "blur")
            for name, K in BY_HAND.items()
        ),
        answers=(Map("the image", digit, kind="gray"), *(_answer(name, digit, K) for name, K in BY_HAND.items())),
        translated=translated,
        furthest=figure(furthest),
        fields=Maps("What one unit sees", tuple(_seen(digit, name, layer) for name, layer in _named(lenet))),
        steps={one.name: tuple(_step(name, layer) for name, layer in _named(one)) for one in (lenet, cnn)},
        questions=(
            in_other_numbers(_sum, *((one,) for one in _patches(digit))),
            in_other_numbers(_one_after_the_other, (2, 3), *_STACKS),
            in_other_numbers(
                _with_a_pool, (*_wideners(lenet)[:3], "LeNet-5"), *(_pooled(*one) for one in _WITH_A_POOL)
            ),
        ),
        see=(
            cnn.explorer(last.name, "A unit of the second convolution, and the pixels that it depends on"),
            lenet.report("The run of LeNet-5, with its filters"),
            Link("page", "Both nets, layer by layer", "anatomy.html"),
        ),
    )


def _translated(digit: Array) -> tuple[Maps, float]:
    """The digit and its map for vertical edges, before and after a translation; the maps' largest difference.

    Where the filter lies on pixels that were in the picture before.
    """
    t = TRANSLATION
    moved = np.zeros_like(digit)
    moved[t:, t:] = digit[:-t, :-t]
    before, after = (conv2d(image[None, None], EDGE[None, None])[0, 0] for image in (digit, moved))
    scale = float(np.abs(before).max())
    maps = Maps(
        f"Translated by {t} pixels down and to the right",
        (
            Map("the image", digit, kind="gray"),
            Map("its map", before, scale=scale),
            Map("the translated image", moved, kind="gray"),
            Map("its map", after, scale=scale),
        ),
    )
    return maps, float(np.abs(after[t:, t:] - before[:-t, :-t]).max())


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


def _patches(digit: Array) -> list[Array]:
    """3×3 patches in tenths, from where EDGE's answer is furthest from 0 with the other sign than where it is furthest.

    The drawing of the sliding filter writes that one out, and would give the answer away. Each with another answer.
    """
    Y = conv2d(digit[None, None], EDGE[None, None])[0, 0]
    furthest = Y.flat[np.abs(Y).argmax()]
    found: dict[float, Array] = {}
    for row, column in zip(
        *np.unravel_index((Y * np.sign(furthest)).argsort(axis=None, kind="stable"), Y.shape), strict=True
    ):
        patch = np.round(10 * digit[row : row + 3, column : column + 3])
        answer = float((patch * EDGE).sum())
        if not found or (answer * furthest < 0 and answer not in found):
            found.setdefault(answer, patch)
        if len(found) == _PATCHES:
            break
    return list(found.values())


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


def _one_after_the_other(count: int, K: int) -> Question:
    net = nn.Sequential(*(nn.Conv2d(1, 1, K) for _ in range(count)))
    layers = describe(net, (1, 64, 64)).layers
    size = layers[-1].receptive_field.size
    assert isinstance(size, int)
    last, further = _ORDINALS[count], f"the {_ORDINALS[2]}" if count == 2 else "each further one"
    return number(
        "two-threes",
        f"{_WORDS[count].capitalize()} {K}×{K} convolutions with stride 1 stand one after the other. How many pixels "
        f"wide is the receptive field of a unit of the {last}?",
        size,
        worked="; ".join(layer.field_arithmetic[0] for layer in layers[1:])
        + f": the first gives {K} pixels, {further} adds {_WORDS[K // 2]} on either side.",
        slips=[
            (count * K, f"The windows of neighbours overlap: {further} adds K−1 pixels, not K."),
            (K**count, "Sizes add up, they do not multiply."),
            (
                K,
                "That is the first convolution alone; "
                + (
                    f"the second sees {_WORDS.get(K, K)} of its units, each of them {K} wide."
                    if count == 2
                    else "each further one sees several of its units, which lie side by side."
                ),
            ),
        ],
        unit="pixels",
    )


def _pooled(K: int, stride: int, k: int) -> tuple[Layer, Layer, Layer, str]:
    net = nn.Sequential(nn.Conv2d(1, 1, K), nn.MaxPool2d(stride), nn.Conv2d(1, 1, k))
    first, pool, second = describe(net, (1, 64, 64)).layers
    return first, pool, second, "Another net"


def _with_a_pool(first: Layer, pool: Layer, second: Layer, net: str) -> Question:
    K, k = first.call.arguments["weight"][-1], second.call.arguments["weight"][-1]
    field, before = second.receptive_field.size, pool.receptive_field.size
    assert isinstance(field, int)
    assert isinstance(before, int)
    stride = pool.receptive_field.jump
    assert isinstance(stride, int)
    return number(
        "field-behind-a-pool",
        f"{net}: a {K}×{K} convolution, a {stride}×{stride} pool, and {'another' if k == K else 'a'} {k}×{k} "
        "convolution. How many pixels wide is the receptive field of a unit of the last?",
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
