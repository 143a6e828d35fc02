"""Any of Pillow's pixel formats becomes 8-bit gray or RGB, with what is transparent laid over white or black."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cnnlab.errors import UserError

#: What is this light, of 255, on the mean cannot be told from white.
LIGHT_INK = 204

#: The highest value of 12 bits, which microscopes and X-ray machines keep in 16.
TWELVE_BITS = 4095

_MODE_OF_CHANNELS = {1: "L", 3: "RGB"}


def to_channels(image: Image.Image, channels: int) -> Image.Image:
    """The image in mode L (channels 1) or RGB (channels 3), alpha over white or black; deep images scaled to 8 bits.

    Raises UserError for any other number of channels.
    """
    if channels not in _MODE_OF_CHANNELS:
        raise UserError(
            f"the net takes {channels} channels; expected 1 (gray) or 3 (RGB) for image files: "
            "prepare such inputs yourself and pass them as npz:FILE"
        )
    return flat(image).convert(_MODE_OF_CHANNELS[channels])


def flat(image: Image.Image, *, ground: str | None = None) -> Image.Image:
    """The image in mode L or RGB, whichever it needs: 8 bits a channel, what is transparent over the ground.

    ground: black or white; by default `ground_of` says which.
    """
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bits(image)
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        under = Image.new("RGBA", colour.size, ground or ground_of(colour))
        return Image.alpha_composite(under, colour).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def ground_of(image: Image.Image) -> str:
    """What a transparent image lies over: white, or black where most of it is transparent and what is not is light.

    So white ink on nothing stays to be seen. image: of any mode and size; one without transparency lies over white.
    """
    if not image.has_transparency_data:
        return "white"
    opaque, lightness = 0, 0
    for top in range(0, image.height, 256):
        band = image.crop((0, top, image.width, min(top + 256, image.height))).convert("RGBA")
        alpha = np.asarray(band.getchannel("A"), dtype=np.uint64)
        opaque += int(alpha.sum())
        lightness += int((alpha * np.asarray(band.convert("RGB").convert("L"))).sum())
    is_light = lightness > LIGHT_INK * opaque
    return "black" if is_light and opaque < 255 / 2 * image.width * image.height else "white"


def to_array(image: Image.Image) -> np.ndarray:
    """uint8 (C, H, W) of an image in mode L or RGB."""
    pixels = np.asarray(image, dtype=np.uint8)
    if pixels.ndim == 2:
        return pixels[None].copy()
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _eight_bits(image: Image.Image) -> Image.Image:
    # Integer images hold 16 bits when they come from a PNG or a scanner's TIFF, or 12 of them. Float images have no
    # convention: 0–1 and 0–255 are taken as such, anything else is stretched from its lowest to its highest value.
    values = np.asarray(image, dtype=np.float64)
    np.nan_to_num(values, copy=False)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535:
        values -= low
        values *= 255 / ((high - low) or 1)
    elif high > TWELVE_BITS:
        values /= 257
    elif high > 255:
        values *= 255 / TWELVE_BITS
    elif image.mode == "F" and high <= 1:
        values *= 255
    np.rint(values, out=values)
    return Image.fromarray(values.clip(0, 255, out=values).astype(np.uint8))
