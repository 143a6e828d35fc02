"""Why convolution: what a dense layer costs between the same two shapes, and how that grows with the image."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from cnnlab.anatomy import Layer, describe
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, number

#: Times as wide and high as the lesson's images.
TIMES = (1, 2, 4, 8)


@dataclass(frozen=True)
class ConvolutionAndDense:
    """One and the same convolution on an image of some size, and the dense layer between the same shapes."""

    image: tuple[int, ...]
    output: tuple[int, ...]
    convolution: int
    dense: int


@dataclass(frozen=True)
class WhyConvolution:
    """layer: LeNet's first convolution, which the rows take to larger images."""

    image: tuple[int, ...]
    pixels: int
    layer: Layer
    rows: tuple[ConvolutionAndDense, ...]
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> WhyConvolution:
    """Count parameters of a convolution and of the dense layer between the same shapes, and ask for the counts."""
    lenet, shape = evidence.lenet, evidence.data.image_shape
    layer = lenet.layers("conv2d")[0]
    convolution = lenet.net.get_submodule(layer.name)
    rows = []
    for times in TIMES:
        channels, height, width = shape
        one = describe(convolution, (channels, height * times, width * times)).layers[0]
        rows.append(
            ConvolutionAndDense(one.input_shapes[0], one.output_shape, one.parameters, one.dense_equivalent_parameters)
        )
    return WhyConvolution(
        image=shape,
        pixels=prod(shape),
        layer=layer,
        rows=tuple(rows),
        questions=(
            _dense(prod(shape), len(evidence.data.classes)),
            filters_question("conv-parameters", "The first convolution of LeNet-5", layer),
            _larger(rows),
        ),
        see=(
            lenet.explorer(layer.name, "One unit of this convolution, and every product that it sums"),
            lenet.report("The run of LeNet-5"),
        ),
    )


def filters_question(id: str, what: str, layer: Layer) -> Question:
    """A question for the number of parameters of a convolution."""
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


def _dense(pixels: int, classes: int) -> Question:
    total = pixels * classes + classes
    return number(
        "dense-parameters",
        f"A dense layer reads all {pixels:,} pixel values and has {classes} outputs, each with a bias. How many "
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


def _larger(rows: list[ConvolutionAndDense]) -> Question:
    small, large = rows[0], rows[1]
    dense = large.dense / small.dense
    return choice(
        "twice-the-image",
        "The image becomes twice as wide and twice as high. How many parameters does the convolution have then?",
        "As many as before",
        worked=f"{small.convolution:,} on {_size(small)} and {large.convolution:,} on {_size(large)}: a filter has its "
        f"weights, however many places it visits. The dense layer between the same shapes grows {dense:.1f} times.",
        others=[
            ("Twice as many", "The filter visits more places, but it takes the same weights along to all of them."),
            ("Four times as many", "There are that many more places, but the weights are shared by all of them."),
        ],
        place=1,
    )


def _size(row: ConvolutionAndDense) -> str:
    return "×".join(map(str, row.image[1:]))
