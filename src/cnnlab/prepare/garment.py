"""A photograph of a garment becomes an image as Fashion-MNIST's were made."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from cnnlab.errors import UserError
from cnnlab.prepare.components import components
from cnnlab.prepare.modes import flat

#: The longer side of the picture in which the garment is sought, in pixels.
WORKING = 400

#: Colours nearer to the corners' than this share of the full range are background.
CLOSE = 0.05


def garment(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """One garment, bright on black: uint8 (H, W), in its own gray levels.

    As in Xiao, Rasul and Vollgraf 2017 (Fashion-MNIST), §2: edges near the corners' colour are trimmed, the longer
    side is made as long as the image, sharpened, extended to the image's shape about the centre, negated, made gray.
    Deviations: what is trimmed tolerates the background's noise, and specks; scaling is antialiased, where theirs
    skips pixels; gray levels are stretched so that the background becomes 0; an object against a dark background is
    not negated, as it is bright on black already; and what need not be made smaller is not sharpened.

    Raises UserError when nothing stands out from the background.
    """
    height, width = size
    image = flat(image)
    if max(image.size) > 4 * WORKING:
        image = image.reduce(max(image.size) // (2 * WORKING))
    box, background = _trim(image)
    gray = image.convert("L").crop(box)
    factor = min(height / gray.height, width / gray.width)
    if factor != 1:
        new = (max(1, round(gray.width * factor)), max(1, round(gray.height * factor)))
        gray = gray.resize(new, Image.Resampling.BICUBIC)
    if factor < 1:
        gray = gray.filter(ImageFilter.UnsharpMask(radius=1, percent=100, threshold=0))
    values = np.asarray(gray, dtype=np.float32)
    if background > 127:
        values = (background - values) / background
    else:
        values = (values - background) / (255 - background)
    canvas = np.zeros(size, dtype=np.uint8)
    top, left = (height - values.shape[0] + 1) // 2, (width - values.shape[1] + 1) // 2
    canvas[top : top + values.shape[0], left : left + values.shape[1]] = np.rint(values.clip(0, 1) * 255)
    return canvas


def _trim(image: Image.Image) -> tuple[tuple[int, int, int, int], float]:
    """(left, top, right, bottom) of the object in an image of mode L or RGB, and its background's gray level."""
    small = image.convert("RGB")
    small.thumbnail((WORKING, WORKING), Image.Resampling.BOX)
    colour = np.asarray(small, dtype=np.float32)
    reach = max(1, max(small.size) // 28)
    corners = np.concatenate(
        [
            colour[rows, columns].reshape(-1, 3)
            for rows in (slice(None, reach), slice(-reach, None))
            for columns in (slice(None, reach), slice(-reach, None))
        ]
    )
    ground = np.median(corners, axis=0)
    noise = 1.48 * float(np.median(abs(corners - ground)))
    mask = abs(colour - ground).max(axis=2) > max(255 * CLOSE, 5 * noise)
    parts = components(mask)
    kept = parts.area >= max(4, 0.03 * parts.area.max()) if len(parts) else np.zeros(0, dtype=bool)
    if not kept.any():
        raise UserError(
            "no object found in the image; expected one garment against a plain background: "
            "photograph it on a sheet of another colour, or crop the image to it"
        )
    scale_x, scale_y = image.width / small.width, image.height / small.height
    box = (
        int(parts.left[kept].min() * scale_x),
        int(parts.top[kept].min() * scale_y),
        min(image.width, round((int(parts.right[kept].max()) + 1) * scale_x)),
        min(image.height, round((int(parts.bottom[kept].max()) + 1) * scale_y)),
    )
    red, green, blue = ground
    return box, float(0.299 * red + 0.587 * green + 0.114 * blue)
