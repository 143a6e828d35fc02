"""Arrays in memory as a data set: a user's own, or those of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cnnlab.data.imageset import ImageSet, Split, image_set, require_unseen_test
from cnnlab.data.labels import numbered, one_each, require_text
from cnnlab.data.overlap import equal_images, groups_of_equal
from cnnlab.data.scaling import as_bytes
from cnnlab.data.splits import shuffle_keys, stratify
from cnnlab.data.unread import Unread, chunks_of
from cnnlab.errors import UserError

_SEED = 80_10_10
_SPLITS = ("train", "validation", "test")


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
    Other numbers become uint8 by their range, over all splits: from 0 to 1 times 255; whole numbers from 0 to 255 as
    they are; from -1 to 1 as (x + 1) / 2 · 255.
    labels: integers or words, (N,) or (N, 1), or one-hot (N, K). Those that are not 0 … K-1 are numbered in order.
    test, validation: images and labels of these splits. Without `test`, all are split 80/10/10 % by class, by a fixed
    shuffle; without `validation`, 10 % of each class of the training images are cut, by a fixed shuffle, too.
    classes: the classes' names, of which integers are the places; without them the classes are called by their labels.
    name: what reports and messages call the set.
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
    data = set_of_arrays(
        pairs,
        None if classes is None else np.asarray([str(one) for one in classes]),
        name=name,
        where=name,
        source="arrays in memory",
        by="as given",
    )
    return require_unseen_test(data)


def set_of_arrays(
    pairs: Mapping[str, LabelledArrays],
    classes: np.ndarray | None,
    *,
    name: str,
    where: str,
    source: str,
    by: str,
    notes: tuple[str, ...] = (),
    called: Mapping[int, str] | None = None,
    preparation: str = "resize",
) -> ImageSet:
    """Check arrays, split those that are not split, and make them a data set.

    pairs: of `train` and `test`, or `validation`, or both; or of `all`. classes: names, strings (K,). where: what
    messages about all of them begin with. by: who says which images are for the test. called: names of labels that are
    numbers, by which classes are called where `classes` does not say it. Raises UserError as `data_of` does, except
    for test images that stand among the training images, which `require_unseen_test` asks.
    """
    layouts = {part: _layout(pair.images, pair.images_are) for part, pair in pairs.items()}
    scaled, how_scaled = as_bytes(
        [pair.images for pair in pairs.values()], [pair.images_are for pair in pairs.values()]
    )
    notes += (how_scaled,) if how_scaled else ()
    pairs = {part: pair._replace(images=images) for (part, pair), images in zip(pairs.items(), scaled, strict=True)}
    written = {
        part: one_each(chunks_of(pair.labels), pair.labels.shape, pair.labels.dtype, pair.labels_are)
        for part, pair in pairs.items()
    }
    for pair in pairs.values():
        images, labels = pair.images.shape[0], pair.labels.shape[0]
        if images != labels:
            raise UserError(
                f"{pair.images_are} holds {images} images, {pair.labels_are.removeprefix(where + ': ')} "
                f"{labels} labels; expected one label an image: make the two arrays equally long"
            )
    notes += tuple(dict.fromkeys(labels.note for labels in written.values() if labels.note))
    labels_of, names, note = _classes({part: labels.values for part, labels in written.items()}, classes, where, called)
    notes += (note,) if note else ()
    to_cut = "all" if "all" in pairs else "train" if {"validation", "test"} - set(pairs) else None
    groups = None if to_cut is None else groups_of_equal(chunks_of(pairs[to_cut].images))
    cuts, how = _cuts(labels_of, names, name, by, groups)
    doubts = []
    if to_cut and groups is not None:
        note, doubt = equal_images(groups, labels_of[to_cut], lambda index: f"image {index}", is_cut=True)
        notes += (note,) if note else ()
        doubts += [doubt] if doubt else []
    splits: dict[str, Split] = {}
    for part, cut in cuts.items():
        taken = _taken(pairs[part].images, layouts[part], list(cut.values()))
        for (split, indices), images in zip(cut.items(), taken, strict=True):
            splits[split] = Split(images, torch.from_numpy(labels_of[part][indices]))
    train, validation, test = (splits[split] for split in _SPLITS)
    return image_set(
        name,
        classes=names,
        train=train,
        validation=validation,
        test=test,
        source=source,
        split_note=f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test images: {how}",
        preparation=preparation,
        notes=notes,
        doubts=tuple(doubts),
        leaks_allowed=True,
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
    if values is None or isinstance(values, Iterator):
        mend = "give one" if values is None else "make a list of what it yields, and give that"
        raise UserError(f"{name} is {type(values).__name__}; expected a NumPy array or a tensor: {mend}")
    try:
        if isinstance(values, torch.Tensor):
            whole = values.detach().cpu()
            return (whole.float() if whole.dtype == torch.bfloat16 else whole).numpy()  # NumPy has no such numbers
        return np.asarray(values)
    except Exception as error:  # whatever the object's own conversion raises
        shapes = _shapes(values)
        if len(shapes) > 1:
            raise UserError(
                f"{name} holds items of the shapes {' and '.join(map(str, shapes[:2]))}; expected one shape for all: "
                "resize or crop them"
            ) from None
        reason = " ".join(str(error).split())
        raise UserError(
            f"{name} is {type(values).__name__}, which is not an array ({reason}); expected a NumPy array or a tensor: "
            "convert it with numpy.asarray"
        ) from None


def _shapes(values: Any) -> list[tuple[int, ...]]:
    """The shapes of a list's items, each once; none where they have no shapes."""
    try:
        return list(dict.fromkeys(np.shape(item) for item in values))
    except Exception:  # whatever the items raise
        return []


def _layout(array: np.ndarray | Unread, name: str) -> str:
    """The meaning of each size of images, N, C, H and W in some order."""
    if array.dtype.kind not in "fiub":
        raise UserError(
            f"{name} is {array.dtype}; expected uint8, 0–255, or other numbers: give pixels as uint8, such as "
            "np.asarray(Image.open(path))"
        )
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


def _classes(
    written: dict[str, np.ndarray], names: np.ndarray | None, where: str, called: Mapping[int, str] | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...], str | None]:
    """Class numbers of each part, int64 (n,), the classes' names, and how labels became numbers."""
    whole = np.concatenate(list(written.values()))
    if len(np.unique(whole)) < 2:
        raise UserError(f"{where} holds labels of 1 class only; expected at least two: add images of another")
    if names is None:
        numbers, found, note = numbered(whole, where, called)
    else:
        numbers, found, note = _places(whole, names, where), tuple(str(name) for name in names), None
    ends = np.cumsum([len(labels) for labels in written.values()])[:-1]
    return dict(zip(written, np.split(numbers, ends), strict=True)), found, note


def _places(labels: np.ndarray, names: np.ndarray, where: str) -> np.ndarray:
    """The places of labels among the names of all classes, int64 (N,): labels are these places, or names themselves."""
    if names.dtype.kind != "U" or names.ndim != 1:
        raise UserError(
            f"{where}: classes is {names.dtype} of the shape {names.shape}; expected a 1-D array of strings: "
            "use np.array(['cat', 'dog'])"
        )
    require_text(names, f"{where}: classes")
    place_of = {name: place for place, name in enumerate(names.tolist())}
    if len(place_of) < len(names):
        twice = next(name for place, name in enumerate(names.tolist()) if place_of[name] != place)
        raise UserError(f"{where}: classes names {twice!r} twice; expected a name of its own for each: rename one")
    if labels.dtype.kind == "U":
        present, inverse = np.unique(labels, return_inverse=True)
        for word in present.tolist():
            if word not in place_of:
                raise UserError(
                    f"{where} holds the label {word[:100]!r}, which classes does not name; expected one of its "
                    f"{len(names)} names: name every class or mend the labels"
                )
        return np.array([place_of[word] for word in present.tolist()], dtype=np.int64)[inverse.reshape(-1)]
    if int(labels.min()) < 0:
        raise UserError(f"{where} holds the label {int(labels.min())}; expected 0 and up: renumber from 0")
    if int(labels.max()) >= len(names):
        raise UserError(
            f"{where}: labels run to {labels.max()} but classes names {len(names)}; expected labels 0 to "
            f"{len(names) - 1}: name every class or mend the labels"
        )
    return labels.astype(np.int64)


def _cuts(
    labels: dict[str, np.ndarray], classes: tuple[str, ...], name: str, by: str, groups: np.ndarray | None
) -> tuple[dict[str, dict[str, np.ndarray]], str]:
    """Of each part the indices that go into training, validation and test; and how it was cut."""
    to_cut, missing = ("all", list(_SPLITS[1:])) if "all" in labels else ("train", [])
    if to_cut == "train":
        missing = [split for split in _SPLITS[1:] if split not in labels]
    cuts = {part: {part: np.arange(len(labels[part]))} for part in labels if part != to_cut}
    keys = shuffle_keys(len(labels[to_cut]), seed=_SEED)
    if missing:
        shares = (0.1,) * len(missing)
        cut = stratify(labels[to_cut], keys, shares=shares, classes=classes, name=name, groups=groups)
        cuts[to_cut] = dict(zip(("train", *missing), cut, strict=True))
    else:
        cuts["train"] = {"train": np.arange(len(labels["train"]))}
    if to_cut == "all":
        return cuts, "a fixed shuffle, 80/10/10 % of each class"
    if not missing:
        return cuts, by
    given = next(split for split in _SPLITS[1:] if split not in missing)
    return cuts, f"{given} {by}, {missing[0]} 10 % of each class of the training images by a fixed shuffle"


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
    for chunk in chunks_of(images):
        rows = slice(start, start + len(chunk))
        pixels = chunk.transpose(0, 3, 1, 2) if layout == "NHWC" else chunk.reshape(-1, *shape)
        for each, target in enumerate(taken):
            mine = number[rows] == each
            target[place[rows][mine]] = pixels[mine]
        start = rows.stop
    return [torch.from_numpy(target) for target in taken]
