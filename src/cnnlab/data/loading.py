"""From a data set's name to its images."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from cnnlab.data import embedded
from cnnlab.data.cache import cache_folder
from cnnlab.data.cifar import load_cifar, version_in
from cnnlab.data.class_folders import list_pictures
from cnnlab.data.csv_pixels import load_csv
from cnnlab.data.fetching import fetch as fetch_files
from cnnlab.data.file_sets import IDX, NPZ, folders_in, holds_set
from cnnlab.data.folder import load_folder
from cnnlab.data.idx_sets import load_idx, published
from cnnlab.data.imageset import ImageSet, Progress, Split, image_set, require_unseen_test
from cnnlab.data.known import KNOWN, VALIDATION, KnownSet
from cnnlab.data.npz import load_npz
from cnnlab.data.parquet import load_parquet, parquet_files
from cnnlab.data.places import Found, cached_set, search
from cnnlab.data.views import SKIPPING, split_name, view, with_side
from cnnlab.errors import UserError, nearest
from cnnlab.given_path import given_path

#: Files of arrays, by the word before their path.
_READERS = {"npz": load_npz, "idx": load_idx, "cifar": load_cifar}


#: Public sets that are not fetched, by how their names begin, and how their files are named.
_COME_AS_FILES = {
    "emnist": "idx:FOLDER/emnist-letters, of EMNIST's idx files",
    "qmnist": "idx:FOLDER",
    "k49": "npz:FOLDER",
    "kmnist49": "npz:FOLDER",
    "kuzushiji49": "npz:FOLDER",
    "medmnist": "npz:FILE",
    "cifar": "cifar:FOLDER, of the binary version's files",
}


def load(
    name: str | os.PathLike[str],
    *,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    fetch: bool = True,
    image_size: int | None = None,
    progress: Progress | None = None,
    leaks_allowed: bool = False,
) -> ImageSet:
    """Load a data set by its name.

    name: `mnist-5k`, `mnist`, `fashion-mnist`, `kmnist`, `folder:PATH`, `npz:PATH`, `csv:FILE`, `idx:PATH`,
    `cifar:PATH` or `parquet:PATH`, or the path of a folder of such files; after it `@N` for N training images,
    `+shuffled-labels`, `+permuted-pixels`: see `cnnlab.data.views`. `+skip-damaged` right after a folder's path leaves
    out the files in it that cannot be read.
    root: where the user keeps data sets in PyTorch's layout (ROOT/MNIST/raw/…); else $CNNLAB_DATA.
    cache: where fetched files and decoded images are kept; else $CNNLAB_CACHE, else the user's cache folder.
    fetch: whether a set that is not on this machine is brought from its mirrors.
    image_size: side in pixels: images of `folder:` and `parquet:` are fitted to it, see `load_folder`; round those of
    other sets zeros are laid, and they are not made smaller.
    progress: called while something long runs.
    leaks_allowed: whether a set is given, too, of whose test images more than one in a hundred stand among the training
    images, for looking at it; its `leaks` say so.
    Returns three splits of uint8 images (N, C, H, W) on the CPU.
    Raises UserError for an unknown name and for anything missing, unreadable or wrong.
    """
    if not isinstance(name, str | os.PathLike):
        raise UserError(
            f"data: got {type(name).__name__}; expected a set's name or the path of a folder; cnnlab.data_of(images, "
            "labels) makes a set of arrays or tensors"
        )
    data = _any_set(
        os.fspath(name),
        root=root,
        cache=cache,
        fetch=fetch,
        image_size=image_size,
        progress=progress,
        leaks_allowed=leaks_allowed,
    )
    return data if leaks_allowed else require_unseen_test(data)


def _any_set(
    name: str,
    *,
    root: str | Path | None = None,
    cache: str | Path | None = None,
    fetch: bool = True,
    image_size: int | None = None,
    progress: Progress | None = None,
    leaks_allowed: bool = False,
) -> ImageSet:
    """The set that is named, also one of seen test images; leaks_allowed: whether a view may be of such a set."""
    kind, colon, path = name.partition(":")
    if image_size is not None and kind not in ("folder", "parquet"):
        whole = _any_set(name, root=root, cache=cache, fetch=fetch, progress=progress, leaks_allowed=leaks_allowed)
        return with_side(whole, image_size)
    if colon and kind == "folder" and path.endswith(SKIPPING) and not _is_there(path):
        whole = path.removesuffix(SKIPPING)
        return load_folder(whole, cache=cache, image_size=image_size, skip_damaged=True, progress=progress)
    is_path = bool(colon) or os.sep in name  # which may hold any sign
    if not (_is_there(path if colon else name) and is_path):
        base, count, changes = split_name(name)
        if base != name:
            whole = load(
                base,
                root=root,
                cache=cache,
                fetch=fetch,
                image_size=image_size,
                progress=progress,
                leaks_allowed=leaks_allowed,
            )
            return view(whole, count, changes)
    files = _kind_of_files(path, deep=False) if colon and kind == "folder" else None
    if files is not None:
        return _any_set(f"{files}:{path}", cache=cache, image_size=image_size, progress=progress)
    if colon and kind == "folder":
        return load_folder(path, cache=cache, image_size=image_size, progress=progress)
    if colon and kind == "parquet":
        return load_parquet(path, image_size=image_size, progress=progress)
    as_published = published(path) if kind == "idx" and path else None
    if as_published is not None:
        known, found = as_published
        return _known_set(known, found, name=name, source=f"idx: {found.folder.resolve()}")
    if colon and kind == "csv":
        return load_csv(path, cache=cache)
    if colon and kind in _READERS:
        return _READERS[kind](path)
    if name == embedded.NAME:
        return _load_embedded()
    if name in KNOWN:
        return _load_known(KNOWN[name], root=root, cache=cache, fetch=fetch, progress=progress)
    if name.endswith(SKIPPING):
        raise UserError(
            f"{name}: only of a folder can damaged files be left out; expected {SKIPPING} after folder:PATH: leave it "
            "out here"
        )
    if not colon and Path(name).is_dir():
        files = _kind_of_files(name, deep=True)
        if files is not None:
            return _any_set(f"{files}:{name}", cache=cache, image_size=image_size, progress=progress)
        raise UserError(f"unknown data set {name!r}, which is a folder: did you mean folder:{name}?")
    if not colon and Path(name).is_file():
        raise UserError(f"unknown data set {name!r}, which is a file: did you mean {_kind_of_file(name)}:{name}?")
    for words, advice in _COME_AS_FILES.items():
        if name.casefold().replace("-", "").replace("_", "").startswith(words):
            raise UserError(f"unknown data set {name!r}: it is read from its files, wherever they lie: give {advice}")
    names = [embedded.NAME, *KNOWN, "folder:PATH", "npz:PATH", "csv:FILE", "idx:PATH", "cifar:PATH", "parquet:PATH"]
    raise UserError(f"unknown data set {name!r}: {nearest(name, names)}")


def _kind_of_files(path: str, *, deep: bool) -> str | None:
    """What files of arrays a folder holds, by their names, if any. deep: looks into the folders inside it, too."""
    folder = Path(os.path.expanduser(path))
    within = [folder, folder / "raw"]
    if deep:
        within += [each for each in folders_in(folder) if each.name != "raw"]
    for place in within:
        for kind, patterns in (("idx", IDX), ("npz", NPZ)):
            if holds_set(place, patterns):
                return kind
        if version_in(place) is not None:
            return "cifar"
    return "parquet" if parquet_files(folder) and not _has_pictures(folder) else None


def _has_pictures(folder: Path) -> bool:
    try:
        return bool(list_pictures(folder).pictures)
    except UserError:
        return False


def _kind_of_file(name: str) -> str:
    if any(pattern.fullmatch(Path(name).name) for pattern in IDX):
        return "idx"
    return {".csv": "csv", ".tsv": "csv", ".bin": "cifar", ".parquet": "parquet"}.get(Path(name).suffix.lower(), "npz")


def _is_there(place: str) -> bool:
    return bool(place) and given_path(place, "data").exists()


def _load_embedded() -> ImageSet:
    path = embedded.embedded_path()
    images, labels = embedded.read_embedded(path)
    train, validation, test = (_split(images[indices], labels[indices]) for indices in embedded.embedded_split())
    return image_set(
        embedded.NAME,
        classes=embedded.CLASSES,
        train=train,
        validation=validation,
        test=test,
        source=f"embedded: {path}",
        split_note=embedded.SPLIT_NOTE,
        preparation="digit",
        notes=(embedded.NOTE,),
    )


def _load_known(
    known: KnownSet,
    *,
    root: str | Path | None,
    cache: str | Path | None,
    fetch: bool,
    progress: Progress | None,
) -> ImageSet:
    outcome = search(known, root=root, cache=cache)
    if outcome.found is None and fetch:
        with _room(cache) as place:
            fetch_files(known, cached_set(known, place), progress=progress)
            outcome = search(known, root=root, cache=place)
    if outcome.found is None:
        reasons = [reason for reason in (outcome.passed, outcome.problem) if reason]
        trouble = f" ({'; '.join(reasons)})" if reasons else ""
        raise UserError(
            f"{known.name} is not on this machine{trouble}; expected its four files in "
            f"ROOT/{known.folder}/raw: give --data-root ROOT (or set CNNLAB_DATA), or let it be fetched"
        )
    data = _known_set(known, outcome.found)
    if outcome.passed is None:
        return data
    return replace(data, notes=(*data.notes, f"{outcome.passed}: taken from {data.source}"))


@contextmanager
def _room(cache: str | Path | None) -> Generator[Path]:
    """The cache; where it cannot be written to, a folder that goes when the set is loaded."""
    folder = cache_folder(cache)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if folder.is_dir() and os.access(folder, os.W_OK):
        yield folder
        return
    with TemporaryDirectory(prefix="cnnlab-") as passing:
        yield Path(passing)


def _known_set(known: KnownSet, found: Found, *, name: str | None = None, source: str | None = None) -> ImageSet:
    """The set: the last 5,000 training images are for validation.

    name, source: how it was named and where it came from, if not by its own name.
    """
    images, labels, test_images, test_labels = found.arrays
    notes = ()
    if not found.verified:
        notes = (
            f"{known.name} in {found.folder} is not verified: only the SHA-256 of the published .gz archives "
            "is known, and these files are unpacked or packed anew",
        )
    return image_set(
        name or known.name,
        classes=known.classes,
        train=_split(images[:-VALIDATION], labels[:-VALIDATION]),
        validation=_split(images[-VALIDATION:], labels[-VALIDATION:]),
        test=_split(test_images, test_labels),
        source=source or f"{found.origin}: {found.folder}",
        split_note=(
            f"{len(labels) - VALIDATION:,} training and {VALIDATION:,} validation images (the last of the "
            f"training file), {len(test_labels):,} test images (the test file)"
        ),
        preparation=known.preparation,
        notes=notes,
        leaks_allowed=True,
    )


def _split(images: np.ndarray, labels: np.ndarray) -> Split:
    """uint8 (N, H, W) and integers (N,) as tensors of their own."""
    return Split(torch.from_numpy(images[:, None].copy()), torch.from_numpy(labels.astype(np.int64)))
