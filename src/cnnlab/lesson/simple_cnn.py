"""SimpleCNN: the parts of the lesson in one net, beside LeNet-5."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.anatomy import Anatomy, Layer, describe
from cnnlab.config import NetSpec
from cnnlab.evaluation import Evaluation
from cnnlab.figures import Bars, Map
from cnnlab.lesson.evidence import Evidence, Trained
from cnnlab.lesson.links import Link
from cnnlab.lesson.listing import Listing, listing
from cnnlab.lesson.modes import Modes, modes
from cnnlab.lesson.question import Question, in_other_numbers, number
from cnnlab.nets import build_net

#: The net as one writes it down in PyTorch.
NET = """\
from torch import nn


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x)


net = SimpleCNN()
"""


#: Sides of other images, to ask for.
_SIDES = (20, 24, 36, 40, 44, 48)


@dataclass(frozen=True)
class Beside:
    """A row of the table that puts the two nets side by side."""

    name: str
    anatomy: Anatomy
    test: Evaluation
    train_time_s: float
    report: str


@dataclass(frozen=True)
class SimpleCNNChapter:
    """code: SimpleCNN in PyTorch. nets: LeNet-5 and SimpleCNN. modes: what train and eval mode change."""

    anatomy: Anatomy
    code: Listing
    modes: Modes
    image: Map
    nets: tuple[Beside, ...]
    parameters: Bars
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> SimpleCNNChapter:
    """Put LeNet-5 and SimpleCNN side by side, and ask what SimpleCNN's dense layer reads and learns."""
    cnn = evidence.simple_cnn
    asked = modes(evidence)
    others = [_on_images_of(side, evidence) for side in _SIDES]
    rows = [layer for layer in cnn.anatomy.layers if layer.parameters]
    return SimpleCNNChapter(
        anatomy=cnn.anatomy,
        code=listing(NET, (1, 28, 28)),
        modes=asked,
        image=Map(f"a {asked.label}", asked.image[0].double().numpy() / 255, kind="gray"),
        nets=tuple(_beside(one) for one in (evidence.lenet, cnn)),
        parameters=Bars(
            "Parameters of each layer",
            tuple(f"{layer.name} {layer.type}" for layer in rows),
            ("parameters",),
            (tuple(float(layer.parameters) for layer in rows),),
        ),
        questions=(
            in_other_numbers(_flattened, (cnn.anatomy,), *((one,) for one in others)),
            in_other_numbers(_dense_parameters, (cnn.anatomy,), *((one, True) for one in others)),
        ),
        see=(
            cnn.explorer(cnn.layers("linear")[0].name, "SimpleCNN, computed in the page: what one dense unit adds up"),
            cnn.report("Its run: curves, confusion, mistakes"),
            Link("page", "All its arithmetic", "anatomy.html#net-1"),
        ),
    )


def _beside(one: Trained) -> Beside:
    test, result = one.run.evaluations()["test"], one.run.result()
    return Beside(one.name, one.anatomy, test, result.train_time_s, f"{one.folder}/report.html")


def _on_images_of(side: int, evidence: Evidence) -> Anatomy:
    """SimpleCNN on square images of another size, taken apart."""
    shape = (evidence.data.image_shape[0], side, side)
    classes = len(evidence.data.classes)
    return describe(build_net(NetSpec(name="simple-cnn"), image_shape=shape, num_classes=classes, seed=0), shape)


def _calling(cnn: Anatomy, function: str) -> list[Layer]:
    return [layer for layer in cnn.layers if layer.call.function == function]


def _flattened(cnn: Anatomy) -> Question:
    C, H, W = _calling(cnn, "max_pool2d")[-1].output_shape
    answer = _calling(cnn, "linear")[0].call.arguments["weight"][1]
    image = cnn.input[1]
    return number(
        "flattened",
        f"An image of {image}×{image} has gone through SimpleCNN’s two blocks, each with a 2×2 pool; the last has "
        f"{C} filters. How many values does the dense layer read?",
        answer,
        worked=f"{C}·{H}·{W} = {answer:,}: {image} → {image // 2} → {H}, and every filter has such a map.",
        slips=[
            (C * (image // 2) ** 2, "That is after one pool; there are two."),
            (C * image * image, "The pools are missing: each halves height and width."),
            (H * W, f"That is one map; there are {C}."),
            (C * H, "A map has height and width."),
        ],
        unit="values",
    )


def _dense_parameters(cnn: Anatomy, says_images: bool = False) -> Question:
    convolutions = sum(layer.parameters for layer in _calling(cnn, "conv2d"))
    dense = _calling(cnn, "linear")[0]
    start = f"On images of {cnn.input[1]}×{cnn.input[2]} the" if says_images else "The"
    units, inputs = dense.call.arguments["weight"]
    return number(
        "dense-of-simple-cnn",
        f"{start} first dense layer of SimpleCNN reads all values of its last maps and has {units} units, each with a "
        "bias. How many parameters is that?",
        dense.parameters,
        worked=f"{dense.parameters_arithmetic}. Both convolutions together have {convolutions:,}.",
        slips=[
            (units * inputs, f"You left out the biases: {units} more."),
            (units + inputs, "Every unit has a weight for every value, so they multiply."),
        ],
        unit="parameters",
    )
