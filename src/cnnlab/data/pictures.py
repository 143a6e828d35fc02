"""Image files to arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Condition, Lock
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from cnnlab.data.imageset import Progress
from cnnlab.errors import UserError
from cnnlab.prepare.reading import FORMATS, decoded, open_image

S = TypeVar("S")
T = TypeVar("T")

#: The most bytes that decoded pictures may have.
LARGEST = 1_000_000_000

#: Held while a TIFF is decoded: its decoder's own words to the terminal are turned off for the whole process.
_ONE_TIFF = Lock()


class Decoded(NamedTuple):
    """images: uint8 (N, C, size, size), zeros where a file could not be read. unreadable: why, by its index."""

    images: np.ndarray
    unreadable: dict[int, str]


class _Room:
    """Room for the pixels of one image of the largest, shared by the threads that decode."""

    def __init__(self) -> None:
        self._free = max(FORMATS.values())
        self._changed = Condition()

    @contextmanager
    def take(self, pixels: int) -> Generator[None]:
        """Wait until there is room for so many pixels, and keep it while the block runs."""
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


_ROOM = _Room()


def decode(path: Path | bytes, *, size: int) -> np.ndarray:
    """A picture, its file or what that holds, as uint8 (size, size), or (size, size, 3) when any pixel has a colour.

    What is transparent lies over white, or over black where most is transparent and the rest is light; EXIF orientation
    is honoured, 16-bit gray reduced to 8; a picture of another size is scaled with antialiasing to cover the square and
    cut at the centre.
    Raises whatever `open_image` and Pillow raise for a file that they cannot read.
    """
    with (
        open_image(path) as opened,
        _ROOM.take(opened.width * opened.height),
        _ONE_TIFF if opened.format == "TIFF" else nullcontext(),
    ):
        image = ImageOps.fit(decoded(opened), (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    if array.ndim == 3 and (array == array[..., :1]).all():
        return array[..., 0]
    return array


def decode_all(paths: Sequence[Path | bytes], *, size: int, progress: Progress | None = None) -> Decoded:
    """Every picture, in the order of `paths`, on all cores: C is 1 when all are gray, else 3.

    Raises UserError for more pictures than fit.
    """
    if 3 * size * size * len(paths) > LARGEST:
        raise UserError(
            f"{len(paths):,} images of {size}×{size} pixels, of three bytes each, are more than {LARGEST:,} bytes; "
            "expected at most that: take fewer images, or a smaller --image-size"
        )
    images = np.zeros((len(paths), 3, size, size), dtype=np.uint8)
    coloured = np.zeros(len(paths), dtype=bool)

    def put(index: int) -> None:
        picture = decode(paths[index], size=size)
        coloured[index] = picture.ndim == 3
        images[index] = picture.transpose(2, 0, 1) if picture.ndim == 3 else picture

    results = _in_parallel(put, range(len(paths)), "decoding images", progress)
    unreadable = {index: _reason(result) for index, result in enumerate(results) if isinstance(result, Exception)}
    return Decoded(images if coloured.any() else images[:, :1].copy(), unreadable)


def shared_square_size(paths: Sequence[Path | bytes]) -> int | None:
    """The side that all readable pictures share when they are square, else None. Reads headers only."""

    def measure(path: Path | bytes) -> tuple[int, int]:
        with open_image(path) as image:
            return image.size

    sizes = {size for size in _in_parallel(measure, paths, "", None) if not isinstance(size, Exception)}
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return width if width == height else None


def _in_parallel(
    work: Callable[[S], T], each: Sequence[S], what: str, progress: Progress | None
) -> list[T | Exception]:
    """`work` of each, or the exception that it raised. Threads do: Pillow releases the GIL."""

    def attempt(one: S) -> T | Exception:
        try:
            return work(one)
        except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, …
            return error

    results: list[T | Exception] = []
    with warnings.catch_warnings():
        # Pillow warns from 89 million pixels on, and of tags that it skips; what it cannot decode, it raises.
        warnings.simplefilter("ignore")
        pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        try:
            for done, result in enumerate(pool.map(attempt, each), start=1):
                results.append(result)
                if progress:
                    progress(what, done, len(each))
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image, or of a kind that is not opened"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, UserError):
        return str(error).partition(";")[0]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
