"""`npz:PATH`: a user's own NumPy arrays, in one file or in one each."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np

from cnnlab.data.arrays import LabelledArrays, set_of_arrays
from cnnlab.data.file_sets import NPZ, FileSet, file_set
from cnnlab.data.imageset import ImageSet
from cnnlab.data.unread import rows_at_once
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain

#: The most bytes that the images of a file may have, unpacked, and the most images.
LARGEST = 1_000_000_000
MOST_IMAGES = 1_000_000

#: The longest file, in bytes: it may hold arrays that are not read.
LONGEST = 100 * LARGEST

#: The most bytes that are read from a file at once, and so the longest list of members, some 30,000.
_MOST_AT_ONCE = 2_000_000

#: The most bytes of all classes' names, and of all labels.
_MOST_NAMES = 10_000_000
_MOST_LABELS = 400_000_000

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
#: What np.savez calls arrays that were given no name.
_NAMELESS = ("arr_0", "arr_1")
_KEYS = {"images", "labels", "classes", *_NAMELESS} | {
    key for layout in _LAYOUTS.values() for pair in layout.values() for key in pair
}
_EXPECTED = (
    "expected images and labels; or x_train, y_train, x_test, y_test (x_val, y_val); "
    "or train_images, train_labels, test_images, test_labels (val_images, val_labels)"
)


def load_npz(path: str | Path) -> ImageSet:
    """Load arrays from an .npz file, or from several in a folder; nothing is ever unpickled.

    Keys, one of three sets: `images`, `labels`, which are split 80/10/10 % by class, by a fixed shuffle;
    `x_train, y_train, x_test, y_test` with or without `x_val, y_val` (Keras);
    `train_images, train_labels, test_images, test_labels` with or without `val_images, val_labels`
    (MedMNIST), or without the test. What is not given of validation and test is cut from the training images, 10 % of
    each class. Two arrays without names (`np.savez(file, images, labels)`) are told apart by their dimensions.
    path: a file; or a folder with an array in each file, as KMNIST's `kmnist-train-imgs.npz`,
    `kmnist-train-labels.npz`, `kmnist-test-imgs.npz`, `kmnist-test-labels.npz`; or one of these files.
    `classes`: the classes' names, a 1-D array of strings, optional. Other keys are ignored and noted.
    images: (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1 or 3, uint8, or other numbers by their range: see
    `data_of`. When both the second and the last size are 1 or 3 the shape is ambiguous and refused. labels: integers or
    words, (N,) or (N, 1), or one-hot (N, K); others than 0 … K-1 are numbered in their order.
    Raises UserError when the file or an array is anything else.
    """
    if not str(path):
        raise UserError("npz: names no file; expected npz:FILE: give the path of an .npz file")
    file = Path(os.path.expanduser(path))
    several = None if file.is_file() and not _is_one_of_several(file) else file_set(file, NPZ, "npz")
    if several is not None:
        return _load_several(several, str(path))
    arrays, ignored = _read(file)
    keys = _choose(arrays, ignored, file)
    _check_sizes([(arrays[x], arrays[y]) for x, y in keys.values()], str(file))
    return set_of_arrays(
        {part: LabelledArrays(arrays[x], arrays[y], f"{file}: {x}", f"{file}: {y}") for part, (x, y) in keys.items()},
        _names(arrays["classes"]) if "classes" in arrays else None,
        name=f"npz:{path}",
        where=str(file),
        source=f"npz: {file.resolve()}",
        by="as the file says",
        notes=(f"ignored arrays: {', '.join(ignored)}",) if ignored else (),
    )


def _is_one_of_several(file: Path) -> bool:
    """Whether a file holds the one array that its name says, and no set of arrays."""
    if not any(pattern.fullmatch(file.name) for pattern in NPZ):
        return False
    arrays, ignored = _read(file)
    return len(arrays) + len(ignored) == 1


def _load_several(found: FileSet, path: str) -> ImageSet:
    pairs = {}
    for part in found.parts:
        images, labels = (_only(found.files[part, what]) for what in ("images", "labels"))
        pairs[part] = LabelledArrays(images, labels, str(images.file), str(labels.file))
    _check_sizes([(pair.images, pair.labels) for pair in pairs.values()], str(found.folder))  # ty: ignore
    return set_of_arrays(
        pairs,
        None,
        name=f"npz:{path}",
        where=str(found.folder),
        source=f"npz: {(found.folder / found.name).resolve()}",
        by="as the files say",
        called=dict(enumerate(found.like.classes)) if found.like else None,
        preparation=found.preparation,
    )


def _only(file: Path) -> _Packed:
    """The one array of a file."""
    with _opened(file) as archive:
        members = archive.namelist()
    if len(members) != 1:
        raise UserError(
            f"{file} holds {len(members):,} arrays; expected one, as its name says what it is: write it with "
            "np.savez(file, array)"
        )
    arrays, _ = _read(file, {members[0].removesuffix(".npy")})
    return next(iter(arrays.values()))


@dataclass(frozen=True)
class _Packed:
    """An array in an .npz file, of which only the header was read."""

    file: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    by_columns: bool  # Fortran's order

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def chunks(self) -> Iterator[np.ndarray]:
        """The rows, in order, some at a time. Raises UserError when they cannot be read."""
        with _opened(self.file) as archive, archive.open(f"{self.key}.npy") as member:
            _header(member)
            if self.by_columns:
                whole = np.frombuffer(_exactly(member, self.nbytes), self.dtype).reshape(self.shape, order="F")
                step = rows_at_once(whole)
                yield from (whole[start : start + step] for start in range(0, len(whole), step))
            else:
                step, row = rows_at_once(self), self.shape[1:]
                for start in range(0, self.shape[0], step):
                    count = min(step, self.shape[0] - start)
                    content = _exactly(member, count * math.prod(row) * self.dtype.itemsize)
                    yield np.frombuffer(content, self.dtype).reshape(count, *row)
            member.read(1)  # at its end the sum over all of it is checked


class _Sparing(io.BufferedReader):
    """A file of which little is read at once: the list of a zip's members is, and may be as long as the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_AT_ONCE:
            raise ValueError(f"a list of members of {size:,} bytes")
        return super().read(size)


@contextmanager
def _opened(file: Path) -> Generator[zipfile.ZipFile]:
    """The archive; whatever is wrong while it is open becomes a UserError."""
    try:
        with open_plain(file, limit=LONGEST) as plain, _Sparing(cast("io.RawIOBase", plain)) as sparing:
            if sparing.peek(6)[:6] == b"\x93NUMPY":
                raise UserError(f"{file} is a single array (.npy); {_EXPECTED}: write it with np.savez")
            if file.suffix.lower() in (".csv", ".tsv"):
                raise UserError(f"{file} is a table by its name; expected an .npz file: use csv:{file}")
            with zipfile.ZipFile(cast("IO[bytes]", sparing)) as archive:
                yield archive
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged or hostile file
        reason = " ".join(str(error).split())
        raise UserError(
            f"{file} is not an intact .npz file ({reason or type(error).__name__}); expected one that "
            "np.savez wrote: write or copy it again"
        ) from None


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and dtype, of which the header is of the first version: at most 64 kB."""
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError("a header for names and structures")
    return np.lib.format.read_array_header_1_0(member)


def _exactly(member: IO[bytes], size: int) -> bytearray:
    content = bytearray(size)
    view, done = memoryview(content), 0
    while done < size:
        piece = member.read(min(size - done, _MOST_AT_ONCE))
        if not piece:
            raise ValueError(f"it ends after {done:,} of {size:,} bytes")
        view[done : done + len(piece)] = piece
        done += len(piece)
    return content


def _read(file: Path, keys: Collection[str] = _KEYS) -> tuple[dict[str, _Packed], list[str]]:
    """The arrays whose keys mean something, by their headers, and the names of the others."""
    if not file.exists():
        raise UserError(f"{file} does not exist; expected an .npz file: mend the path")
    if file.is_dir():
        raise UserError(
            f"{file} is a folder without files such as kmnist-train-imgs.npz; expected an .npz file: mend the path, or "
            "use folder:PATH"
        )
    arrays: dict[str, _Packed] = {}
    with _opened(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        for key in members.keys() & set(keys):
            info = members[key]
            if info.filename == key:
                raise UserError(f"{file}: {key} is not an array; {_EXPECTED}: write the file with np.savez")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{key} is packed in a way that np.savez does not use")
            with archive.open(info) as member:
                shape, by_columns, dtype = _header(member)
                start = member.tell()
            if dtype.hasobject:
                raise UserError(
                    f"{file} holds Python objects, which are never unpickled; expected arrays of numbers: write "
                    "them with np.savez, with a dtype other than object"
                )
            packed = _Packed(file, key, shape, dtype, by_columns)
            if min(shape, default=0) < 0 or start + packed.nbytes != info.file_size:
                raise ValueError(f"{key} has {info.file_size - start:,} bytes, {packed.nbytes:,} by its header")
            arrays[key] = packed
    return {key: arrays[key] for key in members if key in arrays}, sorted(members.keys() - set(keys))


def _check_sizes(pairs: Sequence[tuple[_Packed, _Packed]], where: str) -> None:
    """Raises UserError for more than fits; an array in Fortran's order counts twice, as it is turned."""
    size = sum(images.nbytes * (2 if images.by_columns else 1) for images, _ in pairs)
    count = sum(max(array.shape[0] for array in pair if array.shape) if pair[0].shape else 0 for pair in pairs)
    if size > LARGEST or count > MOST_IMAGES:
        mend = "take fewer, or smaller ones"
        if any(images.dtype.itemsize > 1 for images, _ in pairs):
            mend = "take fewer, or write them as uint8"
        raise UserError(
            f"{where} holds {count:,} images of {size:,} bytes; expected at most {MOST_IMAGES:,} of {LARGEST:,}: {mend}"
        )
    size = sum(labels.nbytes * (2 if labels.by_columns else 1) for _, labels in pairs)
    if size > _MOST_LABELS:
        raise UserError(
            f"{where} holds labels of {size:,} bytes; expected at most {_MOST_LABELS:,}: give one number for each image"
        )


def _names(packed: _Packed) -> np.ndarray:
    if packed.dtype.kind != "U" or len(packed.shape) != 1 or 0 in (*packed.shape, packed.dtype.itemsize):
        raise UserError(
            f"{packed.file}: classes is {packed.dtype} of the shape {packed.shape}; expected a 1-D array of strings: "
            "use np.array(['cat', 'dog'])"
        )
    if packed.nbytes > _MOST_NAMES:
        raise UserError(
            f"{packed.file}: classes has {packed.nbytes:,} bytes; expected at most {_MOST_NAMES:,}: shorten the names"
        )
    return np.concatenate(list(packed.chunks()))


def _choose(arrays: dict[str, _Packed], ignored: list[str], file: Path) -> dict[str, tuple[str, str]]:
    """Which keys hold images and labels of which part; part `all` when they are yet to be split."""
    found = []
    if {"images", "labels"} <= set(arrays):
        found.append({"all": ("images", "labels")})
    for layout in _LAYOUTS.values():
        parts = {part: [key for key in pair if key in arrays] for part, pair in layout.items()}
        if len(parts["train"]) == 2 and (len(parts["test"]) == 2 or len(parts["validation"]) == 2):
            for part, there in parts.items():
                if len(there) == 1:
                    raise UserError(
                        f"{file} holds {there[0]} alone; expected {' and '.join(layout[part])}, or neither: add the "
                        "other or leave both out"
                    )
            found.append({part: pair for part, pair in layout.items() if parts[part]})
    if not found and set(_NAMELESS) <= set(arrays) and not any(key.startswith("arr_") for key in ignored):
        images, labels = sorted(_NAMELESS, key=lambda key: len(arrays[key].shape), reverse=True)
        found.append({"all": (images, labels)})
    if len(found) == 1:
        return found[0]
    listing = ", ".join([*arrays, *ignored]) or "nothing"
    if found:
        raise UserError(f"{file} holds more than one set of keys ({listing}); {_EXPECTED}: keep one set")
    raise UserError(f"{file} holds {listing}; {_EXPECTED}: rename the arrays")
