"""What every source of images becomes: three splits of uint8 images, and what normalises them."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from cnnlab.data.overlap import repeated
from cnnlab.data.samples import Samples
from cnnlab.errors import UserError

#: Share of the test images (0–1) that may stand among the training images; more, and it is no longer a test.
TOLERATED = 0.01

#: The most classes: what is counted of every pair of them has to fit.
MOST_CLASSES = 5_000

#: Called as `progress(what, done, total)` while something long runs; `done == total` ends it.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class _ComparedByContent:
    """Two records of a kind are equal when all that they hold is, value by value where that is a tensor."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    def __hash__(self) -> int:
        held = (getattr(self, each.name) for each in fields(self))
        return hash(tuple(tuple(each.shape) if isinstance(each, Tensor) else each for each in held))


def _same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one is other or (one.dtype == other.dtype and torch.equal(one, other))
    return one == other


@dataclass(frozen=True, eq=False)
class Split(_ComparedByContent):
    """Images and their labels.

    images: uint8 (N, C, H, W), 0–255. labels: int64 (N,), 0 … classes-1.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def evenly_spaced(self, most: int) -> Split:
        """At most `most` of the images, evenly spaced, so that a sorted split is still represented."""
        if len(self) <= most:
            return self
        indices = torch.arange(most) * len(self) // most
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class ImageSet(_ComparedByContent):
    """A data set cut into training, validation and test images.

    mean, std: one a channel, of the *training* split's pixels on a scale of 0–1; what a net sees is
    `(pixel / 255 - mean) / std`.
    preparation: how a user's own image file becomes such an image (`cnnlab.prepare`).
    doubts: what its source has to say that makes its figures doubtful, a line each, such as images left out.
    unpadded: (H, W) of the images before zeros were laid round them, where that was done (`cnnlab.data.views`).
    leaks: these lines, and one for each split that repeats images of the training split.
    repeated: test images that stand among the training images, pixel for pixel.
    files: of the training, validation and test images, in their order, where the set is a folder; else nothing.
    """

    name: str
    classes: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    source: str
    split_note: str
    preparation: str = "resize"
    notes: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    repeated: int = 0
    doubts: tuple[str, ...] = ()
    unpadded: tuple[int, int] | None = None
    files: tuple[tuple[str, ...], ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def split(self, name: str) -> Split:
        """The split called `train`, `validation` or `test`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]

    def as_dataset(self, name: str) -> Samples:
        """The split called `train`, `validation` or `test` as a plain `torch.utils.data.Dataset`.

        For DataLoader, Lightning, skorch or a loop of one's own: normalised images float32 (C, H, W) with their labels.
        """
        split = self.split(name)
        return Samples(split.images, split.labels, self.classes, self.mean, self.std)


def image_set(
    name: str,
    *,
    classes: tuple[str, ...],
    train: Split,
    validation: Split,
    test: Split,
    source: str,
    split_note: str,
    preparation: str = "resize",
    notes: tuple[str, ...] = (),
    doubts: tuple[str, ...] = (),
    unpadded: tuple[int, int] | None = None,
    leaks_allowed: bool = False,
) -> ImageSet:
    """Check three splits against each other and complete them with statistics and a content hash.

    Test or validation images that stand among the training images, pixel for pixel, are named in `leaks`, after
    `doubts`; classes that no training image shows, in `notes`. Raises UserError when more than one in a hundred test
    images does, unless leaks_allowed; when two classes have one name, when a split is empty, when images and labels
    differ in number, when image shapes differ between splits or when a label lies outside 0 … len(classes)-1.
    """
    if len(classes) > MOST_CLASSES:
        raise UserError(
            f"{name} has {len(classes):,} classes; expected at most {MOST_CLASSES:,}: join some, or leave some out"
        )
    if len(set(classes)) < len(classes):
        twice = Counter(classes).most_common(1)[0][0]
        raise UserError(f"{name}: two classes are named {twice!r}; expected a name of its own for each: rename one")
    splits = {"train": train, "validation": validation, "test": test}
    for split_name, split in splits.items():
        if len(split) == 0:
            raise UserError(
                f"{name}: the {split_name} split is empty; expected at least one image: add images or choose "
                "another split"
            )
        if len(split.images) != len(split.labels):
            raise UserError(
                f"{name}: {len(split.images)} {split_name} images but {len(split.labels)} labels; "
                "expected one label an image: make the two arrays equally long"
            )
        if split.images.shape[1:] != train.images.shape[1:]:
            raise UserError(
                f"{name}: {split_name} images are {tuple(split.images.shape[1:])}, training images "
                f"{tuple(train.images.shape[1:])}; expected one shape: resize them to the same"
            )
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= len(classes):
            raise UserError(
                f"{name}: {split_name} labels run from {low} to {high}; expected 0 to {len(classes) - 1} "
                f"for {len(classes)} classes: mend the labels or name all classes"
            )
    counts = torch.bincount(train.labels, minlength=len(classes)).tolist()
    unseen = [each for each, count in zip(classes, counts, strict=True) if not count]
    if unseen:
        more = f" and {len(unseen) - 10:,} more" if len(unseen) > 10 else ""
        notes = (*notes, f"no training image shows {', '.join(unseen[:10])}{more}: a net cannot learn it")
    mean, std = channel_statistics(train.images)
    leaks, repeated_in_test = _leaks(name, splits)
    data = ImageSet(
        name=name,
        classes=classes,
        train=train,
        validation=validation,
        test=test,
        mean=mean,
        std=std,
        sha256=content_hash(splits),
        source=source,
        split_note=split_note,
        preparation=preparation,
        notes=notes,
        leaks=(*doubts, *leaks),
        repeated=repeated_in_test,
        doubts=doubts,
        unpadded=unpadded,
    )
    return data if leaks_allowed else require_unseen_test(data)


def is_seen_test(data: ImageSet) -> bool:
    """Whether more of the test images than `TOLERATED` stand among the training images."""
    return data.repeated > TOLERATED * len(data.test)


def given_images(data: object) -> ImageSet:
    """A set as the Python API's functions take it. Raises UserError for anything else, with the way to one."""
    if isinstance(data, ImageSet):
        return data
    if isinstance(data, str | os.PathLike):
        raise UserError(f"data: got the name {str(data)!r}; expected its images: cnnlab.load({str(data)!r})")
    if isinstance(data, Split):
        raise UserError("data: got one split; expected an ImageSet, which has all three: give the set that it is of")
    raise UserError(
        f"data: got {type(data).__name__}; expected an ImageSet: cnnlab.data_of(images, labels) makes one of arrays or "
        "tensors, cnnlab.load(NAME) loads one"
    )


def require_unseen_test(data: ImageSet) -> ImageSet:
    """The set. Raises UserError where more than one in a hundred test images stands among the training images."""
    if is_seen_test(data):
        raise UserError(
            f"{data.name}: {data.repeated:,} of {len(data.test):,} test images stand among the training images, pixel "
            "for pixel; expected a test of images that the net has not seen: leave each image in one split only; "
            "cnnlab data DATA --check lists them"
        )
    return data


def _leaks(name: str, splits: dict[str, Split]) -> tuple[list[str], int]:
    """A line for each split that repeats training images; and how many images of the test split do."""
    lines, count = [], 0
    for split_name in ("validation", "test"):
        split = splits[split_name]
        count = repeated(split.images, among=splits["train"].images)
        if count:
            lines.append(
                f"{name}: {count:,} of {len(split):,} {split_name} images stand among the training images, pixel for "
                f"pixel: {split_name} accuracy flatters by up to {100 * count / len(split):.2g} points"
            )
    return lines, count


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of uint8 images (N, C, H, W), on a scale of 0–1.

    Exact: counted from the 256 possible values in integers, so that no order of summation can change a digit.
    A channel that never varies gets a standard deviation of 1, which leaves it at zero after normalisation.
    """
    values = torch.arange(256, dtype=torch.float64)
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = torch.bincount(images[:, channel].flatten(), minlength=256).double()
        share = counts / counts.sum()
        mean = float((share * values).sum())
        variance = float((share * (values - mean) ** 2).sum())
        means.append(mean / 255)
        stds.append(variance**0.5 / 255 or 1.0)
    return tuple(means), tuple(stds)


def content_hash(splits: dict[str, Split]) -> str:
    """SHA-256 over the shapes, pixels and labels of all splits, in the order given."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(f"{name} {tuple(split.images.shape)}".encode())
        digest.update(split.images.contiguous().numpy())  # the memory itself: no copy of a whole split
        digest.update(split.labels.contiguous().numpy())
    return digest.hexdigest()
