"""Shapes: the output-size formula, filled in for every layer of both nets."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.anatomy import Layer
from cnnlab.formulas import output_size
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.lenet import lesson_names
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, number

#: The window of the first question: kernel size, stride, padding.
WINDOW = (5, 2, 2)

#: Images of a batch in the second.
BATCH = 64


@dataclass(frozen=True)
class Shapes:
    """nets: name → its layers. names: of LeNet's layers, as the lesson has them."""

    image: tuple[int, ...]
    nets: dict[str, tuple[Layer, ...]]
    names: dict[str, str]
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Shapes:
    """List every layer's shapes in both nets, and ask for sizes."""
    lenet, cnn = evidence.lenet, evidence.simple_cnn
    shape = evidence.data.image_shape
    return Shapes(
        image=shape,
        nets={one.name: one.anatomy.layers for one in (lenet, cnn)},
        names={layer.name: name for name, layer in lesson_names(lenet).items()},
        questions=(_size(shape[1]), _block(lenet.anatomy.layers[:3], shape), _same(5)),
        see=(
            Link("page", "Every shape of both nets, drawn", "anatomy.html"),
            cnn.whole_net("SimpleCNN’s maps for one image, with their sizes"),
            cnn.report("The run of SimpleCNN"),
        ),
    )


def _size(H: int) -> Question:
    K, s, p = WINDOW
    answer = output_size(H, K, stride=s, padding=p)
    return number(
        "output-height",
        f"A convolution with kernel size {K}, stride {s} and padding {p} reads a map {H} high. How high is what leaves "
        "it?",
        answer,
        worked=f"⌊({H}+2·{p}−{K})/{s}⌋+1 = {answer}",
        slips=[
            (output_size(H, K, stride=s), "You forgot the padding."),
            (answer - 1, "You forgot the 1: the first window counts, too."),
            (output_size(H + p, K, stride=s), "Padding lies on both sides, so it counts twice."),
            (output_size(H, K, padding=p), f"You forgot the stride: the filter moves {s} places at a time."),
            (answer + 1, "You rounded up: a window that does not fit is left out."),
            (H // s, "Only with the right padding is the stride all that counts; here the kernel counts, too."),
        ],
    )


def _block(layers: tuple[Layer, ...], shape: tuple[int, ...]) -> Question:
    """What leaves LeNet's first block: convolution, ReLU, pool."""
    convolution, _, pool = layers
    filters, height, width = pool.output_shape
    says = convolution.call.arguments
    K, p = says["weight"][-1], says["padding"][0] if isinstance(says["padding"], tuple) else says["padding"]

    def text(*sizes: int) -> str:
        return f"({', '.join(map(str, sizes))})"

    _, unpooled, _ = convolution.output_shape
    return choice(
        "block-shape",
        f"A batch of {BATCH} images, {text(BATCH, *shape)}, goes through {filters} filters of {K}×{K} with padding "
        f"{p}, ReLU and a 2×2 max pool. What shape comes out?",
        text(BATCH, filters, height, width),
        worked=f"Convolution: {'; '.join(convolution.size_arithmetic)}. Pool: {'; '.join(pool.size_arithmetic)}. Every "
        "filter makes a map, every image of the batch has its own.",
        others=[
            (text(BATCH, filters, unpooled, unpooled), "That is before the pool, which halves height and width."),
            (text(BATCH, shape[0], height, width), "Every filter makes a map of its own."),
            (text(filters, height, width), "The batch is part of the shape: each of its images has its own maps."),
        ],
        place=2,
    )


def _same(K: int) -> Question:
    answer = next(p for p in range(K) if output_size(28, K, padding=p) == 28)
    return number(
        "same-padding",
        f"Which padding keeps the size for kernel size {K} and stride 1 (“same” padding)?",
        answer,
        worked=f"(K−1)/2 = ({K}−1)/2 = {answer}, for then H+2p−K+1 = H.",
        slips=[
            (K - 1, "That much is needed in all; half of it lies on each side."),
            (K // 2 + 1, "That is one too many: the map would grow."),
            (0, "Without padding (“valid”) the map shrinks by K−1."),
            (1, "Enough for 3×3; a larger kernel needs more."),
        ],
    )
