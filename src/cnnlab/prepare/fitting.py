"""An image of any size becomes one of the net's size, with nothing sought in it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from cnnlab.errors import UserError
from cnnlab.prepare.modes import to_array, to_channels


def scale_and_cut(image: Image.Image, channels: int, size: tuple[int, int]) -> np.ndarray:
    """The image scaled, with antialiasing, and cut about its centre to fill size = (H, W); uint8 (C, H, W).

    channels: 1 (gray) or 3 (RGB). What is transparent lies over white, or over black where most is transparent and the
    rest is light. An image that has the size already keeps its pixels as they are.
    """
    height, width = size
    image = to_channels(image, channels)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), method=Image.Resampling.BICUBIC)
    return to_array(image)


def margins(size: tuple[int, int], within: tuple[int, int]) -> list[tuple[int, int]]:
    """What lies before and after something of `size` in the middle of `within`, for each axis."""
    return [((more := outer - inner) // 2, more - more // 2) for inner, outer in zip(size, within, strict=True)]


def in_zeros(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images (…, h, w) in the middle of size = (H, W), zeros round them."""
    height, width = pixels.shape[-2:]
    return np.pad(pixels, [(0, 0)] * (pixels.ndim - 2) + margins((height, width), size))


def as_it_is(image: Image.Image, channels: int, size: tuple[int, int]) -> np.ndarray:
    """The pixels of an image that already has size = (H, W), uint8 (C, H, W); only the channels are converted.

    Raises UserError when the image has another size.
    """
    height, width = size
    if image.size != (width, height):
        raise UserError(
            f"the image is {image.height}×{image.width} (height×width); expected {height}×{width} when "
            "preparation is none: resize it, or let it be prepared"
        )
    return to_array(to_channels(image, channels))
