"""Pixels as PNG data addresses, small enough to lie in the page itself."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

#: Pixels a side above which an image is made smaller for the page.
LARGEST_SIDE = 64
#: What is above 0 and what is below: opposite in hue, alike in lightness, readable on white and on black.
POSITIVE, NEGATIVE = (217, 108, 25), (52, 116, 216)


def photograph(image: np.ndarray) -> str:
    """uint8 (C, H, W) → the picture's address. One channel is gray, three are RGB, of others the first is shown."""
    picture = Image.fromarray(np.moveaxis(image, 0, 2) if len(image) == 3 else image[0])
    if max(picture.size) > LARGEST_SIDE:
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    return _address(picture)


def two_hues(values: np.ndarray, *, scale: float) -> str:
    """float (H, W) → a picture in two hues: orange above 0, blue below, nothing at 0, full at ±scale.

    0 is transparent: it takes the page's own background, in light and dark.
    """
    hue = np.where((values > 0)[..., None], np.array(POSITIVE), np.array(NEGATIVE))
    strength = np.clip(np.abs(values) / scale, 0, 1) if scale else np.zeros_like(values)
    pixels = np.concatenate([hue, np.rint(255 * strength)[..., None]], axis=2)
    return _address(Image.fromarray(pixels.astype(np.uint8)))


def signed_rgb(values: np.ndarray, *, scale: float) -> str:
    """float (3, H, W) → a picture whose red, green and blue are the channels; mid-gray is 0, ±scale the extremes."""
    share = np.clip(values / scale, -1, 1) if scale else np.zeros_like(values)
    return _address(Image.fromarray(np.moveaxis(np.rint(127.5 + 127.5 * share), 0, 2).astype(np.uint8)))


def _address(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
