"""`idx:PATH`: sets in LeCun's format, of any size and with any classes: EMNIST, QMNIST, flat folders of the others."""

from __future__ import annotations

import os
import string
from pathlib import Path

import numpy as np

from cnnlab.data.arrays import LabelledArrays, set_of_arrays
from cnnlab.data.file_sets import IDX, FileSet, file_set
from cnnlab.data.idx import IdxArray, open_idx
from cnnlab.data.imageset import ImageSet
from cnnlab.data.known import KNOWN, IdxFile, KnownSet
from cnnlab.data.places import PACKED, Found, verify
from cnnlab.data.unread import Changed, Unread, chunks_of
from cnnlab.errors import UserError
from cnnlab.plain_files import read_plain

#: The most bytes that all images may have, and the most images.
LARGEST = 1_000_000_000
MOST_IMAGES = 1_000_000

_LONGEST_MAPPING = 100_000  # bytes of a file of EMNIST's that says which label is which sign
_QMNIST_COLUMNS = 8  # numbers of a label, of which the first is the digit

#: EMNIST's classes in the order of its labels, which for letters begin at 1.
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
_EMNIST = {
    "letters": dict(enumerate(string.ascii_uppercase, start=1)),
    "balanced": dict(enumerate(_MERGED)),
    "bymerge": dict(enumerate(_MERGED)),
    "byclass": dict(enumerate(string.digits + string.ascii_uppercase + string.ascii_lowercase)),
}


def load_idx(path: str | Path) -> ImageSet:
    """Load a set of idx files: images uint8 (N, H, W) and labels (N,), each as .gz or not.

    path: a folder of `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
    `t10k-labels-idx1-ubyte`, or of one folder that holds them; one of the files; or FOLDER/NAME, where their names
    begin with NAME. Names may have a dot before `idx`, capitals, and `test` for `t10k`. Without files for the test all
    is split 80/10/10 % by class, by a fixed shuffle; else 10 % of each class of the training images are for validation.
    EMNIST's images (by the files' names) are turned upright, and its classes called by the signs that they show. Of
    QMNIST's labels (N, 8) the first number counts.
    Raises UserError when files are missing, damaged, or larger than fits.
    """
    if not str(path):
        raise UserError("idx: names no file; expected idx:PATH: give the path of a folder of idx files")
    place = Path(os.path.expanduser(path))
    found = file_set(place, IDX, "idx")
    if found is None:
        what = "holds no idx files" if place.is_dir() else "is no idx file" if place.exists() else "does not exist"
        raise UserError(
            f"{place} {what}; expected files such as train-images-idx3-ubyte and train-labels-idx1-ubyte, .gz or not: "
            "mend the path, or name the files so"
        )
    name, source = f"idx:{path}", f"idx: {(found.folder / found.name).resolve()}"
    opened = {key: _opened(file, key[1]) for key, file in found.files.items()}
    _check_sizes(found, opened)
    is_turned = "emnist" in found.name.casefold()
    pairs = {
        part: LabelledArrays(
            _upright(opened[part, "images"]) if is_turned else opened[part, "images"],
            _one_column(opened[part, "labels"]),
            str(found.files[part, "images"]),
            str(found.files[part, "labels"]),
        )
        for part in found.parts
    }
    notes = [f"{found.name or 'the set'} of idx files in {found.folder}"]
    notes += ["images turned upright: EMNIST's files hold columns as rows"] if is_turned else []
    notes += (
        [f"the first of a label's {_QMNIST_COLUMNS} numbers is its class, as in QMNIST"]
        if any(len(opened[part, "labels"].shape) == 2 for part in found.parts)
        else []
    )
    return set_of_arrays(
        pairs,
        None,
        name=name,
        where=str(found.folder),
        source=source,
        by="as the files say",
        notes=tuple(notes),
        called=_called(found),
        preparation=found.preparation,
    )


def published(path: str | Path) -> tuple[KnownSet, Found] | None:
    """The known set that the four files of a path are, by the SHA-256 of their content; None where they are not."""
    found = file_set(Path(os.path.expanduser(path)), IDX, "idx")
    order = [(part, what) for part in ("train", "test") for what in ("images", "labels")]
    if found is None or set(found.files) != set(order):
        return None
    files = [found.files[key] for key in order]
    for known in KNOWN.values():
        try:
            if not verify(known.files[3], _content(known.files[3], files[3]), name=str(files[3]))[1]:
                continue
            read = [verify(of, _content(of, file), name=str(file)) for of, file in zip(known.files, files, strict=True)]
        except (UserError, OSError):  # not that one, or one that load_idx refuses
            continue
        a, b, c, d = (array for array, _ in read)
        if all(is_right for _, is_right in read):
            return known, Found("data root", found.folder, (a, b, c, d), True)
    return None


def _content(known: IdxFile, file: Path) -> bytes:
    return read_plain(file, limit=known.length + PACKED)


def _opened(file: Path, what: str) -> IdxArray:
    array = open_idx(file, kinds=("uint8",) if what == "images" else ("uint8", "int8", "int16", "int32"), limit=LARGEST)
    right = (3,) if what == "images" else (1, 2)
    is_right = len(array.shape) in right and (len(array.shape) != 2 or array.shape[1] in (1, _QMNIST_COLUMNS))
    if not is_right or 0 in array.shape:
        expected = "(N, H, W)" if what == "images" else f"(N,), or (N, {_QMNIST_COLUMNS}) as QMNIST's"
        raise UserError(f"{file} has the shape {array.shape}; expected {what} {expected}: replace it by the original")
    return array


def _check_sizes(found: FileSet, opened: dict[tuple[str, str], IdxArray]) -> None:
    count = sum(max(opened[part, what].shape[0] for what in ("images", "labels")) for part in found.parts)
    size = sum(array.length for array in opened.values())
    if count > MOST_IMAGES or size > LARGEST:
        raise UserError(
            f"{found.folder} holds {count:,} images of {size:,} bytes; expected at most {MOST_IMAGES:,} of "
            f"{LARGEST:,}: take a smaller set"
        )


def _upright(images: Unread) -> Unread:
    count, height, width = images.shape
    return Changed(images, lambda chunk: chunk.transpose(0, 2, 1), (count, width, height), images.dtype)


def _one_column(labels: IdxArray) -> np.ndarray:
    """int64 (N,)."""
    return np.concatenate([chunk.reshape(len(chunk), -1)[:, 0].astype(np.int64) for chunk in chunks_of(labels)])


def _called(found: FileSet) -> dict[int, str] | None:
    """The signs that labels stand for."""
    if "emnist" in found.name.casefold():
        mapping = found.folder / f"{found.name}-mapping.txt"
        if os.path.lexists(mapping):
            return _read_mapping(mapping)
        return next((signs for word, signs in _EMNIST.items() if word in found.name.casefold()), None)
    return dict(enumerate(found.like.classes)) if found.like else None


def _read_mapping(file: Path) -> dict[int, str]:
    """Lines of a label and the code of its sign, or of its capital and its small letter: `1 65 97`."""
    try:
        lines = read_plain(file, limit=_LONGEST_MAPPING).split(b"\n")
        numbers = [[int(word) for word in line.split()] for line in lines if line.strip()]
        signs = {label: chr(codes[0]) for label, *codes in numbers}
        if not all(sign.isprintable() and not sign.isspace() for sign in signs.values()):
            raise ValueError("a code of no sign")
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None
    except (ValueError, IndexError, OverflowError) as error:
        raise UserError(
            f"{file} is no list of labels and signs ({error}); expected lines such as 1 65 97: replace it by the "
            "original, or remove it"
        ) from None
    return signs
