"""Image files to arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from cnnlab.data.imageset import Progress
from cnnlab.errors import UserError
from cnnlab.prepare.reading import FORMATS, decoded, open_image

T = TypeVar("T")

_FORMATS = ("PNG", "JPEG")


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


def decode(path: Path, *, size: int) -> np.ndarray:
    """A picture as uint8 (size, size), or (size, size, 3) when any pixel has a colour.

    Alpha is laid on white, EXIF orientation honoured, 16-bit gray reduced to 8; a picture of another size is
    scaled with antialiasing to cover the square and cut at the centre.
    Raises whatever `open_image` and Pillow raise for a file that they cannot read.
    """
    with open_image(path, _FORMATS) as opened, _ROOM.take(opened.width * opened.height):
        image = ImageOps.fit(decoded(opened), (size, size), Image.Resampling.BICUBIC)
    array = np.asarray(image)
    if array.ndim == 3 and (array == array[..., :1]).all():
        return array[..., 0]
    return array


def decode_all(paths: Sequence[Path], *, size: int, progress: Progress | None = None) -> list[np.ndarray]:
    """Every picture as `decode` gives it, in the order of `paths`, on all cores.

    Raises UserError that names the first unreadable file and counts them all; every file is tried.
    """
    results = _in_parallel(lambda path: decode(path, size=size), paths, "decoding images", progress)
    bad = [(path, result) for path, result in zip(paths, results, strict=True) if isinstance(result, Exception)]
    if bad:
        path, error = bad[0]
        others = f" and {len(bad) - 1} more of {len(paths)} images" if len(bad) > 1 else ""
        raise UserError(
            f"{path}{others} cannot be read as PNG or JPEG ({_reason(error)}); expected intact image files: "
            "replace or remove what is damaged"
        )
    return [result for result in results if not isinstance(result, Exception)]


def shared_square_size(paths: Sequence[Path]) -> int | None:
    """The side that all readable pictures share when they are square, else None. Reads headers only."""

    def measure(path: Path) -> tuple[int, int]:
        with open_image(path, _FORMATS) as image:
            return image.size

    sizes = {size for size in _in_parallel(measure, paths, "", None) if not isinstance(size, Exception)}
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return width if width == height else None


def stack(pictures: list[np.ndarray]) -> np.ndarray:
    """Gray (H, W) and RGB (H, W, 3) pictures as one uint8 (N, C, H, W): C is 1 when all are gray, else 3."""
    if all(picture.ndim == 2 for picture in pictures):
        return np.stack(pictures)[:, None]
    coloured = [p if p.ndim == 3 else np.repeat(p[..., None], 3, axis=2) for p in pictures]
    return np.ascontiguousarray(np.stack(coloured).transpose(0, 3, 1, 2))


def _in_parallel(
    work: Callable[[Path], T], paths: Sequence[Path], what: str, progress: Progress | None
) -> list[T | Exception]:
    """`work` of every path, or the exception that it raised. Threads do: Pillow releases the GIL."""

    def attempt(path: Path) -> T | Exception:
        try:
            return work(path)
        except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, …
            return error

    results: list[T | Exception] = []
    with warnings.catch_warnings():
        # Pillow warns from 89 million pixels on, and of tags that it skips; what it cannot decode, it raises.
        warnings.simplefilter("ignore")
        pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
        try:
            for done, result in enumerate(pool.map(attempt, paths), start=1):
                results.append(result)
                if progress:
                    progress(what, done, len(paths))
        finally:
            pool.shutdown(cancel_futures=True)
    return results


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "no such picture in it"
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, UserError):
        return str(error).partition(";")[0]
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
