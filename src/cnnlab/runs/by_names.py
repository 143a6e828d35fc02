"""Another set's labels in the order of the classes that a net was trained on, found by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from cnnlab.data.imageset import ImageSet, Split
from cnnlab.errors import UserError


def by_names(images: ImageSet, classes: Sequence[str]) -> ImageSet:
    """A set whose labels count the classes as `classes` does: the same images, each with the number of its name there.

    Names are alike when they are but for capitals and spaces around them. Raises UserError where the set has other
    classes: a label would be compared with what another class is called.
    """
    if images.classes == tuple(classes):
        return images
    place = {_plain(name): i for i, name in enumerate(classes)}
    if not len(place) == len(classes) == len(images.classes) or place.keys() != set(map(_plain, images.classes)):
        raise UserError(
            f"{images.name}: its classes are {_listing(images.classes)}; the net knows {_listing(classes)}: "
            "expected the same names, in whatever order; call its classes so, or choose other data"
        )
    order = torch.tensor([place[_plain(name)] for name in images.classes])

    def renumbered(split: Split) -> Split:
        return Split(split.images, order[split.labels])

    return replace(
        images,
        classes=tuple(classes),
        train=renumbered(images.train),
        validation=renumbered(images.validation),
        test=renumbered(images.test),
    )


def _plain(name: str) -> str:
    return name.strip().casefold()


def _listing(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
