"""`cifar:PATH`: the binary version of CIFAR-10 and CIFAR-100, records of a label or two and 32×32 colour pixels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cnnlab.data.arrays import LabelledArrays, set_of_arrays
from cnnlab.data.imageset import ImageSet
from cnnlab.data.unread import Joined
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain, read_plain

#: The most bytes of a file; CIFAR-100's training file has 154 MB.
LONGEST = 200_000_000

_PIXELS = 3 * 32 * 32
_AT_ONCE = 4_000  # records that are read together
_LONGEST_NAMES = 100_000  # bytes of a file of classes' names

_TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FOLDERS = ("cifar-10-batches-bin", "cifar-100-binary", "cifar-10-batches-py", "cifar-100-python")


@dataclass(frozen=True)
class _Version:
    """labels: bytes before the pixels, of which the last is the class. classes: how many. names: the file of them."""

    name: str
    train: re.Pattern[str]
    test: str
    labels: int
    classes: int
    names: str
    batches: int


_VERSIONS = (
    _Version("CIFAR-10", re.compile(r"data_batch_[1-5]\.bin"), "test_batch.bin", 1, 10, "batches.meta.txt", 5),
    _Version("CIFAR-100", re.compile(r"train\.bin"), "test.bin", 2, 100, "fine_label_names.txt", 1),
)
_PICKLES = (re.compile(r"data_batch_[1-5]|test_batch|batches\.meta"), re.compile(r"train|test|meta"))


def load_cifar(path: str | Path) -> ImageSet:
    """Load CIFAR-10's `data_batch_1.bin` … `test_batch.bin`, or CIFAR-100's `train.bin` and `test.bin`.

    path: the folder of them, the one that holds it under its own name, or one of the files. Of CIFAR-100's two labels
    the fine one is the class. The classes' names are those of `batches.meta.txt` or `fine_label_names.txt`, where it is
    there. 10 % of each class of the training images are for validation.
    Raises UserError for the version for Python, whose pickles are never opened, and for files that are missing or
    wrong.
    """
    if not str(path):
        raise UserError("cifar: names no file; expected cifar:PATH: give the path of a folder of CIFAR's binary files")
    place = Path(os.path.expanduser(path))
    folder = place if place.is_dir() else place.parent
    for each in (folder, *(folder / name for name in _FOLDERS)):
        version = version_in(each)
        if version is not None:
            return _load(version, each, f"cifar:{path}")
    what = "does not exist" if not place.exists() else "holds no binary files of CIFAR"
    raise UserError(
        f"{place} {what}; expected data_batch_1.bin … data_batch_5.bin and test_batch.bin, or train.bin and test.bin: "
        "unpack the archive and name the folder"
    )


def version_in(folder: Path) -> _Version | None:
    """The version whose files a folder holds itself. Raises UserError where these are pickles."""
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return None
    for version in _VERSIONS:
        if any(version.train.fullmatch(name) for name in names):
            return version
    for version, pickles in zip(_VERSIONS, _PICKLES, strict=True):
        if sum(bool(pickles.fullmatch(name)) for name in names) >= 3 and all((folder / n).is_file() for n in names):
            binary = "cifar-10-binary.tar.gz" if version.classes == 10 else "cifar-100-binary.tar.gz"
            raise UserError(
                f"{folder} holds {version.name}'s version for Python, pickles, and nothing is ever unpickled; expected "
                f"the binary version: take {binary} and name its folder"
            )
    return None


def _load(version: _Version, folder: Path, name: str) -> ImageSet:
    train = sorted(path for path in folder.iterdir() if version.train.fullmatch(path.name))
    test = folder / version.test
    if not os.path.lexists(test):
        raise UserError(f"{folder} holds no {version.test}; expected it beside {train[0].name}: put it there")
    pairs = {}
    for part, files in (("train", train), ("test", [test])):
        records = [_records(file, version) for file in files]
        images = Joined(tuple(_Images(*each) for each in records))
        labels = np.concatenate([_labels(*each) for each in records])
        if int(labels.max()) >= version.classes:
            raise UserError(
                f"{files[0].parent}: the {part} files hold the label {labels.max()}; expected 0 to "
                f"{version.classes - 1} in {version.name}: replace them by the originals"
            )
        pairs[part] = LabelledArrays(images, labels, f"{folder}: {part}", f"{folder}: {part} labels")
    names = _names(folder / version.names, version)
    notes = [f"{version.name}, binary version"]
    if len(train) < version.batches:
        notes.append(f"{len(train)} of its {version.batches} training files: {', '.join(file.name for file in train)}")
    return set_of_arrays(
        pairs,
        np.array(names) if names else None,
        name=name,
        where=str(folder),
        source=f"cifar: {folder.resolve()}",
        by="as the files say",
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Images:
    """The pixels of a file's records, uint8 (n, 3, 32, 32)."""

    file: Path
    count: int
    labels: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count, 3, 32, 32)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8)

    def chunks(self) -> Iterator[np.ndarray]:
        """The images, in order. Raises UserError when they cannot be read."""
        for records in _read(self.file, self.count, self.labels):
            yield records[:, self.labels :].reshape(-1, 3, 32, 32)


def _labels(file: Path, count: int, labels: int) -> np.ndarray:
    return np.concatenate([records[:, labels - 1] for records in _read(file, count, labels)]).astype(np.int64)


def _records(file: Path, version: _Version) -> tuple[Path, int, int]:
    length = version.labels + _PIXELS
    with _opened(file) as plain:
        size = os.fstat(plain.fileno()).st_size
    if size == 0 or size % length:
        raise UserError(
            f"{file} has {size:,} bytes; expected a multiple of {length:,}, a record of {version.name} each: replace "
            "it by the original"
        )
    return file, size // length, version.labels


def _read(file: Path, count: int, labels: int) -> Iterator[np.ndarray]:
    length = labels + _PIXELS
    with _opened(file) as plain:
        for start in range(0, count, _AT_ONCE):
            wanted = min(_AT_ONCE, count - start)
            content = plain.read(wanted * length)
            if len(content) != wanted * length:
                raise UserError(f"{file} became shorter while it was read; expected {count:,} records: copy it again")
            yield np.frombuffer(content, np.uint8).reshape(wanted, length)


def _opened(file: Path) -> IO[bytes]:
    try:
        return open_plain(file, limit=LONGEST)
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None


def _names(file: Path, version: _Version) -> list[str]:
    if not os.path.lexists(file):
        return list(_TEN) if version.classes == len(_TEN) else []
    try:
        text = read_plain(file, limit=_LONGEST_NAMES).decode(errors="replace")
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if len(names) != version.classes or not all(name.isprintable() for name in names):
        raise UserError(
            f"{file} holds {len(names)} names; expected {version.classes}, a line each: replace it by the original, or "
            "remove it"
        )
    return names
