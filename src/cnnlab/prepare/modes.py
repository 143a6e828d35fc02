"""Any of Pillow's pixel formats becomes 8-bit gray or RGB, with what is transparent laid over white."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cnnlab.errors import UserError

_MODE_OF_CHANNELS = {1: "L", 3: "RGB"}


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """The image in mode L (channels 1) or RGB (channels 3), alpha over white; deep images scaled to 8 bits.

    Raises UserError for any other number of channels.
    """
    if channels not in _MODE_OF_CHANNELS:
        raise UserError(
            f"the net takes {channels} channels; expected 1 (gray) or 3 (RGB) for image files: "
            "prepare such inputs yourself and pass them as npz:FILE"
        )
    return flat(image).convert(_MODE_OF_CHANNELS[channels])


def flat(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB, whichever it needs: 8 bits a channel, alpha over white."""
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def to_array(image: Image.Image) -> np.ndarray:
    """uint8 (C, H, W) of an image in mode L or RGB."""
    pixels = np.asarray(image, dtype=np.uint8)
    if pixels.ndim == 2:
        return pixels[None].copy()
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _eight_bits(image: Image.Image) -> Image.Image:
    # Integer images hold 16 bits when they come from a PNG or a scanner's TIFF. Float images have no convention:
    # 0–1 and 0–255 are taken as such, anything else is stretched from its lowest to its highest value.
    values = np.asarray(image, dtype=np.float64)
    np.nan_to_num(values, copy=False)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535:
        values -= low
        values *= 255 / ((high - low) or 1)
    elif image.mode.startswith("I;16") or high > 255:
        values /= 257
    elif image.mode == "F" and high <= 1:
        values *= 255
    np.rint(values, out=values)
    return Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8))
