"""A file becomes a decoded image, or one line that says why not."""

from __future__ import annotations

import os
import struct
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from cnnlab.errors import UserError
from cnnlab.given_path import given_path

# What Pillow's decoders raise on damaged files, found by feeding them truncated and overwritten ones.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error)


def read_image(path: str | os.PathLike[str]) -> Image.Image:
    """The image in a file, fully decoded and upright (its EXIF orientation is applied); of an animation, frame one.

    Raises UserError, in one line, when the file is missing, a directory, not readable, not an image, damaged,
    or holds more than 178 million pixels (where Pillow refuses).
    """
    path = given_path(path, "image")
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 million pixels on, which phone cameras reach, and of tags that it skips; what it
            # will not or cannot decode, it raises.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                image.load()
                return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected an image file: check the path") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a directory; expected an image file: name the files in it") from None
    except PermissionError:
        raise UserError(f"{path}: permission denied; expected a file you may read: change its mode") from None
    except Image.DecompressionBombError:
        raise UserError(
            f"{path}: more than 178 million pixels; expected a photo, not a bomb: scale the image down first"
        ) from None
    except UnidentifiedImageError:
        got = "an empty file" if path.stat().st_size == 0 else "not an image, or of a kind that cannot be read"
        raise UserError(f"{path}: {got}; expected PNG, JPEG or the like: export it as PNG") from None
    except MemoryError:
        raise UserError(f"{path}: too large for this machine's memory; scale the image down") from None
    except _DAMAGED as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: cannot be decoded ({why}); expected an undamaged image: save or copy it again"
        ) from None
