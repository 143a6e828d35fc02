"""A light sheet on a dark ground: where it lies, and the picture of it alone, upright."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cnnlab.prepare.components import components

#: A sheet is cut out of a picture of at most about this many pixels a side where it is turned or cut off.
LARGEST = 800

#: So many pixels along the edge of a sheet that is cut off are left out, of the picture in which it was found.
EDGE = 3

#: Beside a sheet that is cut off lies at least this share of the picture, and of that at most so much is light.
BESIDE, LIGHT = 0.05, 0.3

#: A sheet whose edges go further in than this share of its length is seen in perspective, or has a corner folded.
SLANTING = 0.08

#: A sheet that is tilted by fewer degrees is left as it lies.
LEAST_TILT = 3


@dataclass(frozen=True)
class Spans:
    """Where a sheet lies in a picture: its first and last pixel in each of its rows.

    top: its first row. first, last: int (rows,), inclusive.
    """

    top: int
    first: np.ndarray
    last: np.ndarray

    def gone_on(self, image: Image.Image, scale: float) -> Image.Image:
        """The image whose sheet goes on, as it ends, to the image's borders; scale: of the image to the picture."""
        pixels = np.asarray(image)
        height, width = pixels.shape[:2]
        end = math.floor((self.top + len(self.first)) * scale) - 1
        rows = np.clip(np.arange(height), math.ceil(self.top * scale), end)
        of_row = np.clip((rows / scale).astype(int) - self.top, 0, len(self.first) - 1)
        first = np.ceil(self.first[of_row] * scale)
        last = np.floor((self.last[of_row] + 1) * scale) - 1
        columns = np.clip(np.arange(width)[None], first[:, None], last[:, None]).clip(0, width - 1).astype(int)
        return Image.fromarray(pixels[rows.clip(0, height - 1)[:, None], columns])


@dataclass(frozen=True)
class TurnedSheet:
    """A sheet that lies whole in a picture, tilted or not.

    degrees: how far it is turned clockwise, -45 to 44. box: (left, top, right, bottom) in the picture turned back about
    its upper left corner, in pixels. within: where it lies in the box, in the same pixels, if it does not fill it.
    """

    degrees: int
    box: tuple[float, float, float, float]
    within: Spans | None = None

    def cut_from(self, image: Image.Image, scale: float, *, largest: int = LARGEST) -> Image.Image:
        """The sheet alone, upright; scale: of the image to the picture in which the sheet was found.

        A sheet that does not fill its box goes on, as it ends, to the borders. largest: a sheet that is turned is not
        made much larger than so many pixels a side.
        """
        left, top, right, bottom = (edge * scale for edge in self.box)
        if self.degrees == 0:
            box = (round(left), round(top), round(right), round(bottom))
            cut = image.crop((max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3])))
            return cut if self.within is None else self.within.gone_on(cut, scale)
        image, factor = _at_most(image, max(right - left, bottom - top), largest)
        left, top, right, bottom = (edge / factor for edge in (left, top, right, bottom))
        size = (max(1, round(right - left)), max(1, round(bottom - top)))
        back = self._back(left, top)
        cut = image.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
        return cut if self.within is None else self.within.gone_on(cut, scale / factor)

    def place(self, image: Image.Image, scale: float, *, largest: int = LARGEST) -> np.ndarray:
        """The matrix (3, 3) that takes x and y of what `cut_from` gives to the image's."""
        left, top, right, bottom = (edge * scale for edge in self.box)
        if self.degrees == 0:
            return np.array([[1.0, 0, max(0, round(left))], [0, 1, max(0, round(top))], [0, 0, 1]])
        factor = _factor(max(right - left, bottom - top), largest)
        back = self._back(left / factor, top / factor)
        return np.diag([factor, factor, 1.0]) @ np.array([back[:3], back[3:], (0, 0, 1)])

    def _back(self, left: float, top: float) -> tuple[float, ...]:
        """What takes x and y of the turned sheet, whose corner lies there, to the picture's, as Pillow has it."""
        cos, sin = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        return (cos, -sin, left * cos - top * sin, sin, cos, left * sin + top * cos)


@dataclass(frozen=True)
class CutOffSheet:
    """A sheet that goes on beyond the picture; where it lies in it."""

    within: Spans

    def cut_from(self, image: Image.Image, scale: float, *, largest: int = LARGEST) -> Image.Image:
        """The image whose sheet goes on, as it ends, to the image's borders; at most about so many pixels a side."""
        image, factor = _at_most(image, max(image.size), largest)
        return self.within.gone_on(image, scale / factor)

    def place(self, image: Image.Image, scale: float, *, largest: int = LARGEST) -> np.ndarray:
        """The matrix (3, 3) that takes x and y of what `cut_from` gives to the image's."""
        factor = _factor(max(image.size), largest)
        return np.diag([factor, factor, 1.0])


def sheet(gray: np.ndarray) -> TurnedSheet | CutOffSheet | None:
    """The light sheet that lies on a dark ground; None if there is no such thing.

    gray: float32 (H, W) of 0–1. Pictures under 120 pixels are no photos of a desk: a bold digit is not a sheet.
    """
    if max(gray.shape) < 120:
        return None
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    ground = np.median(border)
    # A sheet that is half in shadow is one sheet.
    threshold = ground + np.float32(0.2) * (gray.max() - ground)
    if (border > threshold).mean() <= 0.05:
        return _whole(gray > threshold)
    # The sheet prevails along the border: a desk is darker than any shadow that a lamp throws.
    sheet_s = np.partition(gray, gray.size - gray.size // 10, axis=None)[gray.size - gray.size // 10]
    return _cut_off(gray > np.float32(0.5) * sheet_s)


def _whole(light: np.ndarray) -> TurnedSheet | None:
    if not light.any():
        return None
    height, width = light.shape
    parts = components(light)
    largest = int(parts.area.argmax())
    spans = _spans(parts.labels == largest + 1)
    y = np.tile(np.arange(len(spans.first)), 2) + spans.top + 0.5
    x = np.concatenate([spans.first + 0.0, spans.last + 1.0])
    degrees, smallest = 0, math.inf
    for tried in sorted(range(-45, 45), key=abs):
        cos, sin = math.cos(math.radians(tried)), math.sin(math.radians(tried))
        along, down = x * cos + y * sin, y * cos - x * sin
        area = (along.max() - along.min()) * (down.max() - down.min())
        if area < 0.999 * smallest:
            degrees, smallest = tried, area
    if abs(degrees) < LEAST_TILT:
        degrees = 0
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along, down = x * cos + y * sin, y * cos - x * sin
    left, right, top, bottom = (
        math.floor(along.min()),
        math.ceil(along.max()),
        math.floor(down.min()),
        math.ceil(down.max()),
    )
    tall, wide = bottom - top, right - left
    if tall < 0.3 * height or wide < 0.3 * width or parts.area[largest] < 0.7 * tall * wide:
        return None
    across, downwards = np.arange(left, right) + 0.5, (np.arange(top, bottom) + 0.5)[:, None]
    columns = np.floor(across * cos - downwards * sin).astype(int)
    rows = np.floor(across * sin + downwards * cos).astype(int)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    turned = inside & light[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    by_row, by_column = turned.mean(axis=1), turned.mean(axis=0)
    sides = [_clear(share) for share in (by_column, by_row, by_column[::-1], by_row[::-1])]
    if max(sides) > SLANTING:
        within = _inner(turned, beyond="constant")
        if within is not None:
            return TurnedSheet(degrees, (left, top, right, bottom), within)
    insets = [min(side, 0.2) + 0.02 for side in sides]
    box = (
        left + insets[0] * wide,
        top + insets[1] * tall,
        right - insets[2] * wide,
        bottom - insets[3] * tall,
    )
    return TurnedSheet(degrees, box)


def _cut_off(light: np.ndarray) -> CutOffSheet | None:
    # Of a sheet alone so much is light that no desk can lie beside it: nothing is sought.
    if not 0.1 <= light.mean() <= 1 - BESIDE * (1 - LIGHT) + 1e-9:
        return None
    within = _inner(light, beyond="nearest")
    height, width = light.shape
    if within is None or len(within.first) < 0.3 * height or np.ptp([within.first, within.last]) + 1 < 0.3 * width:
        return None
    columns = np.arange(width)
    beside = np.ones(light.shape, dtype=bool)
    beside[within.top : within.top + len(within.first)] = (columns < within.first[:, None]) | (
        columns > within.last[:, None]
    )
    # What lies outside must be a desk: not a corner, and dark but for the sheet's own edge.
    if beside.mean() < BESIDE or light[beside].mean() > LIGHT:
        return None
    return CutOffSheet(within)


def _inner(light: np.ndarray, *, beyond: str) -> Spans | None:
    """Where the largest light part lies, its edge left out; None if it is all edge.

    beyond: what lies beyond the picture, nearest (more of the same) or constant (ground).
    """
    from scipy import ndimage  # late: as in `components`

    parts = components(ndimage.minimum_filter(light, size=2 * EDGE + 1, mode=beyond))
    return _spans(parts.labels == int(parts.area.argmax()) + 1) if len(parts) else None


def _spans(of_part: np.ndarray) -> Spans:
    """Where a connected part lies."""
    rows = np.flatnonzero(of_part.any(axis=1))
    seen = of_part[rows[0] : rows[-1] + 1]
    return Spans(int(rows[0]), seen.argmax(axis=1), of_part.shape[1] - 1 - seen[:, ::-1].argmax(axis=1))


def _clear(share: np.ndarray) -> float:
    """How far in from the first of many lines all ground beside a sheet is left behind, as a share of them.

    share: of light pixels in each line.
    """
    return int((share > 0.95).argmax()) / len(share)


def _at_most(image: Image.Image, longest: float, largest: int) -> tuple[Image.Image, int]:
    """The image reduced by a whole number until that length is not much over `largest`; and the number."""
    factor = _factor(longest, largest)
    return (image.reduce(factor) if factor > 1 else image), factor


def _factor(longest: float, largest: int) -> int:
    return max(1, int(longest / largest + 0.5))
