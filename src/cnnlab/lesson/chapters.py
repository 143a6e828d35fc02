"""The lesson's chapters, in its order. A chapter's module is loaded when its page is made."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.lesson.evidence import Evidence


@dataclass(frozen=True)
class Chapter:
    """One page. name: of its module and template. summary: what it is about. claims: ids of those that belong to it."""

    number: int
    name: str
    title: str
    summary: str
    claims: tuple[str, ...]

    @property
    def file(self) -> str:
        """The page's name in the lesson's folder: `04-pooling.html`."""
        return f"{self.number:02}-{self.name.replace('_', '-')}.html"

    def section(self, evidence: Evidence) -> Any:
        """What the page shows, computed: a record with `questions` and `see`, and more for its template."""
        return import_module(f"cnnlab.lesson.{self.name}").section(evidence)


_CHAPTERS = (
    (
        "why_convolution",
        "Why convolution",
        "Dense layers against convolutions, in numbers",
        ("fewer-params", "weight-sharing", "locality-matters"),
    ),
    (
        "convolution",
        "Convolution and receptive fields",
        "A filter slides, and layers see more and more",
        ("conv-formula", "receptive-field", "early-edges"),
    ),
    ("shapes", "Shapes", "How large a feature map is, and how to work it out", ("output-size",)),
    ("pooling", "Pooling", "Smaller maps, and what that buys", ("pooling-invariance", "pooling-cost")),
    ("lenet", "LeNet-5", "The classic net for digits, trained", ("lenet-digits",)),
    (
        "overfitting",
        "Overfitting and regularisation",
        "Good on what it saw, worse on what is new",
        ("memorise", "small-data-overfits"),
    ),
    (
        "dropout",
        "Dropout",
        "Units are turned off at random, while training",
        ("dropout-mean", "dropout-regularises", "dropout-ensemble"),
    ),
    (
        "batch_norm",
        "Batch norm",
        "Every channel on one scale",
        ("batchnorm-equations", "batchnorm-speed", "batchnorm-lr", "batchnorm-regularises"),
    ),
    ("simple_cnn", "SimpleCNN", "All of it in one net", ("pooling-cost",)),
    ("training", "Training", "From random weights to a net that reads digits", ("memorise", "batchnorm-speed")),
    ("architectures", "Homework 1: other nets", "Filters, kernels, depth", ("receptive-field",)),
    (
        "regularisers",
        "Homework 2: dropout and batch norm",
        "With and without, all four ways",
        ("dropout-regularises", "batchnorm-regularises"),
    ),
    (
        "early_and_late",
        "Homework 3: early and late",
        "What the first and the last feature maps respond to",
        ("early-edges",),
    ),
    ("best_cnn", "Homework 4: CNN against dense", "The best CNN and the net of lesson 2", ("cnn-beats-dense",)),
    ("verdicts", "What the claims came to", "Each statement of the lesson, tested", ()),
)

CHAPTERS = tuple(
    Chapter(number, name, title, says, claims) for number, (name, title, says, claims) in enumerate(_CHAPTERS, start=1)
)
