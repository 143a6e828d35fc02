"""Arrays in memory as a data set: a user's own, or those of a file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.imageset import ImageSet, Split, image_set
from cnnlab.data.overlap import equal_images, groups_of_equal
from cnnlab.data.splits import shuffle_keys, stratify
from cnnlab.errors import UserError

_SEED = 80_10_10

#: About how many bytes of images are moved at a time.
_CHUNK = 16_000_000


class Unread(Protocol):
    """An array of which only shape and dtype are known yet; its rows come some at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N and the sizes of a row."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Of every value."""
        ...

    def chunks(self) -> Iterator[np.ndarray]:
        """The rows, in order, some at a time. Raises UserError when they cannot be read."""
        ...


class LabelledArrays(NamedTuple):
    """Images and their labels as somebody gave them, and what messages call the two."""

    images: np.ndarray | Unread
    labels: np.ndarray | Unread
    images_are: str
    labels_are: str


def data_of(
    images: Any,
    labels: Any,
    *,
    test: tuple[Any, Any] | None = None,
    validation: tuple[Any, Any] | None = None,
    classes: Sequence[str] | None = None,
    name: str = "arrays",
) -> ImageSet:
    """Make a data set of arrays or tensors in memory: what `load` gives, with the same checks.

    images: uint8, 0–255, (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3; NumPy, PyTorch, or what
    `numpy.asarray` takes. When both the second and the last size are 1 or 3 the shape is ambiguous and refused.
    labels: integers, (N,) or (N, 1).
    test, validation: images and labels of these splits. Without `test`, all are split 80/10/10 % by class, by a fixed
    shuffle; without `validation`, 10 % of each class of the training images are cut, by a fixed shuffle, too.
    classes: the classes' names; without them the labels must be 0 … K-1 with none left out, and the classes are called
    by their numbers. name: what reports and messages call the set.
    Nothing is shared with what was given: the set holds copies. Raises UserError when anything is otherwise, and
    when more than one in a hundred test images stands among the training images.
    """
    if test is None and validation is not None:
        raise UserError(
            f"{name}: got validation images but none for the test; expected both, the test alone, or neither: "
            "add test=(images, labels)"
        )
    given: dict[str, tuple[Any, Any]] = {"all" if test is None else "train": (images, labels)}
    given |= {} if test is None else {"test": _two(test, f"{name}: test")}
    given |= {} if validation is None else {"validation": _two(validation, f"{name}: validation")}
    pairs = {}
    for part, (x, y) in given.items():
        of = name if part in ("all", "train") else f"{name}: {part}"
        pairs[part] = LabelledArrays(
            _array(x, f"{of}: images"), _array(y, f"{of}: labels"), f"{of}: images", f"{of}: labels"
        )
    return set_of_arrays(
        pairs,
        None if classes is None else np.asarray([str(one) for one in classes]),
        name=name,
        where=name,
        source="arrays in memory",
        by="as given",
    )


def set_of_arrays(
    pairs: Mapping[str, LabelledArrays],
    classes: np.ndarray | None,
    *,
    name: str,
    where: str,
    source: str,
    by: str,
    notes: tuple[str, ...] = (),
) -> ImageSet:
    """Check arrays, split those that are not split, and make them a data set.

    pairs: of `train`, `test` and maybe `validation`; or of `all`. classes: names, strings (K,). where: what messages
    about all of them begin with. by: who says which images are for the test. Raises UserError as `data_of` does.
    """
    layouts = {part: _layout(pair.images, pair.images_are) for part, pair in pairs.items()}
    for pair in pairs.values():
        _check_labels(pair.labels, pair.labels_are)
        images, labels = pair.images.shape[0], pair.labels.shape[0]
        if images != labels:
            raise UserError(
                f"{pair.images_are} holds {images} images, {pair.labels_are.removeprefix(where + ': ')} "
                f"{labels} labels; expected one label an image: make the two arrays equally long"
            )
    labels_of = {part: _labels(pair.labels, pair.labels_are) for part, pair in pairs.items()}
    names = _classes(classes, np.concatenate(list(labels_of.values())), where)
    to_cut = "all" if "all" in pairs else "train" if "validation" not in pairs else None
    groups = None if to_cut is None else groups_of_equal(_chunks(pairs[to_cut].images))
    cuts, how = _cuts(labels_of, names, name, by, groups)
    doubts = []
    if to_cut and groups is not None:
        note, doubt = equal_images(groups, labels_of[to_cut], lambda index: f"image {index}", is_cut=True)
        notes += (note,) if note else ()
        doubts += [doubt] if doubt else []
    splits = [
        Split(images, torch.from_numpy(labels_of[part][indices]))
        for part, cut in cuts.items()
        for images, indices in zip(_taken(pairs[part].images, layouts[part], cut), cut, strict=True)
    ]
    train, validation, test = splits
    return image_set(
        name,
        classes=names,
        train=train,
        validation=validation,
        test=test,
        source=source,
        split_note=f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test images: {how}",
        notes=notes,
        doubts=tuple(doubts),
    )


def _two(pair: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise UserError(
            f"{name} is {type(pair).__name__}{f' of {len(pair)}' if isinstance(pair, tuple | list) else ''}; expected "
            "images and labels: give (images, labels)"
        )
    return pair[0], pair[1]


def _array(values: Any, name: str) -> np.ndarray:
    """A NumPy array, of the very memory that was given where that can be."""
    try:
        return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    except Exception as error:  # whatever the object's own conversion raises
        reason = " ".join(str(error).split())
        raise UserError(
            f"{name} is {type(values).__name__}, which is not an array ({reason}); expected a NumPy array or a tensor: "
            "convert it with numpy.asarray"
        ) from None


def _layout(array: np.ndarray | Unread, name: str) -> str:
    """The meaning of each size of images, N, C, H and W in some order."""
    if array.dtype != np.uint8:
        mend = "scale and convert them, e.g. (255 * images).round().astype(np.uint8) for values from 0 to 1"
        if array.dtype.kind != "f":
            mend = "convert them with images.astype(np.uint8) where values run from 0 to 255"
        raise UserError(f"{name} is {array.dtype}; expected uint8, 0–255: {mend}")
    if 0 in array.shape:
        raise UserError(f"{name} has the shape {array.shape}; expected at least one image with pixels: add images")
    if len(array.shape) == 3:
        return "NHW"
    if len(array.shape) == 4:
        first, last = array.shape[1] in (1, 3), array.shape[3] in (1, 3)
        if first and last:
            raise UserError(
                f"{name} has the shape {array.shape}, which could be channels first or last; expected one "
                "size of 1 or 3: drop a channel axis of 1 to get (N, H, W), or resize the images"
            )
        if first or last:
            return "NCHW" if first else "NHWC"
    raise UserError(
        f"{name} has the shape {array.shape}; expected (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or "
        "3: reshape it"
    )


def _check_labels(array: np.ndarray | Unread, name: str) -> None:
    if array.dtype.kind not in "iu":
        raise UserError(f"{name} is {array.dtype}; expected integers: convert them with labels.astype(np.int64)")
    if array.shape[1:] not in ((), (1,)) or not array.shape:
        raise UserError(
            f"{name} has the shape {array.shape}; expected (N,) or (N, 1), one class an image: "
            "use labels.argmax(1) where they are one-hot"
        )


def _labels(array: np.ndarray | Unread, name: str) -> np.ndarray:
    """int64 (N,)."""
    values = np.concatenate(list(_chunks(array))).reshape(-1)
    if int(values.min()) < 0:
        raise UserError(f"{name} holds the label {int(values.min())}; expected 0 and up: renumber from 0")
    if int(values.max()) > 1_000_000:
        raise UserError(f"{name} holds the label {int(values.max())}; expected class numbers from 0: renumber from 0")
    return values.astype(np.int64)


def _chunks(array: np.ndarray | Unread) -> Iterator[np.ndarray]:
    if not isinstance(array, np.ndarray):
        yield from array.chunks()
        return
    step = rows_at_once(array)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def rows_at_once(array: np.ndarray | Unread) -> int:
    """How many rows of an array are moved at a time."""
    return max(1, _CHUNK // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))


def _classes(names: np.ndarray | None, labels: np.ndarray, where: str) -> tuple[str, ...]:
    present = np.unique(labels)
    if len(present) < 2:
        raise UserError(
            f"{where} holds labels of {len(present)} class only; expected at least two: add images of another"
        )
    if names is None:
        if present[-1] != len(present) - 1:
            missing = int(np.setdiff1d(np.arange(present[-1]), present)[0])
            raise UserError(
                f"{where}: labels run to {present[-1]} but no image has {missing}; expected 0 to K-1 with "
                "none left out: renumber the labels, or name every class in an array called classes"
            )
        return tuple(str(label) for label in range(len(present)))
    if names.dtype.kind != "U" or names.ndim != 1:
        raise UserError(
            f"{where}: classes is {names.dtype} of the shape {names.shape}; expected a 1-D array of strings: "
            "use np.array(['cat', 'dog'])"
        )
    if present[-1] >= len(names):
        raise UserError(
            f"{where}: labels run to {present[-1]} but classes names {len(names)}; expected labels 0 to "
            f"{len(names) - 1}: name every class or mend the labels"
        )
    return tuple(str(name) for name in names)


def _cuts(
    labels: dict[str, np.ndarray], classes: tuple[str, ...], name: str, by: str, groups: np.ndarray | None
) -> tuple[dict[str, list[np.ndarray]], str]:
    """The indices that are training, validation and test images, in this order, of each part; and how it was cut."""
    if "all" in labels:
        keys = shuffle_keys(len(labels["all"]), seed=_SEED)
        cut = stratify(labels["all"], keys, shares=(0.1, 0.1), classes=classes, name=name, groups=groups)
        return {"all": cut}, "a fixed shuffle, 80/10/10 % of each class"
    whole = {part: [np.arange(len(labels[part]))] for part in ("train", "validation", "test") if part in labels}
    if "validation" in labels:
        return whole, by
    keys = shuffle_keys(len(labels["train"]), seed=_SEED)
    cut = stratify(labels["train"], keys, shares=(0.1,), classes=classes, name=name, groups=groups)
    how = f"test {by}, validation 10 % of each class of the training images by a fixed shuffle"
    return whole | {"train": cut}, how


def _taken(images: np.ndarray | Unread, layout: str, cut: list[np.ndarray]) -> list[Tensor]:
    """The images of each cut, uint8 (n, C, H, W): taken in one pass, so that all are in memory once.

    cut: int64 indices (n,), all of them together every image once.
    """
    sizes = dict(zip(layout, images.shape, strict=True))
    shape = sizes.get("C", 1), sizes["H"], sizes["W"]
    taken = [np.empty((len(indices), *shape), dtype=np.uint8) for indices in cut]
    number, place = np.empty((2, sizes["N"]), dtype=np.int64)
    for each, indices in enumerate(cut):
        number[indices], place[indices] = each, np.arange(len(indices))
    start = 0
    for chunk in _chunks(images):
        rows = slice(start, start + len(chunk))
        pixels = chunk.transpose(0, 3, 1, 2) if layout == "NHWC" else chunk.reshape(-1, *shape)
        for each, target in enumerate(taken):
            mine = number[rows] == each
            target[place[rows][mine]] = pixels[mine]
        start = rows.stop
    return [torch.from_numpy(target) for target in taken]
