"""Shapes: the output-size formula, filled in for every layer of both nets."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from cnnlab.anatomy import Layer, describe
from cnnlab.formulas import output_size
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.lenet import lesson_names
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, in_other_numbers, number

#: The window of the first question: kernel size, stride, padding.
WINDOW = (5, 2, 2)

#: Images of a batch in the third.
BATCH = 64

#: Other numbers of the questions: height, kernel size, stride and padding, where a last window does not fit; images,
#: the shape of one, filters, kernel size and padding; kernel sizes.
_WINDOWS = ((32, 5, 3, 1), (40, 7, 2, 3), (30, 3, 2, 1), (50, 7, 3, 2), (36, 5, 2, 1), (27, 5, 3, 2), (48, 7, 2, 2))
_BLOCKS = (
    (16, (1, 32, 32), 8, 5, 2),
    (32, (3, 24, 24), 12, 3, 1),
    (128, (1, 28, 28), 10, 3, 0),
    (50, (3, 48, 48), 24, 5, 2),
    (8, (1, 20, 20), 4, 3, 1),
    (100, (3, 64, 64), 18, 7, 3),
)
_KERNELS = (3, 7, 9, 11, 13, 15)


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
        questions=(
            in_other_numbers(_size, (shape[1], *WINDOW), *_WINDOWS),
            in_other_numbers(
                _block,
                (BATCH, lenet.anatomy.layers[:3], shape, 2),
                *((N, _layers(C, *layer), C, i % 4) for i, (N, C, *layer) in enumerate(_BLOCKS)),
            ),
            in_other_numbers(_same, (5,), *((K,) for K in _KERNELS)),
        ),
        see=(
            Link("page", "Every shape of both nets, drawn", "anatomy.html"),
            cnn.whole_net("SimpleCNN’s maps for one image, with their sizes"),
            cnn.report("The run of SimpleCNN"),
        ),
    )


def _size(H: int, K: int, s: int, p: int) -> Question:
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


def _layers(shape: tuple[int, int, int], filters: int, K: int, padding: int) -> tuple[Layer, ...]:
    """A block like LeNet's first, taken apart."""
    block = nn.Sequential(nn.Conv2d(shape[0], filters, K, padding=padding), nn.ReLU(), nn.MaxPool2d(2))
    return describe(block, shape).layers


def _block(N: int, layers: tuple[Layer, ...], shape: tuple[int, ...], place: int) -> Question:
    """What leaves a block like LeNet's first: convolution, ReLU, pool."""
    convolution, _, pool = layers
    filters, height, width = pool.output_shape
    says = convolution.call.arguments
    K, p = says["weight"][-1], says["padding"][0] if isinstance(says["padding"], tuple) else says["padding"]

    def text(*sizes: int) -> str:
        return f"({', '.join(map(str, sizes))})"

    _, unpooled, _ = convolution.output_shape
    return choice(
        "block-shape",
        f"A batch of {N} images, {text(N, *shape)}, goes through {filters} filters of {K}×{K} with padding "
        f"{p}, ReLU and a 2×2 max pool. What shape comes out?",
        text(N, filters, height, width),
        worked=f"Convolution: {'; '.join(convolution.size_arithmetic)}. Pool: {'; '.join(pool.size_arithmetic)}. Every "
        "filter makes a map, every image of the batch has its own.",
        others=[
            (text(N, filters, unpooled, unpooled), "That is before the pool, which halves height and width."),
            (text(N, shape[0], height, width), "Every filter makes a map of its own."),
            (text(filters, height, width), "The batch is part of the shape: each of its images has its own maps."),
        ],
        place=place,
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
