"""One entry for all preparations."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cnnlab.errors import UserError, nearest
from cnnlab.prepare.digit import digit
from cnnlab.prepare.fitting import as_it_is, in_zeros, scale_and_cut
from cnnlab.prepare.garment import garment

#: What `prepare` knows, each with what it is for.
PREPARATIONS = {
    "digit": "one handwritten character, photographed, scanned or drawn: made as MNIST was made",
    "garment": "one garment against a plain background: made as Fashion-MNIST was made",
    "resize": "the whole image, scaled and cut about its centre",
    "none": "the image as it is; it must have the net's size",
}


def prepare(
    image: Image.Image, *, preparation: str, shape: tuple[int, int, int], unpadded: tuple[int, int] | None = None
) -> np.ndarray:
    """Make an image into a net's input.

    image: any mode and size (`read_image` gives one). preparation: a key of `PREPARATIONS`.
    shape: (C, H, W) of the net's input, C 1 or 3. unpadded: (H, W) that it is prepared for, before zeros are laid round
    it; with `none` an image may have either size.
    Returns uint8 (C, H, W), 0–255, not normalised.
    Raises UserError when the preparation is unknown, when `digit` finds no ink or `garment` no object, and when
    `none` meets an image of another size.
    """
    channels, height, width = shape
    if unpadded is not None and not (preparation == "none" and image.size == (width, height)):
        inner = prepare(image, preparation=preparation, shape=(channels, *unpadded))
        return in_zeros(inner, (height, width))
    match preparation:
        case "digit":
            gray = digit(image, (height, width))
        case "garment":
            gray = garment(image, (height, width))
        case "resize":
            return scale_and_cut(image, channels, (height, width))
        case "none":
            return as_it_is(image, channels, (height, width))
        case _:
            raise UserError(f"unknown preparation {preparation!r}: {nearest(preparation, PREPARATIONS)}")
    return np.repeat(gray[None], channels, axis=0)
