"""Why convolution: what a dense layer costs between the same two shapes, and how that grows with the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from cnnlab.anatomy import Layer, describe
from cnnlab.claims.entry import ClaimEntry
from cnnlab.data.views import view
from cnnlab.figures import Map, Maps
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, in_other_numbers, number

#: Times as wide and high as the lesson's images.
TIMES = (1, 2, 4, 8)

#: Other numbers of the questions: sides of an image and outputs; filters, channels and kernel size; times as wide, and
#: where the right answer stands.
_DENSE = ((30, 15), (42, 8), (50, 6), (25, 16), (20, 25), (35, 12), (26, 18))
_FILTERS = ((8, 3, 3), (12, 7, 1), (20, 5, 3), (16, 3, 2), (10, 5, 4), (24, 3, 1), (9, 7, 2))
_TIMES_AS_WIDE = ((3, 0), (4, 2), (5, 1))


@dataclass(frozen=True)
class ConvolutionAndDense:
    """One and the same convolution on an image of some size, and the dense layer between the same shapes."""

    image: tuple[int, ...]
    output: tuple[int, ...]
    convolution: int
    dense: int


@dataclass(frozen=True)
class WhyConvolution:
    """layer: LeNet's first convolution, which the rows take to larger images.

    twins: test images and the same with their pixels permuted. permuted: what a claim measured on such images, if it
    was put to the test.
    """

    image: tuple[int, ...]
    pixels: int
    layer: Layer
    rows: tuple[ConvolutionAndDense, ...]
    twins: Maps
    permuted: ClaimEntry | None
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> WhyConvolution:
    """Count parameters of a convolution and of the dense layer between the same shapes, and ask for the counts."""
    lenet, shape = evidence.lenet, evidence.data.image_shape
    layer = lenet.layers("conv2d")[0]
    convolution = lenet.net.get_submodule(layer.name)
    rows = [_on(convolution, shape, times) for times in TIMES]
    return WhyConvolution(
        image=shape,
        pixels=prod(shape),
        layer=layer,
        rows=tuple(rows),
        twins=_twins(evidence),
        permuted=evidence.entries.get("locality-matters"),
        questions=(
            in_other_numbers(_dense, (prod(shape), len(evidence.data.classes)), *(_of_square(*one) for one in _DENSE)),
            filters_question("conv-parameters", "the first convolution of LeNet-5", layer, others=_FILTERS),
            in_other_numbers(
                _larger,
                (rows[0], rows[1], 2, 1),
                *((rows[0], _on(convolution, shape, times), times, place) for times, place in _TIMES_AS_WIDE),
            ),
        ),
        see=(
            lenet.explorer(layer.name, "One unit of this convolution, and every product that it sums"),
            lenet.report("The run of LeNet-5"),
        ),
    )


def _on(convolution: nn.Module, shape: tuple[int, ...], times: int) -> ConvolutionAndDense:
    """The convolution on an image some times as wide and high."""
    channels, height, width = shape
    one = describe(convolution, (channels, height * times, width * times)).layers[0]
    return ConvolutionAndDense(one.input_shapes[0], one.output_shape, one.parameters, one.dense_equivalent_parameters)


def _twins(evidence: Evidence) -> Maps:
    """Two validation images of different classes, as they are and in the one order that all permuted images have."""
    data = evidence.data
    permuted = view(data, None, ("permuted-pixels",))
    labels = data.validation.labels
    other = int((labels != labels[0]).nonzero()[0])
    return Maps(
        "Two images, and the same pixels in another order",
        tuple(
            Map(f"a {data.classes[int(labels[i])]}{says}", images[i, 0].double().numpy() / 255, kind="gray")
            for i in (0, other)
            for says, images in (("", data.validation.images), (", permuted", permuted.validation.images))
        ),
    )


def filters_question(id: str, what: str, layer: Layer, *, others: Sequence[tuple[int, int, int]]) -> Question:
    """A question for the number of parameters of a convolution.

    what: it is, to go on with in a sentence. others: filters, kernel size and channels of layers like it, to ask for.
    """
    like_it = [(id, f"A layer like {what}", _convolution(*one)) for one in others]
    return in_other_numbers(_filters, (id, what[0].upper() + what[1:], layer), *like_it)


def _convolution(filters: int, side: int, channels: int) -> Layer:
    return describe(nn.Conv2d(channels, filters, side), (channels, 28, 28)).layers[0]


def _filters(id: str, what: str, layer: Layer) -> Question:
    filters, channels, height, width = layer.call.arguments["weight"]
    weights = filters * channels * height * width
    slips = [
        (weights, f"You left out the biases: each of the {filters} filters has one."),
        (channels * height * width + 1, f"That is one filter; there are {filters}."),
        (channels * height * width, f"That is one filter without its bias; there are {filters}."),
        (
            (weights + filters) * layer.output_shape[1] * layer.output_shape[2],
            "You counted the filters again for every place, but the same weights serve everywhere.",
        ),
    ]
    if channels > 1:
        slips.append(
            (filters * height * width + filters, f"A filter reaches through all {channels} channels of its input.")
        )
    return number(
        id,
        f"{what} has {filters} filters of {height}×{width} over {channels} channel{'s' if channels > 1 else ''}, each "
        "with a bias. How many parameters is that?",
        layer.parameters,
        worked=f"{layer.parameters_arithmetic}: the weights of every filter, and a bias for each.",
        slips=slips,
        unit="parameters",
    )


def _of_square(side: int, classes: int) -> tuple[int, int, str]:
    return side * side, classes, f" of an image of {side}×{side}"


def _dense(pixels: int, classes: int, of: str = "") -> Question:
    total = pixels * classes + classes
    return number(
        "dense-parameters",
        f"A dense layer reads all {pixels:,} pixel values{of} and has {classes} outputs, each with a bias. How many "
        "parameters is that?",
        total,
        worked=f"{pixels:,}·{classes}+{classes} = {total:,}: a weight for each pixel and output, and a bias an output.",
        slips=[
            (pixels * classes, f"You left out the biases: {classes} more."),
            (pixels + classes, "Every output has a weight of its own for every pixel, so the two numbers multiply."),
            (pixels * classes + 1, f"There is a bias for each of the {classes} outputs, not one for all."),
        ],
        unit="parameters",
    )


#: A few numbers in words; how many times.
_WORDS = {3: "three", 4: "four", 5: "five"}


def _larger(small: ConvolutionAndDense, large: ConvolutionAndDense, times: int, place: int) -> Question:
    often = {2: "twice"}.get(times) or f"{_WORDS[times]} times"
    squared = {4: "Four", 9: "Nine"}.get(times * times, str(times * times))
    dense = large.dense / small.dense
    return choice(
        "twice-the-image",
        f"The image becomes {often} as wide and {often} as high. How many parameters does the convolution have then?",
        "As many as before",
        worked=f"{small.convolution:,} on {_size(small)} and {large.convolution:,} on {_size(large)}: a filter has its "
        f"weights, however many places it visits. The dense layer between the same shapes grows {dense:.1f} times.",
        others=[
            (
                f"{often.capitalize()} as many",
                "The filter visits more places, but it takes the same weights along to all of them.",
            ),
            (f"{squared} times as many", "There are that many more places, but the weights are shared by all of them."),
        ],
        place=place,
    )


def _size(row: ConvolutionAndDense) -> str:
    return "×".join(map(str, row.image[1:]))
