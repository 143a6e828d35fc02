"""Which of a set's images the page brings along: all, or as many as fit, evenly from all classes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch

from cnnlab.data.imageset import ImageSet, Split
from cnnlab.data.views import split_name, stratified_order, view
from cnnlab.errors import UserError

#: What images may take of the file, deflated and in base64: about 9,000,000 bytes, 30,000 images of MNIST.
MOST_BYTES = 9_000_000

#: The share of that which validation and test images may have at least, however many training images are asked for.
MEASURING = 0.1

#: Images, evenly spaced, that tell how many bytes one takes.
WEIGHED = 1000


@dataclass(frozen=True)
class PageImages:
    """A set's images in the page.

    data: the set that the page trains on, a view of the whole one where training images were left out. train,
    validation, test: what is in the page. order: of the training images, one of which every beginning holds the classes
    evenly; a smaller number of them is its beginning, the images of `NAME@N`. of: images of each split of the whole
    set. note: what was left out, or None.
    """

    data: ImageSet
    train: Split
    validation: Split
    test: Split
    order: np.ndarray
    of: dict[str, int]
    note: str | None

    @property
    def counts(self) -> dict[str, int]:
        """Images of each split in the page."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def pixels(self) -> bytes:
        """uint8: the training images, then validation, then test."""
        parts = [split.images for split in (self.train, self.validation, self.test)]
        return b"".join(np.ascontiguousarray(part.cpu().numpy()).tobytes() for part in parts)

    def labels(self) -> bytes:
        """uint8, in the same order."""
        parts = [split.labels for split in (self.train, self.validation, self.test)]
        return b"".join(part.cpu().numpy().astype(np.uint8).tobytes() for part in parts)


def page_images(data: ImageSet, count: int | None = None) -> PageImages:
    """The images of a set that fit into the page.

    count: training images, by default all or as many as fit. Raises UserError for more than there are or than fit, and
    for a set of which nothing can be learned: one class.
    """
    if not 2 <= len(data.classes) <= 256:
        raise UserError(
            f"{data.name}: {len(data.classes)} class{'' if len(data.classes) == 1 else 'es'}; a page to train in "
            "expected 2 to 256: choose other data"
        )
    of = {name: len(data.split(name)) for name in ("train", "validation", "test")}
    fit, measured = int(MOST_BYTES / _bytes_an_image(data)), of["validation"] + of["test"]
    if count is None and sum(of.values()) > fit:
        count = _rounded(max(1, of["train"] * fit // sum(of.values())))
    most = min(of["train"], fit - min(measured, int(MEASURING * fit)))
    if count is not None and most < count <= of["train"]:
        raise UserError(
            f"{data.name}: {count:,} training images take more than {MOST_BYTES / 1e6:.0f} MB of the page; expected at "
            f"most {_rounded(most):,}: ask for fewer with --images"
        )
    chosen = data if count is None or count == of["train"] else view(data, count, ())
    share = min(1.0, (fit - len(chosen.train)) / measured)
    validation, test = (_part(split, max(1, int(share * len(split)))) for split in (data.validation, data.test))
    kept = {"train": len(chosen.train), "validation": len(validation), "test": len(test)}
    is_in_order = split_name(chosen.name)[1] is not None
    order = np.arange(len(chosen.train)) if is_in_order else stratified_order(data.train.labels.numpy())
    return PageImages(chosen, chosen.train, validation, test, order, of, _note(kept, of))


def _part(split: Split, count: int) -> Split:
    """So many images of a split, evenly from its classes, as they lie."""
    if count >= len(split):
        return split
    indices = torch.from_numpy(np.sort(stratified_order(split.labels.numpy())[:count]))
    return Split(split.images[indices], split.labels[indices])


def _bytes_an_image(data: ImageSet) -> float:
    weighed = data.train.evenly_spaced(WEIGHED).images
    return len(zlib.compress(weighed.contiguous().numpy().tobytes(), 9)) * 4 / 3 / len(weighed)


def _rounded(count: int) -> int:
    """Down to two digits, as one says it."""
    step = 10 ** max(0, len(str(count)) - 2)
    return count // step * step


def _note(kept: dict[str, int], of: dict[str, int]) -> str | None:
    if kept == of:
        return None
    words = {"train": "training", "validation": "validation", "test": "test"}
    parts = [
        f"{kept[name]:,} of {of[name]:,} {word}" if kept[name] < of[name] else f"all {of[name]:,} {word}"
        for name, word in words.items()
    ]
    return f"{parts[0]}, {parts[1]} and {parts[2]} images are in the page, evenly from all classes"
