"""What of a run's records belongs together: a split's figures and its confusion matrix, and all of them and the config.

A record whose fields are each of the right kind may still say what cannot be, and pages index images and classes by it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import inf, isclose
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cnnlab.config import PLAYGROUND, DataRecord, RunConfig
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.evaluation import ClassFigures, Evaluation, class_figures
from cnnlab.training.loop import Epoch
from cnnlab.training.state import Position

if TYPE_CHECKING:
    from cnnlab.runs.folder import RunResult


def require_evaluation(what: str, evaluation: Evaluation, config: RunConfig, split: str) -> None:
    """Raise UserError where an evaluation cannot be one of the run's net on that split.

    what: the record, as the user knows it. split: validation or test.
    """
    names, images = config.data.classes, _images(config, split)
    matrix, bins, mistakes = evaluation.confusion, evaluation.calibration, evaluation.mistakes
    _require(
        what,
        {
            f"a confusion matrix of {len(names)} × {len(names)}": len(matrix) == len(names)
            and all(len(row) == len(names) for row in matrix),
            "the classes of config.json": tuple(figures.name for figures in evaluation.per_class) == names,
        },
    )
    counts = torch.tensor(matrix)
    right = int(counts.trace())
    low, high = evaluation.accuracy_interval
    confused = {(i, j): count for i, row in enumerate(matrix) for j, count in enumerate(row) if count and i != j}
    confident = [mistake.probability for mistake in mistakes]
    agrees = {
        f"{images:,} images, as config.json counts them": evaluation.images == images == int(counts.sum()),
        "the accuracy of its confusion matrix": isclose(evaluation.accuracy, right / images, abs_tol=1e-9),
        "an interval about its accuracy": low - 1e-9 <= evaluation.accuracy <= high + 1e-9,
        "each class's figures as its confusion matrix gives them": _are_close(
            evaluation.per_class, (class_figures(name, counts, i) for i, name in enumerate(names))
        ),
        "calibration bins from 0 to 1": [0, *(part.high for part in bins)] == [*(part.low for part in bins), 1],
        "calibration bins that count every image": sum(part.images for part in bins) == images
        and all((part.first_right or 0) < images for part in bins),
        "the mistakes that its confusion matrix counts": confused
        == Counter((mistake.label, mistake.predicted) for mistake in mistakes),
        "mistakes that are images of the split, each once": len({mistake.index for mistake in mistakes})
        == len(mistakes)
        and all(mistake.index < images for mistake in mistakes),
        "the most confident mistake first": confident == sorted(confident, reverse=True),
    }
    _require(what, agrees)


def _are_close(got: Iterable[ClassFigures], expected: Iterable[ClassFigures]) -> bool:
    return all(
        one.images == other.images
        and all(
            isclose(getattr(one, name), getattr(other, name), abs_tol=1e-9) for name in ("precision", "recall", "f1")
        )
        for one, other in zip(got, expected, strict=True)
    )


def require_result(path: Path, result: RunResult, config: RunConfig) -> None:
    """Raise UserError where a run's result cannot be one of its config. path: of the result."""
    agrees = {
        "the best of the epochs that were run": result.best_epoch <= result.epochs_run,
        "an epoch at least": result.epochs_run > 0 or config.recipe == PLAYGROUND,
    }
    for split, figures in (("validation", result.validation), ("test", result.test)):
        images, (low, high) = _images(config, split), figures.accuracy_interval
        agrees[f"{images:,} {split} images, as config.json counts them"] = figures.images == images
        agrees[f"an interval about the {split} accuracy"] = low - 1e-9 <= figures.accuracy <= high + 1e-9
    _require(str(path), agrees)


def require_position(path: Path, position: Position, epochs: Sequence[Epoch]) -> None:
    """Raise UserError where a training cannot stand at a position after these epochs. path: of its state."""
    epochs = epochs[: position.epoch]
    best = next((record for record in reversed(epochs) if record.is_best), None)
    accuracy, loss = (-1.0, inf) if best is None else (best.validation_accuracy, best.validation_loss)
    agrees = {
        f"a record in metrics.jsonl of each of {position.epoch} epochs": len(epochs) == position.epoch,
        "the best epoch that metrics.jsonl has": position.best_epoch == (0 if best is None else best.epoch)
        and (position.best_accuracy, position.best_loss) == (accuracy, loss),
    }
    _require(str(path), agrees)


def require_images(what: str, record: DataRecord, data: ImageSet) -> None:
    """Raise UserError where images have another shape, number or classes than a record says of them.

    what: that has the record. Asked of images with the content that the record names: then it is the record that was
    changed.
    """
    counts = {split: len(data.split(split)) for split in ("train", "validation", "test")}
    agrees = {
        f"images of {'×'.join(map(str, data.image_shape))}": record.image_shape == data.image_shape,
        f"the classes {', '.join(data.classes)}": record.classes == data.classes,
        f"{counts} images": record.images == counts,
    }
    _require(f"{what}: what it says of {record.name}", agrees)


def _images(config: RunConfig, split: str) -> int:
    return next(count for name, count in config.data.images.items() if name == split)


def _require(what: str, agrees: dict[str, bool]) -> None:
    for expected, does in agrees.items():
        if not does:
            raise UserError(f"{what} contradicts itself; expected {expected}: train the run again")
