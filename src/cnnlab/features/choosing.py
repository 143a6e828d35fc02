"""Which test images to look at: some that the net gets right, and its most confident mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.data.imageset import Split
from cnnlab.errors import UserError
from cnnlab.evaluation import Mistake

#: Images of either kind.
RIGHT, WRONG = 5, 3


@dataclass(frozen=True, eq=False)
class Chosen:
    """An image to look at. pixels: uint8 (C, H, W), 0–255. label: None where nobody knows the class."""

    pixels: Tensor
    name: str
    label: int | None


def a_handful(split: Split, mistakes: Sequence[Mistake], *, classes: int) -> list[Chosen]:
    """The first right image of RIGHT classes, and the WRONG most confident mistakes.

    The classes are evenly spaced among those of which an image is right. mistakes: of the net on this split, the most
    confident first.
    """
    wrong = {mistake.index for mistake in mistakes}
    first: dict[int, int] = {}
    for index, class_ in enumerate(split.labels.tolist()):
        if index not in wrong:
            first.setdefault(class_, index)
    known = [first[class_] for class_ in range(classes) if class_ in first]
    right = dict.fromkeys(known[round(i * (len(known) - 1) / (RIGHT - 1))] for i in range(RIGHT) if known)
    return by_index(split, [*right, *(mistake.index for mistake in mistakes[:WRONG])])


def by_index(split: Split, indices: Sequence[int]) -> list[Chosen]:
    """Test images by their number. Raises UserError for one that the split does not have."""
    for index in indices:
        if not 0 <= index < len(split):
            raise UserError(f"--indices: got {index}; expected 0 to {len(split) - 1}: the test split's numbers")
    return [Chosen(split.images[index], f"test image {index}", int(split.labels[index])) for index in indices]


def evenly(count: int, most: int) -> Tensor:
    """At most `most` of the numbers 0 … count-1, evenly spaced: int64."""
    return torch.arange(count) if count <= most else torch.arange(most) * count // most
