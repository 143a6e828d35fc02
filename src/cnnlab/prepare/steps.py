"""What each preparation does, step by step, in words that name its constants."""

from __future__ import annotations

from cnnlab.prepare.digit import BOX_SHARE, THINNEST
from cnnlab.prepare.fitting import margins
from cnnlab.prepare.garment import CLOSE
from cnnlab.prepare.garment import WORKING as GARMENT_WORKING
from cnnlab.prepare.ink import DETAILED, FAINTEST, NEAR_BORDER, WORKING
from cnnlab.prepare.modes import LIGHT_INK, TWELVE_BITS
from cnnlab.prepare.paper import MORE_IN_A_COLOUR, WIDEST_STROKE
from cnnlab.prepare.sheet import LEAST_TILT


def preparation_steps(
    preparation: str, shape: tuple[int, int, int], unpadded: tuple[int, int] | None = None
) -> list[str]:
    """The steps by which an image file becomes pixels uint8 of shape (C, H, W), one after another; unpadded: as for
    `prepare`.

    `resize` and `none` are given whole, `digit` and `garment` with the search for ink or object in outline. Raises
    KeyError for an unknown preparation.
    """
    channels, height, width = shape
    if unpadded is not None:
        (top, bottom), (left, right) = margins(unpadded, (height, width))
        zeros = f"lay rows of 0 over it ({top}) and under it ({bottom}), columns of 0 left ({left}) and right ({right})"
        return [*preparation_steps(preparation, (channels, *unpadded)), zeros]
    colour = "gray, 0.299 R + 0.587 G + 0.114 B" if channels == 1 else "RGB, in this order"
    upright = "turn the image upright by its EXIF orientation; of an animation take the first frame"
    eight_bits = (
        f"make it 8 bits a channel: 16-bit values / 257, or × 255 / {TWELVE_BITS} where none is over {TWELVE_BITS}, "
        "rounded; what is transparent lies over white, or over black where the mean alpha is below "
        f"one half and the mean gray, weighted by alpha, over {LIGHT_INK}"
    )
    box = round(min(height, width) * BOX_SHARE)
    own = {
        "none": [f"make it {colour}", f"it must be {width} wide and {height} high already"],
        "resize": [
            f"make it {colour}",
            f"unless it has that size: cut it about its centre to the aspect ratio {width}:{height} and scale it to "
            f"{width} wide, {height} high, bicubic with antialiasing (Pillow: ImageOps.fit, BICUBIC)",
        ],
        "digit": [
            "make it gray, 0.299 R + 0.587 G + 0.114 B, or take one of the colours where narrow things stand out more "
            f"than {MORE_IN_A_COLOUR:g} times as much, as shares of 255",
            f"scale it down so that its longer side is at most {WORKING}; go into a light sheet on a dark ground, "
            f"turned upright if it is tilted by {LEAST_TILT}° or more, or into a frame whose outer edge lies within "
            f"{NEAR_BORDER:.0%} of the border, and again, "
            f"closer, where the character is smaller than {DETAILED}",
            f"paper: a morphological closing (of bright ink, opening) {WIDEST_STROKE:g} of the longer side wide; dark "
            "ink is 1 - gray / paper, bright ink gray - paper",
            "ink: above Otsu's threshold, without specks, lines and what runs round the character, at least "
            f"{FAINTEST:g}; scaled so that its median is 1; cut to its bounding box",
            f"strokes that would be thinner than {THINNEST:g} pixels are widened",
            f"scale it, keeping its aspect ratio, so that its longer side is {box} (Pillow: BOX below one half, else "
            "BICUBIC)",
            f"move it by whole pixels until its centre of mass lies at row {height / 2:g}, column {width / 2:g} "
            f"(counted from 0) of {height} rows, {width} columns of 0",
            "times 255 / its largest value, rounded; bright ink on black",
        ],
        "garment": [
            f"cut away what is nearer than {CLOSE:g} of the full range to the corners' colour (sought at "
            f"{GARMENT_WORKING} pixels a side)",
            "make it gray, 0.299 R + 0.587 G + 0.114 B",
            f"scale it, keeping its aspect ratio, to fit {width} wide, {height} high, bicubic with antialiasing",
            "if it became smaller: unsharp mask, radius 1, 100 percent, threshold 0",
            "background over 127: (background - gray) / background, else (gray - background) / (255 - background)",
            f"times 255; placed in the middle of {height} rows, {width} columns of 0",
        ],
    }[preparation]
    gray_again = (
        [f"the same for all {channels} channels"] if channels > 1 and preparation in ("digit", "garment") else []
    )
    return [upright, eight_bits, *own, *gray_again]
