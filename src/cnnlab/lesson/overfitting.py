"""Overfitting: training and validation accuracy of SimpleCNN without dropout and batch norm, on few images."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from cnnlab.experiments.compare import VariantFigures
from cnnlab.experiments.statistics import Difference, paired_difference
from cnnlab.figures import Lines, over_seeds
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, in_other_numbers, measured_choice, number

#: Other numbers of classes, to ask for.
_CLASSES = (5, 20, 4, 50, 8, 100, 25)


@dataclass(frozen=True)
class OverfittingChapter:
    """training, validation: accuracy (0–1) after the last epoch, mean over seeds. gap: of each seed.

    unlabelled, labelled: the same curves. loss: validation loss at its lowest and after the last epoch, mean over
    seeds.
    """

    images: int
    epochs: int
    training: float
    validation: float
    gap: Difference
    loss: tuple[float, float]
    unlabelled: Lines
    labelled: Lines
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> OverfittingChapter:
    """Draw the curves with and without their names, and ask which is which."""
    plain = evidence.regularisers.baseline
    training, validation = mean(plain.remeasured), mean(plain.validation_last)
    runs = plain.curves
    return OverfittingChapter(
        images=plain.runs[0].config.data.images["train"],
        epochs=len(runs[0]),
        training=training,
        validation=validation,
        gap=paired_difference(plain.remeasured, plain.validation_last),
        loss=(
            mean(min(epoch.validation_loss for epoch in run) for run in runs),
            mean(run[-1].validation_loss for run in runs),
        ),
        unlabelled=accuracy_curves(plain, ("A", "B")),
        labelled=accuracy_curves(plain, ("validation images", "training images")),
        questions=(
            _which(training, validation, paired_difference(plain.remeasured, plain.validation_last)),
            in_other_numbers(_by_chance, (len(evidence.data.classes),), *((one, True) for one in _CLASSES)),
        ),
        see=(
            Link("comparison", "These trainings, and the same with dropout and batch norm", "regularisers.html"),
            Link("run", "One of them", f"{plain.runs[0].path.relative_to(evidence.folder).as_posix()}/report.html"),
        ),
    )


def accuracy_curves(figures: VariantFigures, names: tuple[str, str]) -> Lines:
    """Accuracy by epoch of every seed; names: of validation and of training, measured again in eval mode."""
    epochs = range(1, 1 + min(map(len, figures.curves)))
    measures = ("validation_accuracy", "remeasured_accuracy")
    return Lines(
        "Accuracy by epoch",
        tuple(map(float, epochs)),
        "epoch",
        "accuracy",
        tuple(
            over_seeds(name, ([getattr(epoch, measure) for epoch in run[: len(epochs)]] for run in figures.curves))
            for name, measure in zip(names, measures, strict=True)
        ),
        is_share=True,
    )


def _which(training: float, validation: float, gap: Difference) -> Question:
    ends = f"After the last epoch A is at {validation:.2%} and B at {training:.2%}"
    return measured_choice(
        "which-curve",
        "Two curves of the same trainings, one on the images that the net was trained on, the other on validation "
        "images, which it had not seen. Which is which?",
        "A is validation, B is training",
        worked=f"{ends}: what lies between them is the gap, {100 * (training - validation):.2f} points.",
        others=[
            (
                "A is training, B is validation",
                "A net is rarely better on images that it has never seen than on those that it was fitted to.",
            ),
            ("Both are training, of two nets", "Both are of the same nets; only the images differ."),
        ],
        place=1,
        differences=[gap],
    )


def _by_chance(classes: int, says_classes: bool = False) -> Question:
    answer = 100 / classes
    of = f" of {classes} classes" if says_classes else ""
    return number(
        "labels-at-random",
        f"A net is trained on images{of} whose labels were dealt out at random, until it knows all of them by heart. "
        "About what percentage of new images does it get right?",
        answer,
        worked=f"100/{classes} = {answer:g}: nothing that it learnt holds for new images, so it guesses one of "
        f"{classes} classes.",
        slips=[
            (100.0, "It knows its training images by heart; new ones are another matter."),
            (0.0, "It guesses, and a guess is right now and then."),
            (50.0, f"There are {classes} classes to guess from, not two."),
        ],
        unit="%",
        tolerance=0.15 * answer,
    )
