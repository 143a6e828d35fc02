"""VGG and ResNet: the pattern of the lesson's nets, larger; and what ResNet adds.

Their figures are counted on the nets themselves, written in plain PyTorch, with shapes and without numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, in_other_numbers, number

#: Images of ImageNet as both nets take them, and its classes.
IMAGE, CLASSES = (3, 224, 224), 1000

#: VGG-16: filters and convolutions of each block (Simonyan and Zisserman 2015, table 1, D).
VGG_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))

#: ResNet-18: filters and residual blocks of each stage (He, Zhang, Ren and Sun 2016, table 1).
RESNET_STAGES = ((64, 2), (128, 2), (256, 2), (512, 2))

#: Other numbers of the questions: convolutions that stand in for one, and their kernel size; units.
_INSTEAD = ((3, 3), (2, 5), (4, 3), (2, 7), (5, 3), (6, 3))
_UNITS = (1000, 512, 2048, 1500, 3000)

#: A few numbers in words.
_WORDS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

#: A residual block in PyTorch, where the map keeps its shape.
RESIDUAL = """\
import torch.nn.functional as F
from torch import nn


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x):
        return F.relu(x + self.layers(x))
"""


def vgg16() -> nn.Sequential:
    """Five blocks of 3×3 convolutions, each with a pool, and three dense layers."""
    layers: list[nn.Module] = []
    channels = IMAGE[0]
    for filters, convolutions in VGG_BLOCKS:
        block: list[nn.Module] = []
        for _ in range(convolutions):
            block += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        layers.append(nn.Sequential(*block, nn.MaxPool2d(2)))
    dense = nn.Sequential(
        nn.Flatten(),
        nn.Linear(512 * 7 * 7, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, CLASSES),
    )
    return nn.Sequential(*layers, dense)


class ResidualBlock(nn.Module):
    """Two convolutions whose answer is added to what entered; where shapes differ, a 1×1 convolution fits it first."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, filters, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
        )
        self.shortcut = (
            nn.Identity()
            if channels == filters and stride == 1
            else nn.Sequential(nn.Conv2d(channels, filters, 1, stride=stride, bias=False), nn.BatchNorm2d(filters))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → (N, filters, ⌈H/stride⌉, ⌈W/stride⌉)."""
        return F.relu(self.shortcut(x) + self.layers(x))


def resnet18() -> nn.Sequential:
    """A 7×7 convolution and a pool, four stages of residual blocks, the mean of each map, one dense layer."""
    layers: list[nn.Module] = [
        nn.Sequential(
            nn.Conv2d(IMAGE[0], 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
    ]
    channels = 64
    for stage, (filters, blocks) in enumerate(RESNET_STAGES):
        made = []
        for block in range(blocks):
            made.append(ResidualBlock(channels, filters, stride=2 if stage and not block else 1))
            channels = filters
        layers.append(nn.Sequential(*made))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, CLASSES))
    return nn.Sequential(*layers, head)


@dataclass(frozen=True)
class Stage:
    """A net's blocks that work at one size. output: what leaves them; convolutions: layers of 3×3 and larger."""

    output: tuple[int, ...]
    convolutions: int
    parameters: int


@dataclass(frozen=True)
class Larger:
    """A net of the table. dense: parameters in dense layers."""

    name: str
    stages: tuple[Stage, ...]
    parameters: int
    macs: int
    dense: int


@dataclass(frozen=True)
class LargerNets:
    """nets: the lesson's two, VGG-16, ResNet-18. residual: a residual block's code."""

    nets: tuple[Larger, ...]
    image: tuple[int, ...]
    residual: str
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> LargerNets:
    """Follow an image through VGG-16 and ResNet-18, and count what lies where, beside the lesson's nets."""
    with torch.device("meta"):
        vgg, resnet = counted("VGG-16", vgg16()), counted("ResNet-18", resnet18())
    own = [
        Larger(
            one.name,
            (),
            one.anatomy.parameters,
            one.anatomy.macs,
            sum(layer.parameters for layer in one.layers("linear")),
        )
        for one in (evidence.lenet, evidence.simple_cnn)
    ]
    return LargerNets(
        nets=(*own, vgg, resnet),
        image=IMAGE,
        residual=RESIDUAL,
        questions=(
            in_other_numbers(_instead, (2, 3), *_INSTEAD),
            in_other_numbers(_first_dense, (vgg, 4096), *((vgg, units) for units in _UNITS)),
            _shortcut(),
        ),
        see=(Link("page", "The lesson’s two nets, layer by layer", "anatomy.html"),),
    )


def counted(name: str, net: nn.Sequential) -> Larger:
    """Shapes, parameters and multiply-adds of a net on the device `meta`, where layers have shapes and no numbers."""
    macs = 0

    def count(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal macs
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        macs += layer.weight[0].numel() * prod(output.shape[1:])

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    x = torch.zeros(1, *IMAGE)
    stages = []
    for part in net:
        x = part(x)
        kernels = [each for each in part.modules() if isinstance(each, nn.Conv2d) and each.kernel_size[0] > 1]
        stages.append(Stage(tuple(x.shape[1:]), len(kernels), _parameters(part)))
    dense = sum(_parameters(layer) for layer in net.modules() if isinstance(layer, nn.Linear))
    return Larger(name, tuple(stages), _parameters(net), macs, dense)


def _parameters(net: nn.Module) -> int:
    return sum(each.numel() for each in net.parameters())


def _instead(count: int, K: int) -> Question:
    """What convolutions of K×K, one after the other, have of the weights of one that sees as far."""
    channels, words = 64, _WORDS[count]
    W = count * (K - 1) + 1
    small, large = count * K * K * channels**2, W * W * channels**2
    percentage = 100 * small / large
    return number(
        "two-threes-for-a-five",
        f"{words.capitalize()} {K}×{K} convolutions see as far as one of {W}×{W}. With {channels} channels in and out "
        f"everywhere and no biases, what percentage of the {W}×{W} convolution’s weights do the {words} have together?",
        percentage,
        worked=f"{count}·{K}·{K}·{channels}·{channels} = {small:,} against {W}·{W}·{channels}·{channels} = {large:,}: "
        f"{count * K * K}/{W * W} = {percentage:.4g} %, and there is a ReLU between "
        + ("the two." if count == 2 else "each and the next."),
        slips=[
            (percentage / count, f"That is one of the {words}."),
            (100 * large / small, "You divided the other way round."),
            (100 * count * K / W, "A filter has K·K weights a channel, not K."),
        ],
        unit="%",
        tolerance=0.5,
    )


def _first_dense(vgg: Larger, units: int) -> Question:
    channels, height, width = vgg.stages[-2].output
    answer = channels * height * width * units + units
    is_vgg_s = units == 4096
    return number(
        "vgg-first-dense",
        f"The last block of VGG-16 leaves {channels} maps of {height}×{width}. A dense layer of {units:,} units reads "
        "them all. How many parameters does it have, biases included?",
        answer,
        worked=f"{channels}·{height}·{width}·{units:,}+{units:,} = {answer:,}"
        + (f": {answer / vgg.parameters:.0%} of the whole net." if is_vgg_s else ": weights and biases."),
        slips=[
            (answer - units, "You left out the biases."),
            (channels * units + units, f"Each map has {height}·{width} values, and every one of them has its weight."),
            (channels * height * width + units, "Every unit has a weight for every value, so they multiply."),
        ],
        unit="parameters",
        tolerance=0.5,
    )


def _shortcut() -> Question:
    return choice(
        "zero-residual",
        "All weights of the layers inside a residual block become 0. What does the block hand on of x, which entered "
        "after a ReLU?",
        "x, as it came",
        worked="relu(x + 0) = x, for nothing in x is below 0. A block that has nothing to add need not learn to copy; "
        "without the shortcut everything would be lost.",
        others=[
            ("Zeros", "The layers answer 0, but x itself goes past them and is added."),
            ("Twice x", "x is added once; the layers answer 0."),
        ],
        place=1,
    )
