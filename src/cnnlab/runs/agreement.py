"""What of a run's records belongs together: a split's figures and its confusion matrix, and all of them and the config.

A record whose fields are each of the right kind may still say what cannot be, and pages index images and classes by it.
"""

from __future__ import annotations

from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.config import DataRecord, RunConfig
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.evaluation import Evaluation

if TYPE_CHECKING:
    from cnnlab.runs.folder import RunResult


def require_evaluation(what: str, evaluation: Evaluation, config: RunConfig, split: str) -> None:
    """Raise UserError where an evaluation cannot be one of the run's net on that split.

    what: the record, as the user knows it. split: validation or test.
    """
    names, images = config.data.classes, _images(config, split)
    matrix, mistakes = evaluation.confusion, evaluation.mistakes
    classes = range(len(names))
    right = sum(row[i] for i, row in enumerate(matrix) if i < len(row))
    low, high = evaluation.accuracy_interval
    bins = evaluation.calibration
    confident = [mistake.probability for mistake in mistakes]
    agrees = {
        f"{images:,} images, as config.json counts them": evaluation.images == images,
        f"a confusion matrix of {len(names)} × {len(names)}": len(matrix) == len(names)
        and all(len(row) == len(names) for row in matrix),
        "a confusion matrix that counts every image": sum(map(sum, matrix)) == images,
        "the accuracy of its confusion matrix": isclose(evaluation.accuracy, right / images, abs_tol=1e-9),
        "an interval about its accuracy": low - 1e-9 <= evaluation.accuracy <= high + 1e-9,
        "the classes of config.json": tuple(figures.name for figures in evaluation.per_class) == names,
        "each class's images as in its confusion matrix": [figures.images for figures in evaluation.per_class]
        == [sum(row) for row in matrix],
        "calibration bins that count every image": sum(part.images for part in bins) == images
        and all(part.low < part.high and (part.first_right or 0) < images for part in bins),
        "as many mistakes as its confusion matrix": len(mistakes) == images - right,
        "mistakes that are images of the split, each once": len({mistake.index for mistake in mistakes})
        == len(mistakes)
        and all(mistake.index < images for mistake in mistakes),
        "mistakes between two of its classes": all(
            mistake.label != mistake.predicted and mistake.label in classes and mistake.predicted in classes
            for mistake in mistakes
        ),
        "the most confident mistake first": confident == sorted(confident, reverse=True),
    }
    _require(what, agrees)


def require_result(path: Path, result: RunResult, config: RunConfig) -> None:
    """Raise UserError where a run's result cannot be one of its config. path: of the result."""
    agrees = {"the best of the epochs that were run": result.best_epoch <= result.epochs_run}
    for split, figures in (("validation", result.validation), ("test", result.test)):
        images, (low, high) = _images(config, split), figures.accuracy_interval
        agrees[f"{images:,} {split} images, as config.json counts them"] = figures.images == images
        agrees[f"an interval about the {split} accuracy"] = low - 1e-9 <= figures.accuracy <= high + 1e-9
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
