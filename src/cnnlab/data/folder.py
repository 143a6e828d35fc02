"""`folder:PATH`: a user's own image files, a folder for each class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from cnnlab.data.cache import MOST_DECODED, decoded_place, make_room
from cnnlab.data.class_folders import Listing, Picture, as_text, list_pictures
from cnnlab.data.imageset import ImageSet, Progress, Split, image_set
from cnnlab.data.overlap import equal_images, groups_of_equal
from cnnlab.data.pictures import decode_all, shared_square_size
from cnnlab.data.splits import put_in_order, require_enough, stratify
from cnnlab.data.views import SKIPPING
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain
from cnnlab.whole_files import whole_file

_DEFAULT_SIZE = 32
_LARGEST_OWN_SIZE = 96
_LARGEST_SIZE = 1024
_BESIDE = 400_000_000  # bytes of a cached file beside its images: of each that could not be read, why
_FORMAT = "3"  # of the cached arrays: raise it when decoding changes
_LONGEST_REASON = 200  # characters that are kept of why a file cannot be read
_NAMED = 10  # damaged files that a note names
_PARTS = ("train", "validation", "test")


def load_folder(
    path: str | Path,
    *,
    cache: str | Path | None = None,
    image_size: int | None = None,
    skip_damaged: bool = False,
    progress: Progress | None = None,
) -> ImageSet:
    """Load image files of any size, mode and kind in `cnnlab.prepare.reading.FORMATS` that lie in class folders.

    path: holds class folders, or folders for splits that hold them: see `list_pictures`. Of splits that no folder
    stands for 10 % of each class are cut: validation and test of all images where there are none, else of the training
    folder. A file's path relative to `path` alone decides (by SHA-256), so neither the operating system's order nor
    other files can move it far; images that are equal pixel for pixel stay in one split.
    image_size: side in pixels. None keeps the size when all images share one square size up to 96 px, and
    takes 32 otherwise. Other sizes are scaled with antialiasing to cover the square and cut at the centre.
    Images have one channel when in every pixel of every image red, green and blue are equal, else three.
    What is transparent lies over white, or over black where most is transparent and the rest is light; EXIF orientation
    is honoured; 16-bit gray becomes 8-bit; of an animation frame one is taken.
    cache: decoded images are kept in cache/folder until a file, the size or Pillow changes, or others need the room.
    skip_damaged: leave out what cannot be read, and say so; the set's name then ends in `+skip-damaged`.
    Raises UserError when the path, its folders or any image will not do; every image is tried first, and where several
    cannot be read a file in the cache lists them all.
    """
    if not str(path):
        raise UserError("folder: names no folder; expected folder:PATH: give the path of a folder of class folders")
    if image_size is not None and not 4 <= image_size <= _LARGEST_SIZE:
        raise UserError(f"image size {image_size}; expected 4 to {_LARGEST_SIZE} pixels: choose one of those")
    base = Path(os.path.expanduser(path))
    name = f"folder:{path}{SKIPPING if skip_damaged else ''}"
    listing = list_pictures(base)
    pictures = listing.pictures
    labels = np.array([picture.label for picture in pictures], dtype=np.int64)
    part_of = np.array([picture.part for picture in pictures])
    missing = [part for part in _PARTS[1:] if part not in listing.given]
    pool = part_of == "train" if listing.given else np.ones(len(pictures), dtype=bool)
    require_enough(labels[pool], parts=1 + len(missing), classes=listing.classes, name=name)  # before all are decoded
    images, unreadable, size_note = _decoded(base, pictures, cache, image_size, progress)
    doubts = list(listing.left_out)
    if unreadable:
        listed = _list_unreadable(base, pictures, unreadable, cache, image_size)
        if not skip_damaged:
            raise UserError(_refusal(pictures, unreadable, listed))
        doubts.append(_skipped(pictures, unreadable, listed))
    good = np.ones(len(pictures), dtype=bool)
    good[list(unreadable)] = False
    groups = groups_of_equal([images])
    cuts = _cut(listing, labels, part_of, groups, pool=pool & good, good=good, missing=missing, name=name)
    # Sorted by split, so that each is a piece of the one array.
    put_in_order(images, np.concatenate([*cuts, np.flatnonzero(~good)]))
    ends = np.cumsum([0, *map(len, cuts)])
    train, validation, test = (
        Split(torch.from_numpy(images[start:end]), torch.from_numpy(labels[indices]))
        for start, end, indices in zip(ends, ends[1:], cuts, strict=False)
    )
    notes = [size_note, "one channel: all images are gray" if images.shape[1] == 1 else "three channels: RGB"]
    kept = np.flatnonzero(good)
    note, doubt = equal_images(
        np.searchsorted(kept, _first_of_each(groups[kept], kept)),
        labels[kept],
        lambda index: as_text(pictures[kept[index]].relative),
        is_cut=not listing.given,
    )
    doubts += [doubt] if doubt else []
    found = image_set(
        name,
        classes=listing.classes,
        train=train,
        validation=validation,
        test=test,
        source=f"folder: {base.resolve()}",
        split_note=_split_note(listing, cuts),
        notes=(*notes, *listing.notes, *([note] if note else [])),
        doubts=tuple(doubts),
        leaks_allowed=True,
    )
    return replace(
        found, files=tuple(tuple(as_text(pictures[index].relative) for index in cut.tolist()) for cut in cuts)
    )


def _cut(
    listing: Listing,
    labels: np.ndarray,
    part_of: np.ndarray,
    groups: np.ndarray,
    *,
    pool: np.ndarray,
    good: np.ndarray,
    missing: list[str],
    name: str,
) -> list[np.ndarray]:
    """The indices of the training, validation and test images. pool: bool (N,), what the missing ones are cut from."""
    keys = np.array(
        [
            int.from_bytes(hashlib.sha256(picture.relative.encode(errors="surrogateescape")).digest()[:8])
            for picture in listing.pictures
        ],
        dtype=np.uint64,
    )
    mine = np.flatnonzero(pool)
    cut = stratify(
        labels[mine],
        keys[mine],
        shares=(0.1,) * len(missing),
        classes=listing.classes,
        name=name,
        groups=groups[mine],
    )
    parts = {part: mine[indices] for part, indices in zip(("train", *missing), cut, strict=True)}
    for part in listing.given - {"train"}:
        given = np.flatnonzero((part_of == part) & good)
        parts[part] = given[np.argsort(keys[given], kind="stable")]
    return [parts[part] for part in _PARTS]


def _split_note(listing: Listing, cuts: list[np.ndarray]) -> str:
    by = "by a hash of each file's path; equal images stay together"
    how = {
        frozenset(): f"cut 80/10/10 % from each class {by}",
        frozenset({"train"}): f"cut 80/10/10 % from each class of {listing.train} {by}",
        frozenset({"train", "test"}): f"test as the folders say, validation 10 % of each class of {listing.train}",
        frozenset({"train", "validation"}): (
            f"validation as the folders say, test 10 % of each class of {listing.train}, as no folder is for the test"
        ),
        frozenset(_PARTS): "as the folders say",
    }[listing.given]
    train, validation, test = (f"{len(part):,}" for part in cuts)
    return f"{train} training, {validation} validation and {test} test images: {how}"


def _decoded(
    base: Path, pictures: list[Picture], cache: str | Path | None, image_size: int | None, progress: Progress | None
) -> tuple[np.ndarray, dict[int, str], str]:
    """uint8 (N, C, H, W) of the pictures, in their order, and which cannot be read; from the cache where it holds."""
    key = _key(pictures, image_size)
    kept = decoded_place(_place(base, image_size), cache)
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
    images, unreadable = decode_all(paths, size=size, progress=progress)
    with suppress(OSError):  # the cache only saves time
        if make_room(images.nbytes, kept, cache):
            with whole_file(kept) as file:
                np.savez(
                    file,
                    images=images,
                    note=np.array(note),
                    key=np.array(key),
                    unreadable=np.array(list(unreadable), dtype=np.int64),
                    reasons=np.array([reason[:_LONGEST_REASON] for reason in unreadable.values()], dtype=np.str_),
                )
    return images, unreadable, note


def _place(base: Path, image_size: int | None) -> str:
    return hashlib.sha256(f"{base.resolve()} {image_size}".encode(errors="surrogateescape")).hexdigest()[:32]


def _key(pictures: list[Picture], image_size: int | None) -> str:
    """What changes when a picture does, even where its length and its time of change stay: its inode's time, too."""
    import PIL

    digest = hashlib.sha256(f"{_FORMAT} {PIL.__version__} {image_size}".encode())
    for picture in pictures:
        try:
            stat = os.stat(picture.path)
            state = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        except OSError:
            state = "unreadable"
        digest.update(f"\0{picture.relative}\0{state}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _read_cached(kept: Path, key: str, count: int) -> tuple[np.ndarray, dict[int, str], str] | None:
    try:
        with open_plain(kept, limit=MOST_DECODED + _BESIDE) as file, np.load(file, allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return None
            images, note = arrays["images"], str(arrays["note"])
            unreadable = dict(zip(arrays["unreadable"].tolist(), arrays["reasons"].tolist(), strict=True))
    except Exception:  # a damaged zip raises many kinds; whatever it is, decoding again mends it
        return None
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != count:
        return None
    if not all(0 <= index < count for index in unreadable):
        return None
    with suppress(OSError):
        os.utime(kept)  # used just now: the last to make room for others
    return images, unreadable, note


def _list_unreadable(
    base: Path,
    pictures: list[Picture],
    unreadable: Mapping[int, str],
    cache: str | Path | None,
    image_size: int | None,
) -> Path | None:
    """Write the names of several into a file in the cache, a line each; its path, or None where it cannot be."""
    if len(unreadable) == 1:
        return None
    place = decoded_place(_place(base, image_size), cache).with_suffix(".txt")
    try:
        with whole_file(place) as file:
            for index, reason in unreadable.items():
                line = f"{pictures[index].path}  ({reason})"
                line = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line)
                file.write(f"{line}\n".encode(errors="replace"))
    except (OSError, UserError):
        return None
    return place


def _refusal(pictures: list[Picture], unreadable: Mapping[int, str], listed: Path | None) -> str:
    first = min(unreadable, key=lambda index: pictures[index].path)
    others = f" and {len(unreadable) - 1} more of {len(pictures)} images" if len(unreadable) > 1 else ""
    where = f", all listed in {listed}" if listed else ""
    return (
        f"{as_text(str(pictures[first].path))}{others} cannot be read ({unreadable[first]}{where}); expected intact "
        "image files: replace or remove what is damaged, or leave it out with --skip-damaged"
    )


def _skipped(pictures: list[Picture], unreadable: Mapping[int, str], listed: Path | None) -> str:
    names = [f"{as_text(pictures[index].relative)} ({reason})" for index, reason in unreadable.items()][:_NAMED]
    more = len(unreadable) - len(names)
    where = f" and {more:,} more, all listed in {listed}" if more and listed else f" and {more:,} more" if more else ""
    return f"left out {len(unreadable):,} of {len(pictures):,} images, which cannot be read: {', '.join(names)}{where}"


def _first_of_each(groups: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The first kept index of each one's group."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return kept[first[inverse]]
