"""A handwritten character becomes an image as MNIST's were made."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from cnnlab.prepare.ink import See, find_ink

#: MNIST's characters lie in a box of 20 of the 28 pixels.
BOX_SHARE = 20 / 28

#: The thinnest stroke that is left as it is, in pixels of the result (MNIST's are about 2–3 wide).
THINNEST = 1.6


def digit(image: Image.Image, size: tuple[int, int], *, see: See | None = None) -> np.ndarray:
    """One character, ink bright on black: uint8 (H, W), its brightest pixel 255.

    As in LeCun, Bottou, Bengio and Haffner 1998, §III.A: scaled with antialiasing, keeping its aspect ratio, so
    that it fits a box of 20/28 of the image, and placed with its centre of mass at the centre. The placement is by
    whole pixels, as MNIST's is. Deviation: strokes of a thin pen are widened first, which NIST's forms, filled in
    with similar pens in small boxes, did not need.

    see: as `find_ink` takes it. Raises UserError when no ink is found.
    """
    return digit_of(find_ink(image, see=see), size)


def digit_of(ink: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The ink of one character (h, w), 0 paper to 1 full ink, cropped to it, as `digit` makes it: uint8 (H, W)."""
    box = max(1, round(min(size) * BOX_SHARE))
    return centred(scaled(widened(ink, box), box), size)


def widened(ink: np.ndarray, box: int) -> np.ndarray:
    """Ink (h, w) whose strokes are at least THINNEST pixels wide once its longer side is box pixels."""
    shrink = max(ink.shape) / box
    if shrink <= 2:
        return ink
    solid = ink > 0.5
    outline = (
        solid.sum()
        - (solid[1:-1, 1:-1] & solid[:-2, 1:-1] & solid[2:, 1:-1] & solid[1:-1, :-2] & solid[1:-1, 2:]).sum()
    )
    stroke = 2 * solid.sum() / max(outline, 1)
    missing = round((THINNEST * shrink - stroke) / 2)
    if missing <= 0:
        return ink
    grown = Image.fromarray(np.rint(np.pad(ink, missing) * 255).astype(np.uint8))
    for _ in range(missing):
        grown = grown.filter(ImageFilter.MaxFilter(3))
    return np.asarray(grown, dtype=np.float32) / 255


def scaled(ink: np.ndarray, box: int) -> np.ndarray:
    """Ink (h, w) with its longer side made box pixels long, antialiased; float32."""
    height, width = ink.shape
    factor = box / max(height, width)
    if factor == 1:
        return ink
    image = Image.fromarray(np.asarray(ink, dtype=np.float32))
    method = Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BICUBIC
    new = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(image.resize(new, method)).clip(0, 1)


def centred(ink: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Ink (h, w) moved by whole pixels to the centre of mass of an image of size (H, W); uint8, stretched to 255."""
    canvas = np.zeros(size, dtype=np.float32)
    # Exact in 64 bits: a centre that lies in the middle between two pixels does, whoever sums in whatever order.
    weights = ink.astype(np.float64)
    mass = float(weights.sum())
    corner = []
    for axis, (room, length) in enumerate(zip(size, ink.shape, strict=True)):
        centre = float((weights.sum(axis=1 - axis) * np.arange(length)).sum()) / mass
        # MNIST's centres of mass lie within half a pixel of index 14 of 28.
        corner.append(min(max(0, round(room / 2 - centre)), room - length))
    top, left = corner
    canvas[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return np.rint(canvas * (255 / canvas.max())).astype(np.uint8)
