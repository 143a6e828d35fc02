"""`npz:FILE`: a user's own NumPy arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from cnnlab.data.imageset import ImageSet, Split, image_set
from cnnlab.data.splits import shuffle_keys, stratify
from cnnlab.errors import UserError

#: Pairs of keys (images, labels) for training, test and, where given, validation.
_LAYOUTS = {
    "keras": {
        "train": ("x_train", "y_train"),
        "test": ("x_test", "y_test"),
        "validation": ("x_val", "y_val"),
    },
    "medmnist": {
        "train": ("train_images", "train_labels"),
        "test": ("test_images", "test_labels"),
        "validation": ("val_images", "val_labels"),
    },
}
_KEYS = {"images", "labels", "classes"} | {
    key for layout in _LAYOUTS.values() for pair in layout.values() for key in pair
}
_EXPECTED = (
    "expected images and labels; or x_train, y_train, x_test, y_test (x_val, y_val); "
    "or train_images, train_labels, test_images, test_labels (val_images, val_labels)"
)
_SEED = 80_10_10


def load_npz(path: str | Path) -> ImageSet:
    """Load arrays from an .npz file; nothing is ever unpickled.

    Keys, one of three sets: `images`, `labels`, which are split 80/10/10 % a class by a fixed shuffle;
    `x_train, y_train, x_test, y_test` with or without `x_val, y_val` (Keras);
    `train_images, train_labels, test_images, test_labels` with or without `val_images, val_labels`
    (MedMNIST). Where validation is not given, 10 % of each class of the training images are cut.
    `classes`: the classes' names, a 1-D array of strings, optional; without it the labels must be 0 … K-1
    with none left out, and the classes are called by their numbers. Other keys are ignored and noted.
    images: uint8, (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3. When both the second and the last
    size are 1 or 3 the shape is ambiguous and refused. labels: integers, (N,) or (N, 1).
    Raises UserError when the file or an array is anything else.
    """
    if not str(path):
        raise UserError("npz: names no file; expected npz:FILE: give the path of an .npz file")
    file = Path(path).expanduser()
    arrays, ignored = _read(file)
    keys = _choose(arrays, ignored, file)
    pairs = {
        part: (_images(arrays[x], f"{file}: {x}"), _labels(arrays[y], f"{file}: {y}")) for part, (x, y) in keys.items()
    }
    for part, (x, y) in keys.items():
        images, labels = pairs[part]
        if len(images) != len(labels):
            raise UserError(
                f"{file}: {x} holds {len(images)} images, {y} {len(labels)} labels; expected one label an "
                "image: make the two arrays equally long"
            )
    classes = _classes(arrays.get("classes"), np.concatenate([labels for _, labels in pairs.values()]), file)
    name = f"npz:{path}"
    splits, how = _split(pairs, classes, name)
    train, validation, test = splits
    return image_set(
        name,
        classes=classes,
        train=train,
        validation=validation,
        test=test,
        source=f"npz: {file.resolve()}",
        split_note=(f"{len(train):,} training, {len(validation):,} validation and {len(test):,} test images: {how}"),
        notes=(f"ignored arrays: {', '.join(ignored)}",) if ignored else (),
    )


def _read(file: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays whose keys mean something, and the names of those left unread."""
    if not file.exists():
        raise UserError(f"{file} does not exist; expected an .npz file: mend the path")
    if file.is_dir():
        raise UserError(f"{file} is a folder; expected an .npz file: mend the path, or use folder:PATH")
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise UserError(f"{file} is a single array (.npy); {_EXPECTED}: write it with np.savez")
        with loaded:
            arrays = {key: loaded[key] for key in loaded.files if key in _KEYS}
            ignored = sorted(set(loaded.files) - _KEYS)
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged or hostile file
        reason = " ".join(str(error).split())
        if "allow_pickle" in reason or "pickled" in reason:
            raise UserError(
                f"{file} holds Python objects, which are never unpickled; expected arrays of numbers: write "
                "them with np.savez, with a dtype other than object"
            ) from None
        raise UserError(
            f"{file} is not an intact .npz file ({reason or type(error).__name__}); expected one that "
            "np.savez wrote: write or copy it again"
        ) from None
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise UserError(f"{file}: {key} is not an array; {_EXPECTED}: write the file with np.savez")
    return arrays, ignored


def _choose(arrays: dict[str, np.ndarray], ignored: list[str], file: Path) -> dict[str, tuple[str, str]]:
    """Which keys hold images and labels of which part; part `all` when they are yet to be split."""
    found = []
    if {"images", "labels"} <= set(arrays):
        found.append({"all": ("images", "labels")})
    for layout in _LAYOUTS.values():
        if all(key in arrays for part in ("train", "test") for key in layout[part]):
            validation = [key for key in layout["validation"] if key in arrays]
            if len(validation) == 1:
                raise UserError(
                    f"{file} holds {validation[0]} alone; expected {' and '.join(layout['validation'])}, or "
                    "neither: add the other or leave both out"
                )
            found.append({part: pair for part, pair in layout.items() if part != "validation" or validation})
    if len(found) == 1:
        return found[0]
    listing = ", ".join([*arrays, *ignored]) or "nothing"
    if found:
        raise UserError(f"{file} holds more than one set of keys ({listing}); {_EXPECTED}: keep one set")
    raise UserError(f"{file} holds {listing}; {_EXPECTED}: rename the arrays")


def _images(array: np.ndarray, name: str) -> np.ndarray:
    """uint8 (N, C, H, W)."""
    if array.dtype != np.uint8:
        mend = "scale and convert them, e.g. (255 * images).round().astype(np.uint8) for values from 0 to 1"
        if array.dtype.kind != "f":
            mend = "convert them with images.astype(np.uint8) where values run from 0 to 255"
        raise UserError(f"{name} is {array.dtype}; expected uint8, 0–255: {mend}")
    if 0 in array.shape:
        raise UserError(f"{name} has the shape {array.shape}; expected at least one image with pixels: add images")
    if array.ndim == 3:
        return np.ascontiguousarray(array[:, None])
    if array.ndim == 4:
        first, last = array.shape[1] in (1, 3), array.shape[3] in (1, 3)
        if first and last:
            raise UserError(
                f"{name} has the shape {array.shape}, which could be channels first or last; expected one "
                "size of 1 or 3: drop a channel axis of 1 to get (N, H, W), or resize the images"
            )
        if last:
            return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
        if first:
            return np.ascontiguousarray(array)
    raise UserError(
        f"{name} has the shape {array.shape}; expected (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or "
        "3: reshape it"
    )


def _labels(array: np.ndarray, name: str) -> np.ndarray:
    """int64 (N,)."""
    if array.dtype.kind not in "iu":
        raise UserError(f"{name} is {array.dtype}; expected integers: convert them with labels.astype(np.int64)")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise UserError(
            f"{name} has the shape {array.shape}; expected (N,) or (N, 1), one class an image: "
            "use labels.argmax(1) where they are one-hot"
        )
    if len(array) and int(array.min()) < 0:
        raise UserError(f"{name} holds the label {int(array.min())}; expected 0 and up: renumber from 0")
    if len(array) and int(array.max()) > 1_000_000:
        raise UserError(f"{name} holds the label {int(array.max())}; expected class numbers from 0: renumber from 0")
    return array.astype(np.int64)


def _classes(names: np.ndarray | None, labels: np.ndarray, file: Path) -> tuple[str, ...]:
    present = np.unique(labels)
    if len(present) < 2:
        raise UserError(
            f"{file} holds labels of {len(present)} class only; expected at least two: add images of another"
        )
    if names is None:
        if present[-1] != len(present) - 1:
            missing = int(np.setdiff1d(np.arange(present[-1]), present)[0])
            raise UserError(
                f"{file}: labels run to {present[-1]} but no image has {missing}; expected 0 to K-1 with "
                "none left out: renumber the labels, or name every class in an array called classes"
            )
        return tuple(str(label) for label in range(len(present)))
    if names.dtype.kind != "U" or names.ndim != 1:
        raise UserError(
            f"{file}: classes is {names.dtype} of the shape {names.shape}; expected a 1-D array of strings: "
            "use np.array(['cat', 'dog'])"
        )
    if present[-1] >= len(names):
        raise UserError(
            f"{file}: labels run to {present[-1]} but classes names {len(names)}; expected labels 0 to "
            f"{len(names) - 1}: name every class or mend the labels"
        )
    return tuple(str(name) for name in names)


def _split(
    pairs: dict[str, tuple[np.ndarray, np.ndarray]], classes: tuple[str, ...], name: str
) -> tuple[list[Split], str]:
    if "all" in pairs:
        images, labels = pairs["all"]
        keys = shuffle_keys(len(labels), seed=_SEED)
        parts = stratify(labels, keys, shares=(0.1, 0.1), classes=classes, name=name)
        return [_take(images, labels, part) for part in parts], "a fixed shuffle, 80/10/10 % of each class"
    whole = {part: Split(torch.from_numpy(x), torch.from_numpy(y)) for part, (x, y) in pairs.items()}
    if "validation" in whole:
        return [whole["train"], whole["validation"], whole["test"]], "as the file says"
    images, labels = pairs["train"]
    keys = shuffle_keys(len(labels), seed=_SEED)
    train, validation = stratify(labels, keys, shares=(0.1,), classes=classes, name=name)
    return (
        [_take(images, labels, train), _take(images, labels, validation), whole["test"]],
        "test as the file says, validation 10 % of each class of the training images by a fixed shuffle",
    )


def _take(images: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> Split:
    return Split(torch.from_numpy(images[indices]), torch.from_numpy(labels[indices]))
