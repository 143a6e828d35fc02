"""The lesson's chapters, in its order. A chapter's module is loaded when its page is made."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.lesson.evidence import Evidence


@dataclass(frozen=True)
class Chapter:
    """One page. name: of its module and template. summary: what it is about. claims: ids of those that belong to it.

    minutes: to read it and to answer its questions, about. aims: what a reader can do afterwards.
    """

    number: int
    name: str
    title: str
    summary: str
    claims: tuple[str, ...]
    minutes: int
    aims: tuple[str, ...]

    @property
    def file(self) -> str:
        """The page's name in the lesson's folder: `04-pooling.html`."""
        return f"{self.number:02}-{self.name.replace('_', '-')}.html"

    @property
    def is_homework(self) -> bool:
        """Whether the page sets a task."""
        return self.title.startswith("Homework")

    def section(self, evidence: Evidence) -> Any:
        """What the page shows, computed: a record with `questions` and `see`, and more for its template."""
        return import_module(f"cnnlab.lesson.{self.name}").section(evidence)


_CHAPTERS = (
    (
        "why_convolution",
        "Why convolution",
        "Dense layers against convolutions, in numbers",
        ("fewer-params", "weight-sharing", "locality-matters"),
        15,
        (
            "say what a dense layer does not know about images",
            "explain local connectivity and weight sharing",
            "count the parameters of both kinds of layer",
        ),
    ),
    (
        "convolution",
        "Convolution and receptive fields",
        "A filter slides, and layers see more and more",
        ("conv-formula", "receptive-field", "early-edges"),
        20,
        (
            "work out a value of a feature map by hand",
            "say what happens to the map when the image is translated",
            "work out how much of the image a unit sees",
        ),
    ),
    (
        "shapes",
        "Shapes",
        "How large a feature map is, and how to work it out",
        ("output-size",),
        15,
        (
            "work out what leaves a layer from kernel size, stride and padding",
            "follow a batch (N, C, H, W) through a net",
        ),
    ),
    (
        "pooling",
        "Pooling",
        "Smaller maps, and what that buys",
        ("pooling-invariance", "pooling-cost"),
        15,
        (
            "work out what a max pool keeps",
            "say how far pooled maps ignore a small translation",
            "write a block of convolution, ReLU and pool in PyTorch",
        ),
    ),
    (
        "lenet",
        "LeNet-5",
        "The classic net for digits, trained",
        ("lenet-digits",),
        20,
        (
            "name LeNet-5’s layers and what each is for",
            "say why its input is 32×32",
            "say where its parameters lie, and where its work",
        ),
    ),
    (
        "overfitting",
        "Overfitting and regularisation",
        "Good on what it saw, worse on what is new",
        ("memorise", "small-data-overfits"),
        15,
        (
            "recognise overfitting in a pair of curves",
            "name four things that help against it",
        ),
    ),
    (
        "dropout",
        "Dropout",
        "Units are turned off at random, while training",
        ("dropout-mean", "dropout-regularises", "dropout-ensemble"),
        15,
        (
            "work out what dropout hands on, in training and in use",
            "say why kept units are divided by 1 − p",
            "put dropout where it belongs in PyTorch",
        ),
    ),
    (
        "batch_norm",
        "Batch norm",
        "Every channel on one scale",
        ("batchnorm-equations", "batchnorm-speed", "batchnorm-lr", "batchnorm-regularises"),
        20,
        (
            "normalise a value by hand",
            "say what is learnt and what is only measured",
            "say what batch norm takes in use, where there is no batch",
        ),
    ),
    (
        "simple_cnn",
        "SimpleCNN",
        "All of it in one net",
        ("pooling-cost",),
        20,
        (
            "write the net in PyTorch, sizes and all",
            "say what train mode and eval mode change",
        ),
    ),
    (
        "training",
        "Training",
        "From random weights to a net that reads digits",
        ("memorise", "batchnorm-speed"),
        20,
        (
            "say what a loss at the start should be",
            "tell training, validation and test accuracy apart",
        ),
    ),
    (
        "larger_nets",
        "VGG and ResNet",
        "The same pattern, larger, and what came new",
        (),
        15,
        (
            "recognise LeNet-5’s pattern in larger nets",
            "say why filters became 3×3 and dense layers small",
            "say what a shortcut adds",
        ),
    ),
    (
        "to_python",
        "Switch to the notebook",
        "From these pages to commands, Python and the notebook",
        (),
        15,
        (
            "train a net of your own by a command and from Python",
            "open this lesson’s runs from Python",
        ),
    ),
    (
        "architectures",
        "Homework 1: other nets",
        "Filters, kernels, depth",
        ("receptive-field",),
        60,
        ("change a net on purpose", "compare nets without fooling yourself"),
    ),
    (
        "regularisers",
        "Homework 2: dropout and batch norm",
        "With and without, all four ways",
        ("dropout-regularises", "batchnorm-regularises"),
        60,
        ("compare learning curves", "tell an effect from chance"),
    ),
    (
        "early_and_late",
        "Homework 3: early and late",
        "What the first and the last feature maps respond to",
        ("early-edges",),
        45,
        ("take feature maps out of a net", "describe what they show, and what they do not"),
    ),
    (
        "best_cnn",
        "Homework 4: CNN against dense",
        "The best CNN and the net of lesson 2",
        ("cnn-beats-dense",),
        45,
        ("choose a net on validation images and measure it on test images, once",),
    ),
    (
        "verdicts",
        "What the claims came to",
        "Each statement of the lesson, tested",
        (),
        10,
        ("say which of the lesson’s statements were borne out here, and how surely",),
    ),
)

CHAPTERS = tuple(
    Chapter(number, name, title, says, claims, minutes, aims)
    for number, (name, title, says, claims, minutes, aims) in enumerate(_CHAPTERS, start=1)
)
