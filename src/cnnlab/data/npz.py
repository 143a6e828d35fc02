"""`npz:FILE`: a user's own NumPy arrays."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cnnlab.data.arrays import LabelledArrays, set_of_arrays
from cnnlab.data.imageset import ImageSet
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


def load_npz(path: str | Path) -> ImageSet:
    """Load arrays from an .npz file; nothing is ever unpickled.

    Keys, one of three sets: `images`, `labels`, which are split 80/10/10 % by class, by a fixed shuffle;
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
    file = Path(os.path.expanduser(path))
    arrays, ignored = _read(file)
    keys = _choose(arrays, ignored, file)
    return set_of_arrays(
        {part: LabelledArrays(arrays[x], arrays[y], f"{file}: {x}", f"{file}: {y}") for part, (x, y) in keys.items()},
        arrays.get("classes"),
        name=f"npz:{path}",
        where=str(file),
        source=f"npz: {file.resolve()}",
        by="as the file says",
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
