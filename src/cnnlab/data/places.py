"""Where a known set's files may lie, in which order, and whether they are what they should be."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from cnnlab.data.cache import cache_folder
from cnnlab.data.idx import gunzip, is_gzip, parse_idx
from cnnlab.data.known import KNOWN, IdxFile, KnownSet
from cnnlab.errors import UserError
from cnnlab.given_path import given_path
from cnnlab.plain_files import read_plain

#: How much longer than its content, in bytes, a .gz may be.
PACKED = 1_000_000

_MOST_ENTRIES = 10_000  # of a folder; of more only so many are looked at
_NAMED = 8  # of what lies in a data root

Place = Literal["data root", "cache", "Debian package"]


@dataclass(frozen=True)
class Found:
    """A known set's four files, read and checked.

    arrays: training images uint8 (60000, 28, 28), training labels (60000,), test images and test labels.
    verified: whether every file's SHA-256 was known and right.
    """

    origin: Place
    folder: Path
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    verified: bool


@dataclass(frozen=True)
class Search:
    """What a search found, what was wrong with files that it passed over, and what lies in a data root without them."""

    found: Found | None
    problem: str | None
    passed: str | None = None


def search(known: KnownSet, *, root: str | Path | None = None, cache: str | Path | None = None) -> Search:
    """Look for a known set in the data root, then the cache, then where the system's package puts it.

    root: else $CNNLAB_DATA; holds MNIST/raw/train-images-idx3-ubyte[.gz] and so on, as PyTorch users have it, or the
    four files in MNIST, mnist, raw or itself; their names with a dot before idx or in capitals, too.
    A data root is the user's own word, so a missing or wrong file in it is an error, and a root without the set is told
    of in `passed`. What lies in the cache or the system's folder is passed over when it is incomplete or wrong: it can
    be fetched again.
    Raises UserError when the data root does not exist, or holds the set incompletely or wrongly.
    """
    chosen = root or os.environ.get("CNNLAB_DATA")
    passed = None
    if chosen:
        said = "--data-root" if root else "CNNLAB_DATA"
        base = Path(os.path.expanduser(given_path(chosen, said)))
        if not base.is_dir():
            raise UserError(
                f"{said} {base}: no such folder; expected one that holds {known.folder}/raw: mend the path "
                "or leave it out"
            )
        for folder in _folders_of(known, base):
            if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
                raise UserError(
                    f"{folder} cannot be read; expected a readable folder: mend its permissions or point the "
                    "data root elsewhere"
                )
            if any(_path(folder, file) for file in known.files) and not _is_of_another(known, folder):
                return Search(_read_set(known, "data root", folder), None)
        passed = f"{said} {base} holds {_listed(base)}, and no {known.name} in {known.folder}/raw or in itself"
    problem = None
    elsewhere: list[tuple[Place, Path]] = [("cache", cached_set(known, cache))]
    if known.installed:
        elsewhere.append(("Debian package", known.installed))
    for origin, folder in elsewhere:
        if any(_path(folder, file) for file in known.files):
            try:
                return Search(_read_set(known, origin, folder), problem, passed)
            except UserError as error:
                problem = problem or str(error)
    return Search(None, problem, passed)


def _folders_of(known: KnownSet, base: Path) -> list[Path]:
    """Where a data root may have the set: as PyTorch has it, in a folder of its name, or in itself."""
    own = [path for path in _entries(base) if path.is_dir() and _plain(path.name) in _words(known)]
    own.sort(key=lambda path: (path.name != known.folder, path.name))
    in_own = [folder for path in own for folder in (path / "raw", path)]
    return [base / known.folder / "raw", *in_own, base / "raw", base]


def _words(known: KnownSet) -> set[str]:
    return {_plain(known.name), _plain(known.folder)}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _is_of_another(known: KnownSet, folder: Path) -> bool:
    """Whether the four files of a folder that is not called after a set are another known set's: names are the same."""
    if _words(known) & {_plain(folder.name), _plain(folder.parent.name)}:
        return False
    labels = known.files[3]
    for other in KNOWN.values():
        if other.name != known.name and labels.sha256 != other.files[3].sha256:
            try:
                if read_known_file(other.files[3], folder)[1]:
                    return True
            except UserError:  # not that one
                continue
    return False


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in islice(entries, _MOST_ENTRIES))
    except OSError:
        return []


def _listed(folder: Path) -> str:
    names = [path.name + ("/" if path.is_dir() else "") for path in _entries(folder) if not path.name.startswith(".")]
    text = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return "".join(sign if sign.isprintable() else "?" for sign in text) or "nothing"


def cached_set(known: KnownSet, cache: str | Path | None) -> Path:
    """The folder of the cache that holds this set's files."""
    return cache_folder(cache) / known.folder / "raw"


def verify(file: IdxFile, data: bytes, *, name: str) -> tuple[np.ndarray, bool]:
    """The array in a known file's bytes (gzip or not), and whether a known SHA-256 vouches for it.

    Raises UserError when the bytes are no intact idx file of the right shape, or when the hash is another.
    """
    content = gunzip(data, name=name, limit=file.length) if is_gzip(data) else data
    array = parse_idx(content, name=name)
    if array.shape != file.shape:
        raise UserError(f"{name} has the shape {array.shape}; expected {file.shape}: replace it by the original")
    if file.sha256 is None:
        return array, hashlib.sha256(data).hexdigest() == file.archive_sha256
    got = hashlib.sha256(content).hexdigest()
    if got != file.sha256:
        raise UserError(
            f"{name} is not the published file: SHA-256 of its content is {got}, expected {file.sha256}: "
            "replace it by the original"
        )
    return array, True


def read_known_file(file: IdxFile, folder: Path) -> tuple[np.ndarray, bool]:
    """The array in a known file of a folder, unpacked or as .gz, and whether a known SHA-256 vouches for it.

    Raises UserError when it is missing, unreadable or not what it should be.
    """
    path = _path(folder, file)
    if path is None:
        raise UserError(
            f"{folder / file.name}[.gz] is missing; expected it beside the set's other files: "
            "put it there or point the data root elsewhere"
        )
    try:
        data = read_plain(path, limit=file.length + PACKED)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); expected a readable file: mend its permissions "
            "or point the data root elsewhere"
        ) from None
    return verify(file, data, name=str(path))


def _read_set(known: KnownSet, origin: Place, folder: Path) -> Found:
    read = [read_known_file(file, folder) for file in known.files]
    a, b, c, d = (array for array, _ in read)
    return Found(origin, folder, (a, b, c, d), all(verified for _, verified in read))


def _path(folder: Path, file: IdxFile) -> Path | None:
    for candidate in (folder / file.name, folder / f"{file.name}.gz"):
        if os.path.lexists(candidate):
            if candidate.is_dir():
                break  # archives unpack to folders of that name, with the file in it or beside it
            return candidate
    others = [path for path in _entries(folder) if not path.is_dir() and _as_published(path.name) == file.name]
    for candidate in (*others, folder / file.name / file.name, folder / f"{file.name}.gz"):
        if os.path.lexists(candidate):
            return candidate
    return None


def _as_published(name: str) -> str:
    """`TRAIN-IMAGES.IDX3-UBYTE.GZ` → `train-images-idx3-ubyte`."""
    return re.sub(r"[.]idx", "-idx", name.casefold()).removesuffix(".gz")
