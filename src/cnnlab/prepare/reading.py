"""A file becomes a decoded image, or one line that says why not."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, cast

from PIL import Image, ImageOps, UnidentifiedImageError

from cnnlab.errors import UserError
from cnnlab.given_path import given_path
from cnnlab.plain_files import open_plain
from cnnlab.prepare.modes import flat, ground_of

#: The kinds of files that are opened, none of which starts another program, and the most pixels of each for which
#: decoding and preparing stay below 1.2 GB.
FORMATS = {
    "PNG": 120_000_000,
    "JPEG": 120_000_000,
    "GIF": 120_000_000,
    "BMP": 120_000_000,
    "PPM": 120_000_000,
    "TIFF": 60_000_000,
    "WEBP": 60_000_000,
}

#: The longest image file, in bytes.
LONGEST = 200_000_000

#: An image of more pixels is halved, each way, before it is prepared.
_LARGE = 40_000_000

#: The passes over the pixels that a progressive JPEG may make (about ten are usual): each costs the time of the whole.
_MOST_SCANS = 100

#: How often a file may be read from, each of which costs Pillow some microseconds.
_MOST_READS = 1_000_000

#: The most bytes that may be read before the pixels, by how a file begins: Pillow takes 300 bytes of memory an entry of
#: a TIFF's table of strips, and the square of a JPEG's Exif data in time.
_MOST_BEFORE = {b"II": 4_000_000, b"MM": 4_000_000, b"\xff\xd8": 20_000_000}

#: The longest PPM whose pixels are written as text, in bytes, of which Pillow reads 3 million a second.
_MOST_TEXT = 20_000_000

#: The side of the squares by which an image is halved, in pixels.
_TILE = 2048


def read_image(path: str | os.PathLike[str]) -> Image.Image:
    """The image in a file, in mode L or RGB, upright (its EXIF orientation is applied); of an animation, frame one.

    What is transparent lies over white, or over black where most is transparent and the rest is light. An image of more
    than 40 million pixels comes at half its width and height.
    Raises UserError, in one line, when the file is missing, no regular file, not readable, not an image of a kind
    in `FORMATS`, damaged, or when it is longer or holds more pixels than it may.
    """
    path = given_path(path, "image")
    if path.is_dir():
        raise UserError(f"{path}: is a directory; expected an image file: name the files in it")
    with warnings.catch_warnings():
        # Pillow warns from 89 million pixels on, which phone cameras reach, and of tags that it skips; what it
        # will not or cannot decode, it raises.
        warnings.simplefilter("ignore")
        try:
            with open_image(path) as image:
                return decoded(image)
        except UserError:
            raise
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; expected an image file: check the path") from None
        except PermissionError:
            raise UserError(f"{path}: permission denied; expected a file you may read: change its mode") from None
        except Image.DecompressionBombError:
            raise UserError(
                f"{path}: too many pixels; expected at most {FORMATS['PNG'] // 10**6} million pixels, "
                f"{FORMATS['TIFF'] // 10**6} of a TIFF or WebP: scale the image down first"
            ) from None
        except UnidentifiedImageError:
            got = "an empty file" if path.stat().st_size == 0 else "not an image, or of a kind that cannot be read"
            raise UserError(f"{path}: {got}; expected PNG, JPEG or the like: export it as PNG") from None
        except MemoryError:
            raise UserError(f"{path}: too large for this machine's memory; scale the image down") from None
        except Exception as error:  # Pillow raises some ten kinds for damaged files, and more for hostile ones
            why = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"{path}: cannot be decoded ({why}); expected an undamaged image: save or copy it again"
            ) from None


class _Sparing(io.BufferedReader):
    """A file that is not read in more pieces, or bytes, than it may be. Raises ValueError then."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(cast("io.RawIOBase", file))
        self._pieces = _MOST_READS
        begins = self.peek(2)[:2]
        self.is_text = begins in (b"P1", b"P2", b"P3")
        self.most = _MOST_BEFORE.get(begins)

    def read(self, size: int | None = -1, /) -> bytes:
        self._pieces -= 1
        content = super().read(size)
        if self.most is not None:
            self.most -= len(content)
        if self._pieces < 0 or (self.most is not None and self.most < 0):
            raise ValueError("too many parts for an image")
        return content

    def count(self, mark: bytes) -> int:
        """How often a mark stands in the file."""
        here = self.tell()
        self.seek(0)
        count = self.read().count(mark)
        self.seek(here)
        return count


@contextmanager
def open_image(source: Path | bytes, formats: tuple[str, ...] = tuple(FORMATS)) -> Generator[Image.Image]:
    """The image in a file, of which only the header was read yet.

    source: the file, or what it holds. formats: the kinds that are taken, of `FORMATS`. Raises UserError as
    `open_plain` does, DecompressionBombError for more pixels than the kind may have, and whatever Pillow raises.
    """
    with _opened(source) as plain, _Sparing(plain) as file, Image.open(file, formats=formats) as image:
        file.most = _MOST_TEXT if image.format == "PPM" and file.is_text else None
        # A JPEG from many cameras is a multi-picture file (MPO), of which the first picture is the photograph.
        kind = "JPEG" if image.format in (None, "MPO") else image.format
        if image.width * image.height > FORMATS[kind]:
            raise Image.DecompressionBombError
        if kind == "JPEG" and file.count(b"\xff\xda") > _MOST_SCANS:
            raise ValueError("more than 100 scans")
        yield image


def _opened(source: Path | bytes) -> IO[bytes]:
    if isinstance(source, Path):
        return open_plain(source, limit=LONGEST)
    if len(source) > LONGEST:
        raise UserError(f"an image of {len(source):,} bytes; expected at most {LONGEST:,}: save it smaller")
    return io.BytesIO(source)


def decoded(image: Image.Image) -> Image.Image:
    """What `open_image` opened, upright, in mode L or RGB, at most 40 million pixels. Raises whatever Pillow raises."""
    if image.width * image.height > _LARGE:  # a JPEG is halved while it is decoded
        image.draft(None, (max(1, image.width // 2), max(1, image.height // 2)))
    with _silence() if image.format == "TIFF" else nullcontext():
        ImageOps.exif_transpose(image, in_place=True)
        return _halved(image) if image.width * image.height > _LARGE else flat(image)


@contextmanager
def _silence() -> Generator[None]:
    """Inside, nothing reaches the terminal: libtiff writes there of a damaged file, past Python, what Pillow raises."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _halved(image: Image.Image) -> Image.Image:
    """The image at half its width and height, averaged; by squares, so that no second copy of the whole is needed."""
    width, height = image.size
    half: Image.Image | None = None
    ground = ground_of(image)
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = image.crop((left, top, min(left + _TILE, width), min(top + _TILE, height)))
            # Deep pixels are scaled to 8 bits by the lowest and the highest of the whole.
            tile = (tile if tile.mode in ("I", "F") else flat(tile, ground=ground)).reduce(2)
            half = half or Image.new(tile.mode, ((width + 1) // 2, (height + 1) // 2))
            half.paste(tile, (left // 2, top // 2))
    assert half is not None  # an image has a pixel
    return flat(half)
