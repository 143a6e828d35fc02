"""Views of a data set: fewer training images, labels without meaning, pixels out of place, another size, other colours.

They are part of a set's name, so that a run which was trained on one finds it again: `mnist@1000`, the first 1,000
training images of a fixed stratified order; `mnist+shuffled-labels`; `mnist+permuted-pixels`; `mnist+padded-to-32`;
`mnist+rgb`; or all of it together, done in that order.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from cnnlab.config import LONGEST_SIDE
from cnnlab.data.imageset import ImageSet, Split, image_set, is_seen_test
from cnnlab.data.splits import shuffle_keys
from cnnlab.errors import UserError, nearest
from cnnlab.prepare.fitting import margins

#: Stands right after a folder's path: what cannot be read there is left out, so that a run finds the same images again.
SKIPPING = "+skip-damaged"

_SUFFIX = re.compile(
    r"(?P<base>.*?(?:\+skip-damaged)?)(?:@(?P<count>[0-9]{1,18}))?(?P<changes>(?:\+[a-z][a-z0-9-]*)*)", re.DOTALL
)

_PADDED = re.compile(r"padded-to-(?P<side>[0-9]{1,9})")


def split_name(name: str) -> tuple[str, int | None, tuple[str, ...]]:
    """`mnist@1000+shuffled-labels` → (`mnist`, 1000, (`shuffled-labels`,)). Raises UserError for an unknown change."""
    found = _SUFFIX.fullmatch(name)
    assert found is not None  # the pattern takes any text
    changes = tuple(found["changes"].split("+")[1:])
    for change in changes:
        if change not in CHANGES and _PADDED.fullmatch(change) is None:
            raise UserError(f"{name}: unknown change {change}; {nearest(change, CHANGE_NAMES)}")
    return found["base"], int(found["count"]) if found["count"] else None, changes


def with_skipping(name: str) -> str:
    """`folder:PATH@100` → `folder:PATH+skip-damaged@100`."""
    whole = Path(os.path.expanduser(name.partition(":")[2]))
    found = None if whole.name and whole.exists() else _SUFFIX.fullmatch(name)
    base = found["base"] if found else name
    return name if base.endswith(SKIPPING) else f"{base}{SKIPPING}{name[len(base) :]}"


def view(data: ImageSet, count: int | None, changes: tuple[str, ...]) -> ImageSet:
    """The set with its first `count` training images in a fixed stratified order, then changed.

    A smaller count's images are among a larger one's. Validation and test keep all their images. Raises UserError for a
    count of 0 or more than there are.
    """
    if count is not None:
        data = _fewer(data, count)
    for change in changes:
        padded = _PADDED.fullmatch(change)
        data = CHANGES[change](data) if padded is None else _padded(data, int(padded["side"]))
    return data


def with_side(data: ImageSet, side: int) -> ImageSet:
    """The set with zeros laid round its images until they are `side` high and wide; as it is where they are so already.

    Raises UserError where they are larger.
    """
    return data if data.image_shape[1:] == (side, side) else _padded(data, side)


def with_channels(data: ImageSet, channels: int) -> ImageSet:
    """The set in gray (1 channel) or in colours (3); as it is where it is so already."""
    return data if data.image_shape[0] == channels else (_rgb if channels == 3 else _gray)(data)


def _fewer(data: ImageSet, count: int) -> ImageSet:
    if not 1 <= count <= len(data.train):
        raise UserError(
            f"{data.name}@{count}: the set has {len(data.train):,} training images; expected 1 to that many: "
            "choose another number"
        )
    order = stratified_order(data.train.labels.numpy())[:count]
    train = Split(data.train.images[order], data.train.labels[order])
    fewer = _changed(data, f"@{count}", train=train, summary=f"{count:,} of its {len(data.train):,} training images")
    files = (tuple(data.files[0][index] for index in order.tolist()), *data.files[1:]) if data.files else ()
    return replace(fewer, files=files)


def _shuffled_labels(data: ImageSet) -> ImageSet:
    order = torch.from_numpy(np.argsort(shuffle_keys(len(data.train), seed=1), kind="stable"))
    train = Split(data.train.images, data.train.labels[order])
    return _changed(data, "+shuffled-labels", train=train, summary="training labels dealt out anew, at random")


def _permuted_pixels(data: ImageSet) -> ImageSet:
    _, height, width = data.image_shape
    order = torch.from_numpy(np.argsort(shuffle_keys(height * width, seed=2), kind="stable"))

    def permuted(split: Split) -> Split:
        pixels = split.images.flatten(2)[:, :, order]
        return Split(pixels.reshape(split.images.shape), split.labels)

    return _changed(
        data,
        "+permuted-pixels",
        train=permuted(data.train),
        validation=permuted(data.validation),
        test=permuted(data.test),
        summary="the pixels of every image in one and the same random order",
    )


def _padded(data: ImageSet, side: int) -> ImageSet:
    _, height, width = data.image_shape
    if not max(height, width) <= side <= LONGEST_SIDE:
        raise UserError(
            f"{data.name}+padded-to-{side}: its images are {height}×{width}; expected a side of "
            f"{max(height, width)} to {LONGEST_SIDE}, since zeros are laid round them: choose another"
        )
    (top, bottom), (left, right) = margins((height, width), (side, side))

    def padded(split: Split) -> Split:
        return Split(functional.pad(split.images, (left, right, top, bottom)), split.labels)

    return _changed(
        data,
        f"+padded-to-{side}",
        train=padded(data.train),
        validation=padded(data.validation),
        test=padded(data.test),
        unpadded=data.unpadded or (height, width),
        summary=f"zeros laid round every image, to {side}×{side}",
    )


def _rgb(data: ImageSet) -> ImageSet:
    return _recoloured(data, "+rgb", channels=3, summary="the gray of every image three times, as red, green and blue")


def _gray(data: ImageSet) -> ImageSet:
    return _recoloured(data, "+gray", channels=1, summary="every image in gray, 0.299 R + 0.587 G + 0.114 B")


def _recoloured(data: ImageSet, suffix: str, *, channels: int, summary: str) -> ImageSet:
    got = data.image_shape[0]
    if got == channels or got not in (1, 3):
        raise UserError(
            f"{data.name}{suffix}: its images have {got} channel{'s' * (got > 1)}; expected {4 - channels}: leave "
            f"{suffix} out"
        )

    def recoloured(split: Split) -> Split:
        images = split.images
        if channels == 3:
            return Split(images.repeat(1, 3, 1, 1), split.labels)
        parts = [_to_gray(part) for part in images.split(4096)]
        return Split(torch.cat(parts), split.labels)

    return _changed(
        data,
        suffix,
        train=recoloured(data.train),
        validation=recoloured(data.validation),
        test=recoloured(data.test),
        summary=summary,
    )


def _to_gray(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, 3, H, W) as uint8 (N, 1, H, W), by the sums of 65,536ths that Pillow takes."""
    weights = torch.tensor([19595, 38470, 7471], dtype=torch.int32)[:, None, None]
    return ((images.int() * weights).sum(dim=1, keepdim=True) + 0x8000 >> 16).to(torch.uint8)


#: What can be done to a set, by the word that stands after its name.
CHANGES: dict[str, Callable[[ImageSet], ImageSet]] = {
    "shuffled-labels": _shuffled_labels,
    "permuted-pixels": _permuted_pixels,
    "rgb": _rgb,
    "gray": _gray,
}

#: As a user writes them, one of each kind.
CHANGE_NAMES = (*CHANGES, "padded-to-32")


def _changed(
    data: ImageSet,
    suffix: str,
    *,
    train: Split,
    summary: str,
    validation: Split | None = None,
    test: Split | None = None,
    unpadded: tuple[int, int] | None = None,
) -> ImageSet:
    changed = image_set(
        data.name + suffix,
        classes=data.classes,
        train=train,
        validation=validation or data.validation,
        test=test or data.test,
        source=data.source,
        split_note=f"{data.split_note}; of these: {summary}",
        preparation=data.preparation,
        notes=(*data.notes, f"{data.name}{suffix}: {summary}"),
        doubts=data.doubts,
        unpadded=unpadded or data.unpadded,
        leaks_allowed=is_seen_test(data),
    )
    return replace(changed, files=data.files)


def stratified_order(labels: np.ndarray) -> np.ndarray:
    """All indices in an order of which every beginning holds the classes in nearly the same proportions."""
    keys = shuffle_keys(len(labels), seed=0)
    place = np.empty(len(labels))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        mine = mine[np.argsort(keys[mine], kind="stable")]
        place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.lexsort((keys, place))
