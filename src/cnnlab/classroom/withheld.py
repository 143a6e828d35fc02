"""The images that handed-in nets are measured on: of a test split, and none of them in the lesson's own data."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cnnlab.classroom.settings import ClassSettings
from cnnlab.data import load
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.errors import UserError
from cnnlab.numbers import count


@dataclass(frozen=True)
class WithheldImages:
    """split: None where nets cannot be measured. data: the name of the set, None for none. says: what images these are,
    or why there are none.
    """

    split: Split | None
    classes: tuple[str, ...]
    data: str | None
    says: str


def withheld_images(
    settings: ClassSettings, lesson_data: str | None, *, data_root: str | Path | None = None
) -> WithheldImages:
    """The images that a class's nets are measured on: the same ones whenever its secret is the same.

    lesson_data: the name of the data that the lesson trained on and shows; images that stand in it, pixel for pixel,
    are left out. data_root: as in `load`. Evenly over classes, up to the number that the settings name.
    """
    name = settings.withheld.data
    if name is None:
        return WithheldImages(None, (), None, "no withheld images: `cnnlab class new --withheld DATA` names some")
    try:
        data = load(name, root=data_root)
    except UserError as error:
        return WithheldImages(None, (), name, f"no withheld images: {error}")
    taken, says = _of_lesson(data, lesson_data, data_root)
    digests = _digests(data.test.images)
    free = [index for index, digest in enumerate(digests) if digest not in taken]
    if not free:
        return WithheldImages(
            None, (), name, f"no withheld images: all of {name}'s test split stand in the lesson's data, {lesson_data}"
        )
    chosen = torch.tensor(_drawn(data.test.labels, digests, free, settings))
    split = Split(data.test.images[chosen], data.test.labels[chosen])
    return WithheldImages(split, data.classes, name, f"{count(len(split))} images of {name}'s test split, {says}")


def _of_lesson(data: ImageSet, lesson_data: str | None, data_root: str | Path | None) -> tuple[set[bytes], str]:
    """What stands in the lesson's data, and what to say of that."""
    if lesson_data is None:
        return set(), "of which some may stand in the lesson's data: there is no questions.json that names it"
    try:
        lesson = data if lesson_data == data.name else load(lesson_data, root=data_root, fetch=False)
    except UserError:
        return set(), f"of which some may stand in the lesson's data, {lesson_data}, which is not here"
    splits = (lesson.train, lesson.validation, lesson.test)
    if lesson.image_shape != data.image_shape:
        return set(), f"none of which is of the size of the lesson's, {lesson_data}"
    return {digest for split in splits for digest in _digests(split.images)}, f"none of which stands in {lesson_data}"


def _digests(images: Tensor) -> list[bytes]:
    return [hashlib.sha256(image.numpy().tobytes()).digest() for image in images.contiguous()]


def _drawn(labels: Tensor, digests: list[bytes], free: list[int], settings: ClassSettings) -> list[int]:
    """Indices of images, evenly over classes, in an order that the class's secret gives."""
    secret = bytes.fromhex(settings.secret)
    by_class = defaultdict(list)
    for index in free:
        place = hmac.digest(secret, b"withheld images\n" + digests[index], "sha256")
        by_class[int(labels[index])].append((place, index))
    ranked = [
        (rank, label, index) for label, images in by_class.items() for rank, (_, index) in enumerate(sorted(images))
    ]
    return [index for _, _, index in sorted(ranked)[: settings.withheld.images]]
