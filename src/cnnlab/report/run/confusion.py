"""The confusion matrix as a table, and the largest confusions where there are too many classes for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.evaluation import ClassFigures, Evaluation

#: Classes up to which the whole matrix is shown.
MATRIX_CLASSES = 20
#: Rows of the list of confusions, and of the per-class table before it keeps to the worst.
LARGEST, PER_CLASS = 25, 60


@dataclass(frozen=True)
class ConfusionCell:
    """Images of one class that were called another (or the same); tint: 0–100, the depth of its colour."""

    images: int
    is_right: bool
    tint: int


@dataclass(frozen=True)
class ConfusionRow:
    """A true class and what its images were called."""

    name: str
    cells: list[ConfusionCell]
    images: int


@dataclass(frozen=True)
class ConfusedPair:
    """Images of class `true` that were called `called`, and which share of that class they are."""

    true: str
    called: str
    images: int
    of: int


@dataclass(frozen=True)
class Confusion:
    """rows: of the matrix; None where there are too many classes. pairs: the most frequent confusions
    first; ties: how many others are as frequent as the first.

    has_long_names: too long for the head of a narrow column. has_short_names: short enough to stay on one line.
    """

    rows: list[ConfusionRow] | None
    has_long_names: bool
    has_short_names: bool
    pairs: list[ConfusedPair]
    pairs_left_out: int
    ties: int
    per_class: list[ClassFigures]
    classes: int


def confusion(evaluation: Evaluation) -> Confusion:
    """Lay out an evaluation's confusion matrix and per-class figures."""
    names = [figures.name for figures in evaluation.per_class]
    matrix = evaluation.confusion
    pairs = [
        ConfusedPair(names[i], names[j], matrix[i][j], sum(matrix[i]))
        for i in range(len(names))
        for j in range(len(names))
        if i != j and matrix[i][j]
    ]
    pairs.sort(key=lambda pair: -pair.images)
    per_class = list(evaluation.per_class)
    if len(per_class) > PER_CLASS:
        per_class = sorted(per_class, key=lambda figures: figures.f1)[:PER_CLASS]
    return Confusion(
        rows=_rows(names, matrix) if len(names) <= MATRIX_CLASSES else None,
        has_long_names=any(len(name) > 3 for name in names),
        has_short_names=all(len(name) <= 12 for name in names),
        pairs=pairs[:LARGEST],
        pairs_left_out=max(0, len(pairs) - LARGEST),
        ties=sum(pair.images == pairs[0].images for pair in pairs[1:]),
        per_class=per_class,
        classes=len(names),
    )


def _rows(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[ConfusionRow]:
    worst = max((matrix[i][j] for i in range(len(names)) for j in range(len(names)) if i != j), default=0)

    def cell(i: int, j: int) -> ConfusionCell:
        images, total = matrix[i][j], sum(matrix[i])
        if i == j:
            return ConfusionCell(images, True, round(10 + 20 * images / total) if total else 0)
        # By the square root: one confusion among hundreds stays visible beside the largest.
        return ConfusionCell(images, False, round(12 + 38 * (images / worst) ** 0.5) if images else 0)

    return [ConfusionRow(name, [cell(i, j) for j in range(len(names))], sum(matrix[i])) for i, name in enumerate(names)]
