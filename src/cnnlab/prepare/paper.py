"""What lies behind the ink: its polarity, its uneven light, its noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

#: The paper is estimated on a picture of at most this many pixels a side: it varies slowly.
COARSE = 64

#: Strokes up to this share of the picture's longer side count as ink, wider patches as paper or shadow.
WIDEST_STROKE = 0.3

#: Ink is sought in one colour where that shows it so many times as strong as gray does.
MORE_IN_A_COLOUR = 1.5

#: Half of one of 256 levels of gray: less is no difference.
HALF_LEVEL = 0.5 / 255


@dataclass(frozen=True)
class Contrast:
    """How far each pixel stands out from its paper.

    values: float32 (H, W), about 0 on paper, positive on ink, in shares of the full range of brightness.
    floor: below it, a value may be noise.
    """

    values: np.ndarray
    floor: float


def contrasts(gray: np.ndarray) -> Iterator[Contrast]:
    """The contrast of a gray picture, float32 (H, W) of 0–1, with its paper taken away.

    Twice: first for the polarity, dark ink or bright, that is the likelier, then for the other.

    The paper is the picture without its ink: a morphological closing (opening, if the ink is bright) wider than any
    stroke, which keeps slopes of light and the edges of shadows. Dark ink is measured by division, as shade and paint
    multiply; bright ink by subtraction, as its paper may be black.
    """
    height, width = gray.shape
    small = _resized(gray, *_coarse_size(height, width))
    reach = _reach(small)
    without_dark = np.maximum(_closed(small, reach), 0.05)
    without_light = -_closed(-small, reach)
    dark_first = _ink_is_dark(small, without_dark - small, small - without_light)
    for dark_ink in (dark_first, not dark_first):
        if dark_ink:
            values = 1 - gray / _resized(without_dark, height, width)
        else:
            values = gray - _resized(without_light, height, width)
        yield _from_its_paper(values)


def strongest_channel(image: Image.Image) -> np.ndarray:
    """A picture, mode L or RGB, in gray, or in one of its colours where things stand out by far more: float32 (H, W).

    So yellow ink is seen in blue, and red on green in red or green.
    """
    gray = np.asarray(image.convert("L"), dtype=np.float32) / 255
    if image.mode == "L":
        return gray
    in_gray = _narrow_contrast(gray)
    best, least = gray, MORE_IN_A_COLOUR * in_gray
    if least >= 1:  # more than black on white no colour shows
        return gray
    for channel in range(3):
        colour = np.asarray(image.getchannel(channel), dtype=np.float32) / 255
        # Of two pictures that differ by so much the contrasts do by twice that at most.
        if in_gray + 2 * float(abs(colour - gray).max()) + 1e-4 <= least:
            continue
        found = _narrow_contrast(colour)
        if found > least:
            best, least = colour, found
    return best


def _narrow_contrast(gray: np.ndarray) -> float:
    """By how much narrow things stand out in a picture (H, W), darker or lighter."""
    small = _resized(gray, *_coarse_size(*gray.shape))
    reach = _reach(small)
    return max(_strongest(_closed(small, reach) - small), _strongest(small + _closed(-small, reach)))


def _reach(small: np.ndarray) -> int:
    return max(1, round(WIDEST_STROKE * max(small.shape) / 2))


def _strongest(values: np.ndarray) -> float:
    """The fourth largest of values, or the smallest of fewer."""
    rank = min(4, values.size)
    return float(np.partition(values, -rank, axis=None)[-rank])


def _from_its_paper(values: np.ndarray) -> Contrast:
    # Noise is read from two lower quantiles, which are paper even where ink covers half the picture; those of a
    # normal distribution lie 1.12 standard deviations apart.
    height, width = values.shape
    sample = values[:: 1 + height // 200, :: 1 + width // 200]
    low, middle = (float(quantile) for quantile in np.quantile(sample, [0.05, 0.3]))
    noise = (middle - low) / 1.12
    return Contrast(values - np.float32(middle), floor=max(5 * noise, HALF_LEVEL))


def _ink_is_dark(gray: np.ndarray, darker: np.ndarray, lighter: np.ndarray) -> bool:
    """Whether the ink of a picture gray (H, W) is darker than its paper.

    darker, lighter (H, W): how far narrow things stand out to either side. Where one side is far stronger, it is the
    ink: so it is with a small character. The gaps within a large one stand out as it does; then paper is what
    prevails in the picture and along its border, taken together, once a surface took the uneven light away.
    """
    dark, light = _strongest(darker), _strongest(lighter)
    if max(dark, light) > 2 * min(dark, light):
        return dark > light
    residual = gray - _quadratic(gray)
    above = residual > (residual.min() + residual.max()) / 2
    border = np.concatenate([above[0], above[-1], above[:, 0], above[:, -1]])
    return float(above.mean() + border.mean()) > 1


def _coarse_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, COARSE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(array: np.ndarray, height: int, width: int) -> np.ndarray:
    if array.shape == (height, width):
        return array
    image = Image.fromarray(np.asarray(array, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def _quadratic(gray: np.ndarray) -> np.ndarray:
    """The quadratic surface through the paper of gray (H, W)."""
    height, width = gray.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values = gray.reshape(-1).astype(np.float64)
    border = np.maximum(abs(x), abs(y)).reshape(-1) > 1 - 2 / 14
    level = np.median(values[border])
    distance = abs(values - level)
    coefficients = np.zeros(6)
    for step in range(12):
        weights = (0.5 + border) / (distance + 0.01)
        if step >= 6:
            # Geman and McClure's weights let go of the ink altogether, so that a clean picture's paper is met exactly.
            weights = 1 / (1 + (distance / 0.05) ** 2) ** 2
        weighted = terms * weights[:, None]
        # The ridge keeps the surface flat where little paper is seen.
        system = weighted.T @ terms + 1e-4 * weights.sum() * np.diag([0.0, 1, 1, 1, 1, 1])
        coefficients = np.linalg.solve(system, weighted.T @ values)
        distance = abs(values - terms @ coefficients)
    return (terms @ coefficients).reshape(height, width).astype(np.float32)


def _closed(array: np.ndarray, reach: int) -> np.ndarray:
    """The morphological closing by a square of 2·reach + 1 pixels: narrower dark things vanish.

    The picture goes on beyond its border as it ends there, so that slopes and what comes in from outside, such as the
    corner of a shadow, stay.
    """
    extended = np.pad(array, 2 * reach, mode="edge")
    side = 2 * reach + 1
    from scipy import ndimage  # late: as in `components`

    return ndimage.grey_closing(extended, size=(side, side))[2 * reach : -2 * reach, 2 * reach : -2 * reach]
