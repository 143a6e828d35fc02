"""Where classes are uneven: the figures of each class, which then stand before the accuracy of all images."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.evaluation import Evaluation, balanced_accuracy, uneven, wilson_interval

#: Classes that the table shows; of more, those with the lowest recall.
SHOWN = 20


@dataclass(frozen=True)
class ClassRecall:
    """A class and which share of its images was found (0–1), with the 95 % interval that their number leaves open."""

    name: str
    images: int
    recall: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class ClassByClass:
    """How uneven classes fared.

    says: in which way they are uneven. balanced: the mean of all recalls (0–1). rows: of `classes` that have images.
    """

    says: str
    balanced: float
    rows: list[ClassRecall]
    classes: int
    has_short_names: bool


def class_by_class(evaluation: Evaluation) -> ClassByClass | None:
    """The recall of each class of an evaluation; None where classes are about even."""
    says = uneven(evaluation)
    if says is None:
        return None
    rows = [
        ClassRecall(each.name, each.images, each.recall, wilson_interval(round(each.recall * each.images), each.images))
        for each in evaluation.per_class
        if each.images
    ]
    shown = rows if len(rows) <= SHOWN else sorted(rows, key=lambda row: row.recall)[:SHOWN]
    return ClassByClass(
        says=says,
        balanced=balanced_accuracy(evaluation),
        rows=shown,
        classes=len(rows),
        has_short_names=all(len(row.name) <= 12 for row in shown),
    )
