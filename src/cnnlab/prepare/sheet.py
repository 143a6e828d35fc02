"""A light sheet on a dark ground: where it lies, and the picture of it alone, upright."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from cnnlab.prepare.components import components

#: A sheet is cut out of a picture of at most about this many pixels a side where it is turned or cut off.
LARGEST = 800

#: So many pixels along the edge of a sheet that is cut off are left out, of the picture in which it was found.
EDGE = 3

#: A sheet that is tilted by fewer degrees is left as it lies.
LEAST_TILT = 3


@dataclass(frozen=True)
class TurnedSheet:
    """A sheet that lies whole in a picture, tilted or not.

    degrees: how far it is turned clockwise, -45 to 44. box: (left, top, right, bottom) in the picture turned back about
    its upper left corner, in pixels.
    """

    degrees: int
    box: tuple[float, float, float, float]

    def cut_from(self, image: Image.Image, scale: float, *, largest: int = LARGEST) -> Image.Image:
        """The sheet alone, upright; scale: of the image to the picture in which the sheet was found.

        largest: a sheet that is turned is not made much larger than so many pixels a side.
        """
        left, top, right, bottom = (edge * scale for edge in self.box)
        if self.degrees == 0:
            box = (round(left), round(top), round(right), round(bottom))
            return image.crop((max(0, box[0]), max(0, box[1]), min(image.width, box[2]), min(image.height, box[3])))
        image, factor = _at_most(image, max(right - left, bottom - top), largest)
        left, top, right, bottom = (edge / factor for edge in (left, top, right, bottom))
        size = (max(1, round(right - left)), max(1, round(bottom - top)))
        back = self._back(left, top)
        return image.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)

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
    """A sheet that goes on beyond the picture: first and last pixel of it in each row from top to bottom.

    top, bottom: its first and last row. left, right: int (bottom - top + 1,).
    """

    top: int
    bottom: int
    left: np.ndarray
    right: np.ndarray

    def cut_from(self, image: Image.Image, scale: float, *, largest: int = LARGEST) -> Image.Image:
        """The image whose sheet goes on, as it ends, to the image's borders; at most about so many pixels a side."""
        image, factor = _at_most(image, max(image.size), largest)
        scale /= factor
        pixels = np.asarray(image)
        height, width = pixels.shape[:2]
        rows = np.clip(np.arange(height), math.ceil(self.top * scale), math.floor((self.bottom + 1) * scale) - 1)
        of_row = np.clip((rows / scale).astype(int) - self.top, 0, len(self.left) - 1)
        first = np.ceil(self.left[of_row] * scale)
        last = np.floor((self.right[of_row] + 1) * scale) - 1
        columns = np.clip(np.arange(width)[None], first[:, None], last[:, None]).astype(int)
        return Image.fromarray(pixels[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)])

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
    top, first, last = _spans(parts.labels == largest + 1)
    y = np.concatenate([np.arange(len(first)), np.arange(len(first))]) + top + 0.5
    x = np.concatenate([first + 0.0, last + 1.0])
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
    box = (
        left + _inset(by_column),
        top + _inset(by_row),
        right - _inset(by_column[::-1]),
        bottom - _inset(by_row[::-1]),
    )
    return TurnedSheet(degrees, box)


def _cut_off(light: np.ndarray) -> CutOffSheet | None:
    if light.mean() < 0.1:
        return None
    parts = components(ndimage.minimum_filter(light, size=2 * EDGE + 1, mode="nearest"))
    if not len(parts):
        return None
    largest = int(parts.area.argmax())
    height, width = light.shape
    tall = int(parts.bottom[largest] - parts.top[largest]) + 1
    wide = int(parts.right[largest] - parts.left[largest]) + 1
    if tall < 0.3 * height or wide < 0.3 * width:
        return None
    top, first, last = _spans(parts.labels == largest + 1)
    columns = np.arange(width)
    beside = np.ones(light.shape, dtype=bool)
    beside[top : top + tall] = (columns < first[:, None]) | (columns > last[:, None])
    # What lies outside must be a desk: not a corner, and dark but for the sheet's own edge.
    if beside.mean() < 0.05 or light[beside].mean() > 0.3:
        return None
    return CutOffSheet(top, top + tall - 1, first, last)


def _spans(of_part: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """(top, first, last): a connected part's first row, and its first and last column in each of its rows."""
    rows = np.flatnonzero(of_part.any(axis=1))
    seen = of_part[rows[0] : rows[-1] + 1]
    return int(rows[0]), seen.argmax(axis=1), of_part.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)


def _inset(share: np.ndarray) -> float:
    """How far to go in from the first of many lines until all ground beside a sheet is left behind.

    share: of light pixels in each line.
    """
    length = len(share)
    return min(int((share > 0.95).argmax()), 0.2 * length) + 0.02 * length


def _at_most(image: Image.Image, longest: float, largest: int) -> tuple[Image.Image, int]:
    """The image reduced by a whole number until that length is not much over `largest`; and the number."""
    factor = _factor(longest, largest)
    return (image.reduce(factor) if factor > 1 else image), factor


def _factor(longest: float, largest: int) -> int:
    return max(1, int(longest / largest + 0.5))
