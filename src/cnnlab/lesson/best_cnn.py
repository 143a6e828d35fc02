"""Homework 4: the best CNN against the fully connected net."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from cnnlab.data.known import FASHION_MNIST
from cnnlab.experiments.compare import Comparison, VariantFigures
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, from_case_to_case
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, measured_choice
from cnnlab.lesson.writing import Writing
from cnnlab.numbers import plain

#: What the student is asked to write.
_ASKS = (
    "Is your CNN better than the fully connected net, by how much, and did all seeds agree? "
    "Say which clothes both mix up, and whether you could tell them apart yourself."
)


@dataclass(frozen=True)
class BestCNN:
    """has_fashion: whether it was Fashion-MNIST; else the lesson's own images, and the page says so. commands: that
    train two such nets on Fashion-MNIST.
    """

    comparison: Comparison
    dense: VariantFigures
    cnn: VariantFigures
    has_fashion: bool
    commands: tuple[str, ...]
    accuracy: Lines
    questions: tuple[Question, ...]
    writing: Writing
    see: tuple[Link, ...]


def section(evidence: Evidence) -> BestCNN:
    """Compare the two nets by test accuracy, and ask which has more parameters."""
    found = evidence.best_cnn
    dense, cnn = found.variants
    return BestCNN(
        comparison=found,
        dense=dense,
        cnn=cnn,
        has_fashion=evidence.sizes.has_fashion,
        commands=tuple(_command(net, evidence) for net in ("mlp", "simple-cnn")),
        accuracy=Lines(
            "Test accuracy of every seed",
            ("fully connected", "CNN"),
            "",
            "test accuracy",
            (from_case_to_case("each seed", dense.test, cnn.test),),
            is_share=True,
        ),
        questions=(_more(dense, cnn), _better(found, dense, cnn)),
        writing=Writing("homework-4", _ASKS),
        see=(Link("comparison", "The comparison: difference, curves, every run", "best-cnn.html"),),
    )


def _command(net: str, evidence: Evidence) -> str:
    size = evidence.sizes.best_cnn
    words = ["cnnlab", "train", net, "--data", size.of(FASHION_MNIST.name), "--recipe", "lesson"]
    return shlex.join([*words, "--epochs", plain(size.epochs), "--seed", "0", "--out", f"runs/fashion-{net}"])


def _better(found: Comparison, dense: VariantFigures, cnn: VariantFigures) -> Question:
    is_cnn = cnn.test_spread.mean > dense.test_spread.mean
    answer, other = _answers(is_cnn)
    return measured_choice(
        "more-accurate",
        "Which of the two will have the higher test accuracy?",
        answer,
        worked=f"The CNN {cnn.test_spread.mean:.2%}, the fully connected net {dense.test_spread.mean:.2%}, means over "
        f"{len(found.seeds)} seeds.",
        others=[(other, "It came out the other way round here.")],
        place=1 if is_cnn else 0,
        differences=[paired_difference(cnn.test, dense.test, resolution=1 / found.test_images)],
    )


def _more(dense: VariantFigures, cnn: VariantFigures) -> Question:
    is_cnn = cnn.parameters > dense.parameters
    answer, other = _answers(is_cnn)
    return choice(
        "who-has-more",
        "Which of the two nets has more parameters?",
        answer,
        worked=f"The CNN has {cnn.parameters:,}, the fully connected net {dense.parameters:,}. So having more "
        "parameters does not explain why one of them does better; the claim below puts a dense net of equal size "
        "beside the CNN, too.",
        others=[(other, "Count its dense layers: that is where parameters lie.")],
        place=0 if is_cnn else 1,
    )


def _answers(is_cnn: bool) -> tuple[str, str]:
    """The right answer and the other one."""
    return ("The CNN", "The fully connected net") if is_cnn else ("The fully connected net", "The CNN")
