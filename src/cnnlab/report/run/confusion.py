"""The confusion matrix as a table whose cells open their images; the largest confusions where it would be too large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnlab.data.imageset import Split
from cnnlab.evaluation import ClassFigures, Evaluation
from cnnlab.report.run.opened import Opened, Shown, is_shrunk, shown_image

#: Classes up to which the whole matrix is shown.
MATRIX_CLASSES = 20
#: Rows of the list of confusions, and of the per-class table before it keeps to the worst.
LARGEST, PER_CLASS = 25, 60
#: Images that a cell opens at most: of mistakes, the surest first, and of what is right, the first of the split.
WRONG_SHOWN, RIGHT_SHOWN = 3, 2


@dataclass(frozen=True)
class ConfusionCell:
    """Images of one class that were called another (or the same); tint: 0–100, the depth of its colour.

    opens: the id of what the cell opens; None where it has no images.
    """

    images: int
    is_right: bool
    tint: int
    opens: str | None


@dataclass(frozen=True)
class ConfusionRow:
    """A true class and what its images were called."""

    name: str
    cells: list[ConfusionCell]
    images: int


@dataclass(frozen=True)
class ConfusedPair:
    """Images of class `true` that were called `called`, and which share of that class they are; opens: as a cell's."""

    true: str
    called: str
    opens: str | None
    images: int
    of: int


@dataclass(frozen=True)
class Confusion:
    """rows: of the matrix; None where there are too many classes. pairs: the most frequent confusions
    first; ties: how many others are as frequent as the first.

    opened: what cells and pairs open. shrunk: its images are shown smaller than they are.
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
    opened: list[Opened]
    shrunk: bool


def confusion(evaluation: Evaluation, split: Split) -> Confusion:
    """Lay out an evaluation's confusion matrix and per-class figures. split: that was evaluated."""
    names = [figures.name for figures in evaluation.per_class]
    matrix = evaluation.confusion
    images = _images(evaluation, split)
    pairs = [
        ConfusedPair(names[i], names[j], _id(i, j) if (i, j) in images else None, matrix[i][j], sum(matrix[i]))
        for i in range(len(names))
        for j in range(len(names))
        if i != j and matrix[i][j]
    ]
    pairs.sort(key=lambda pair: -pair.images)
    is_matrix = len(names) <= MATRIX_CLASSES
    listed = {pair.opens for pair in pairs[:LARGEST]}
    per_class = list(evaluation.per_class)
    if len(per_class) > PER_CLASS:
        per_class = sorted(per_class, key=lambda figures: figures.f1)[:PER_CLASS]
    return Confusion(
        rows=_rows(names, matrix, images) if is_matrix else None,
        has_long_names=any(len(name) > 3 for name in names),
        has_short_names=all(len(name) <= 12 for name in names),
        pairs=pairs[:LARGEST],
        pairs_left_out=max(0, len(pairs) - LARGEST),
        ties=sum(pair.images == pairs[0].images for pair in pairs[1:]),
        per_class=per_class,
        classes=len(names),
        opened=[
            Opened(
                _id(i, j), f"{names[i]} called {names[j]}", _says(len(shown), matrix[i][j], i == j), shown, matrix[i][j]
            )
            for (i, j), shown in sorted(images.items())
            if is_matrix or _id(i, j) in listed
        ],
        shrunk=is_shrunk(split),
    )


def _id(true: int, called: int) -> str:
    return f"images-{true}-{called}"


def _says(shown: int, images: int, is_right: bool) -> str:
    if shown < images:
        return f"the {'first' if is_right else 'surest'} {shown} of {images:,} test images"
    return "1 test image" if images == 1 else f"{images:,} test images{'' if is_right else ', the surest first'}"


def _images(evaluation: Evaluation, split: Split) -> dict[tuple[int, int], list[Shown]]:
    """(class, what it was called) → images to show, at most as many as there is room for."""
    found: dict[tuple[int, int], list[Shown]] = {}

    def add(true: int, called: int, index: int, probability: float | None, most: int) -> None:
        shown = found.setdefault((true, called), [])
        if len(shown) < most:
            shown.append(shown_image(split, index, probability))

    for mistake in evaluation.mistakes:
        add(mistake.label, mistake.predicted, mistake.index, mistake.probability, WRONG_SHOWN)
    wrong = {mistake.index for mistake in evaluation.mistakes}
    for index, label in enumerate(split.labels.tolist()):
        if index not in wrong:
            add(label, label, index, None, RIGHT_SHOWN)
    return found


def _rows(
    names: Sequence[str], matrix: Sequence[Sequence[int]], images: Mapping[tuple[int, int], list[Shown]]
) -> list[ConfusionRow]:
    worst = max((matrix[i][j] for i in range(len(names)) for j in range(len(names)) if i != j), default=0)

    def cell(i: int, j: int) -> ConfusionCell:
        number, total, opens = matrix[i][j], sum(matrix[i]), _id(i, j) if (i, j) in images else None
        if i == j:
            return ConfusionCell(number, True, round(10 + 20 * number / total) if total else 0, opens)
        # By the square root: one confusion among hundreds stays visible beside the largest.
        return ConfusionCell(number, False, round(12 + 38 * (number / worst) ** 0.5) if number else 0, opens)

    return [ConfusionRow(name, [cell(i, j) for j in range(len(names))], sum(matrix[i])) for i, name in enumerate(names)]
