"""`folder:PATH`: a user's own PNG and JPEG files, a folder for each class."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from cnnlab.data.cache import MOST_DECODED, decoded_place, make_room
from cnnlab.data.imageset import ImageSet, Progress, Split, image_set
from cnnlab.data.pictures import decode_all, shared_square_size
from cnnlab.data.splits import stratify
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain
from cnnlab.whole_files import whole_file

_SUFFIXES = (".png", ".jpg", ".jpeg")
_VALIDATION_NAMES = ("validation", "val")
_DEFAULT_SIZE = 32
_LARGEST_OWN_SIZE = 96
_LARGEST_SIZE = 1024
_MOST_ENTRIES = 400_000  # of a folder, and images of all folders together
_BESIDE = 1_000_000  # bytes of a cached file beside its images
_FORMAT = "2"  # of the cached arrays: raise it when decoding changes


class _Picture(NamedTuple):
    path: Path
    relative: str  # posix, to the folder given
    label: int
    part: str  # train, validation, test; "" where the folder does not say


@dataclass(frozen=True)
class _Listing:
    classes: tuple[str, ...]
    pictures: list[_Picture]
    ignored: int
    given: bool  # whether the folder itself says what is for training and what for test


def load_folder(
    path: str | Path,
    *,
    cache: str | Path | None = None,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> ImageSet:
    """Load PNG and JPEG files of any size and mode that lie in one folder for each class.

    path: holds class folders; or train/ and test/ (and perhaps validation/ or val/) that hold class folders.
    Without such splits 80/10/10 % of each class are cut; with train/ and test/ only, 10 % of each class of
    train/ become validation. A file's path relative to `path` alone decides (by SHA-256), so neither the
    operating system's order nor other files can move it far.
    image_size: side in pixels. None keeps the size when all images share one square size up to 96 px, and
    takes 32 otherwise. Other sizes are scaled with antialiasing to cover the square and cut at the centre.
    Images have one channel when in every pixel of every image red, green and blue are equal, else three.
    Alpha is laid on white; EXIF orientation is honoured; 16-bit gray becomes 8-bit.
    cache: decoded images are kept in cache/folder until a file, the size or Pillow changes, or others need the room.
    Raises UserError when the path, its folders or any image will not do; every image is tried first.
    """
    if not str(path):
        raise UserError("folder: names no folder; expected folder:PATH: give the path of a folder of class folders")
    if image_size is not None and not 4 <= image_size <= _LARGEST_SIZE:
        raise UserError(f"image size {image_size}; expected 4 to {_LARGEST_SIZE} pixels: choose one of those")
    base = Path(os.path.expanduser(path))
    name = f"folder:{path}"
    listing = _list(base)
    labels = np.array([picture.label for picture in listing.pictures], dtype=np.int64)
    parts, split_note = _cut(listing, labels, name)  # before decoding: a class that is too small is soon reported
    pictures = [listing.pictures[index] for index in np.concatenate(parts)]
    images, size_note = _decoded(base, pictures, cache, image_size, progress)
    # Decoded in the order of the parts, so that each is a piece of the one array.
    ends = np.cumsum([0, *map(len, parts)])
    train, validation, test = (
        Split(torch.from_numpy(images[start:end]), torch.from_numpy(labels[indices]))
        for start, end, indices in zip(ends, ends[1:], parts, strict=False)
    )
    notes = [size_note, "one channel: all images are gray" if images.shape[1] == 1 else "three channels: RGB"]
    if listing.ignored:
        notes.append(
            f"ignored {listing.ignored} other entr{'y' if listing.ignored == 1 else 'ies'} "
            "(hidden, not a PNG or JPEG, or outside the class folders)"
        )
    return image_set(
        name,
        classes=listing.classes,
        train=train,
        validation=validation,
        test=test,
        source=f"folder: {base.resolve()}",
        split_note=split_note,
        notes=tuple(notes),
    )


def _list(base: Path) -> _Listing:
    if not base.exists():
        raise UserError(f"folder {base} does not exist; expected a folder of class folders: mend the path")
    if not base.is_dir():
        raise UserError(f"{base} is a file; expected a folder of class folders: mend the path, or use npz:FILE")
    folders, files = _entries(base)
    names = {folder.name for folder in folders}
    split_names = ("train", "test", *_VALIDATION_NAMES)
    holding = {folder.name for folder in folders if folder.name in split_names and _entries(folder)[0]}
    if {"train", "test"} <= holding:
        return _list_given(base, holding, ignored=len(files) + len(names - holding) + _hidden(base))
    if "train" in holding and names <= set(split_names):
        raise UserError(
            f"folder {base} has train/ but no test/ that holds class folders; expected both, or class "
            "folders alone: add test/, or give the path of train/ to have it split"
        )
    classes, pictures, ignored = _list_classes(base, base, part="")
    return _Listing(classes, pictures, ignored, given=False)


def _list_given(base: Path, holding: set[str], *, ignored: int) -> _Listing:
    validation = [name for name in _VALIDATION_NAMES if name in holding]
    if len(validation) > 1:
        raise UserError(f"folder {base} has both validation/ and val/; expected one: rename or remove the other")
    pictures: list[_Picture] = []
    classes: tuple[str, ...] = ()
    for folder, part in [
        ("train", "train"),
        *((name, "validation") for name in validation),
        ("test", "test"),
    ]:
        found, more, other = _list_classes(base, base / folder, part=part)
        classes = classes or found
        if found != classes:
            odd = sorted(set(found) ^ set(classes))[0]
            where = folder if odd in found else "train"
            raise UserError(
                f"class {odd} is only in {base / where}, not in "
                f"{base / ('train' if where == folder else folder)}; "
                "expected the same class folders in both: add or remove it"
            )
        pictures += more
        ignored += other
    return _Listing(classes, pictures, ignored, given=True)


def _list_classes(base: Path, folder: Path, *, part: str) -> tuple[tuple[str, ...], list[_Picture], int]:
    class_folders, strays = _entries(folder)
    if not class_folders:
        raise UserError(
            f"folder {folder} holds no class folders; expected a folder for each class, with PNG or JPEG files in "
            "it: sort the images into such folders"
        )
    if len(class_folders) == 1:
        raise UserError(
            f"folder {folder} holds one class only ({class_folders[0].name}); expected at least two: add "
            "another class folder"
        )
    ignored = len(strays) + _hidden(folder)
    pictures = []
    for label, class_folder in enumerate(class_folders):
        inner, files = _entries(class_folder)
        images = [file for file in files if file.suffix.lower() in _SUFFIXES]
        others = len(inner) + len(files) - len(images) + _hidden(class_folder)
        if not images:
            raise UserError(
                f"class folder {class_folder} holds no PNG or JPEG image"
                f"{f' ({others} other entries)' if others else ''}; expected at least one: add images or "
                "remove it"
            )
        ignored += others
        pictures += [_Picture(file, file.relative_to(base).as_posix(), label, part) for file in images]
        if len(pictures) > _MOST_ENTRIES:
            raise UserError(
                f"folder {folder} holds more than {_MOST_ENTRIES:,} images; expected at most that: take fewer, or give "
                "them as npz:FILE"
            )
    return tuple(folder.name for folder in class_folders), pictures, ignored


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files of a folder that are not hidden, each sorted by name."""
    visible = sorted((entry for entry in _all(folder) if not entry.name.startswith(".")), key=lambda p: p.name)
    return [entry for entry in visible if entry.is_dir()], [entry for entry in visible if not entry.is_dir()]


def _hidden(folder: Path) -> int:
    return sum(entry.name.startswith(".") for entry in _all(folder))


def _all(folder: Path) -> list[Path]:
    try:
        found = list(islice(folder.iterdir(), _MOST_ENTRIES + 1))
    except OSError as error:
        raise UserError(
            f"folder {folder} cannot be read ({error.strerror}); expected a readable folder: mend its permissions"
        ) from None
    if len(found) > _MOST_ENTRIES:
        raise UserError(
            f"folder {folder} holds more than {_MOST_ENTRIES:,} entries; expected at most that: take fewer images, or "
            "give them as npz:FILE"
        )
    return found


def _cut(listing: _Listing, labels: np.ndarray, name: str) -> tuple[list[np.ndarray], str]:
    keys = np.array(
        [
            int.from_bytes(hashlib.sha256(picture.relative.encode(errors="surrogateescape")).digest()[:8])
            for picture in listing.pictures
        ],
        dtype=np.uint64,
    )
    if not listing.given:
        parts = stratify(labels, keys, shares=(0.1, 0.1), classes=listing.classes, name=name)
        return parts, _counted(parts, "cut 80/10/10 % from each class by a hash of each file's path")
    part_of = np.array([picture.part for picture in listing.pictures])
    train, validation, test = (
        np.flatnonzero(part_of == part)[np.argsort(keys[part_of == part], kind="stable")]
        for part in ("train", "validation", "test")
    )
    if len(validation):
        return [train, validation, test], _counted([train, validation, test], "as the folders say")
    rest, cut = stratify(labels[train], keys[train], shares=(0.1,), classes=listing.classes, name=name)
    parts = [train[rest], train[cut], test]
    return parts, _counted(parts, "test as the folders say, validation 10 % of each class of train/")


def _counted(parts: list[np.ndarray], how: str) -> str:
    train, validation, test = (f"{len(part):,}" for part in parts)
    return f"{train} training, {validation} validation and {test} test images: {how}"


def _decoded(
    base: Path, pictures: list[_Picture], cache: str | Path | None, image_size: int | None, progress: Progress | None
) -> tuple[np.ndarray, str]:
    """uint8 (N, C, H, W) of the pictures, in their order, from the cache where it still holds."""
    key = _key(pictures, image_size)
    place = hashlib.sha256(f"{base.resolve()} {image_size}".encode(errors="surrogateescape")).hexdigest()[:32]
    kept = decoded_place(place, cache)
    cached = _read_cached(kept, key, len(pictures))
    if cached is not None:
        return cached
    paths = [picture.path for picture in pictures]
    size, note = image_size, f"resized to {image_size}×{image_size} (antialiased, centre cut)"
    if size is None:
        own = shared_square_size(paths)
        size = own if own is not None and own <= _LARGEST_OWN_SIZE else _DEFAULT_SIZE
        note = f"{size}×{size}, the images' own size"
        if size != own:
            note = f"resized to {size}×{size} (antialiased, centre cut): their own sizes are mixed or large"
    images = decode_all(paths, size=size, progress=progress)
    with suppress(OSError):  # the cache only saves time
        if make_room(images.nbytes, kept, cache):
            with whole_file(kept) as file:
                np.savez(file, images=images, note=np.array(note), key=np.array(key))
    return images, note


def _key(pictures: list[_Picture], image_size: int | None) -> str:
    import PIL

    digest = hashlib.sha256(f"{_FORMAT} {PIL.__version__} {image_size}".encode())
    for picture in pictures:
        try:
            stat = os.stat(picture.path)
            state = f"{stat.st_size} {stat.st_mtime_ns}"
        except OSError:
            state = "unreadable"
        digest.update(f"\0{picture.relative}\0{state}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _read_cached(kept: Path, key: str, count: int) -> tuple[np.ndarray, str] | None:
    try:
        with open_plain(kept, limit=MOST_DECODED + _BESIDE) as file, np.load(file, allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return None
            images, note = arrays["images"], str(arrays["note"])
    except Exception:  # a damaged zip raises many kinds; whatever it is, decoding again mends it
        return None
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != count:
        return None
    with suppress(OSError):
        os.utime(kept)  # used just now: the last to make room for others
    return images, note
