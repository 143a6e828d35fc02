"""The ink of one character, found in a photo, a scan or a drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from cnnlab.errors import UserError
from cnnlab.prepare.components import Components, components
from cnnlab.prepare.modes import flat
from cnnlab.prepare.paper import Contrast, contrasts, strongest_channel
from cnnlab.prepare.sheet import TurnedSheet, sheet

#: The longer side of the picture in which ink is sought, in pixels.
WORKING = 400

#: A character smaller than this in the working picture is looked at again, closer, if the image has more to show.
DETAILED = 120

#: A frame's outer edge lies within this share of the picture from its border.
NEAR_BORDER = 0.05

#: Ink stands out from its paper by at least this share of the full range.
FAINTEST = 0.08


@dataclass(frozen=True)
class Marks:
    """What stands out of a picture: where its contrast is over a threshold, in parts."""

    seen: Contrast
    threshold: float
    parts: Components


#: What is done with the marks in which a character was found.
See = Callable[[Marks], None]


def find_ink(image: Image.Image, *, see: See | None = None) -> np.ndarray:
    """The ink of the character in an image, cropped to it: float32 (h, w), 0 paper to 1 full ink, soft edges.

    see: is given the marks of the picture, or of the sheet in it, among which the character was found.
    Raises UserError when there is none.
    """
    found = _search(flat(image), see=see)
    if found is None:
        raise UserError(
            "no ink found in the image; expected one character that stands out from its background: "
            "write it larger or darker, or crop the image to it"
        )
    return found


def _search(
    image: Image.Image, *, sheets: bool = True, closer: bool = True, see: See | None = None
) -> np.ndarray | None:
    """sheets: go into a sheet or a frame first; closer: look again where the character is small."""
    small = scaled_down(image)
    gray = np.asarray(small.convert("L"), dtype=np.float32) / 255
    scale = image.width / small.width
    if sheets:
        paper = sheet(gray)
        inside = paper.cut_from(image, scale) if paper is not None else _within_frame(image, gray, scale)
        if inside is not None:
            on_sheet = _search(inside, sheets=isinstance(paper, TurnedSheet), see=see)
            if on_sheet is not None:
                return on_sheet
    ink = separate(strongest_channel(small), see=see)
    if ink is None:
        return None
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    longest = max(bottom - top, right - left)
    if closer and scale > 1 and longest < DETAILED:
        margin = longest / 2
        around = (left - margin, top - margin, right + margin, bottom + margin)
        nearer = _search(image.crop(_box(around, scale, image.size)), sheets=False, closer=False)
        if nearer is not None:
            return nearer
    return ink[top:bottom, left:right]


def _within_frame(image: Image.Image, gray: np.ndarray, scale: float) -> Image.Image | None:
    """What lies within a frame that runs along the picture's border; None if there is no such thing.

    A frame is darker than most that lies within it, or brighter: paper round a printed box is as bright as the paper in
    it, and no frame.
    """
    height, width = gray.shape
    if min(height, width) < 12:
        return None
    middle = (gray.min() + gray.max()) / 2
    for line in (gray < middle, gray > middle):
        across, down = line.mean(axis=0), line.mean(axis=1)
        clear = [_past_frame(share) for share in (across, across[::-1], down, down[::-1])]
        if 0 in clear:
            continue
        left, right, top, bottom = clear
        if line[top : height - bottom, left : width - right].mean() <= 0.5:
            return image.crop(_box((left, top, width - right, height - bottom), scale, image.size))
    return None


def _past_frame(share: np.ndarray) -> int:
    """How many lines a frame takes, of which a share (n,) is its colour, from the border inwards; 0 if it is none."""
    near = share[: max(1, round(NEAR_BORDER * len(share)))] >= 0.9
    first = int(near.argmax())
    inward = share[first : max(2, round(0.12 * len(share)))] <= 0.3
    return first + int(inward.argmax()) + 1 if near.any() and inward.any() else 0


def _box(box: tuple[float, float, float, float], scale: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(edge * scale) for edge in box)
    return max(0, left), max(0, top), min(size[0], right), min(size[1], bottom)


def scaled_down(image: Image.Image) -> Image.Image:
    """An image in mode L or RGB, no side longer than WORKING."""
    if max(image.size) <= WORKING:
        return image
    factor = max(image.size) / WORKING
    image = image.reduce(int(factor)) if factor >= 2 else image.copy()
    image.thumbnail((WORKING, WORKING), Image.Resampling.BILINEAR)
    return image


def separate(gray: np.ndarray, *, see: See | None = None) -> np.ndarray | None:
    """The ink of a gray picture, float32 (H, W) of 0–1: its darkness from 0 (paper) to 1, same shape; None if none.

    Otsu's threshold finds the strokes; within a pixel or two of a stroke that is kept, gray levels stay, so that
    edges remain soft and an image that is already clean remains as it is.
    """
    if min(gray.shape) < 3:
        return None
    smooth = smoothed(gray, max(gray.shape) / 400) if max(gray.shape) >= 120 else gray
    for seen in contrasts(smooth):
        marks = marks_in(seen)
        if marks is None:
            continue
        ink = _ink_of(marks)
        if ink is not None:
            if see is not None:
                see(marks)
            return ink
    return None


def marks_in(seen: Contrast) -> Marks | None:
    """What stands out, by Otsu's threshold; None if nothing does."""
    threshold = otsu(seen)
    mask = seen.values > threshold
    return Marks(seen, threshold, components(mask)) if mask.any() else None


def _ink_of(marks: Marks) -> np.ndarray | None:
    seen, parts = marks.seen, marks.parts
    kept = parts.mask(character(parts))
    if not kept.any():
        return None
    level = float(np.median(seen.values[kept]))
    if level < max(FAINTEST, 1.2 * seen.floor):
        return None
    edge = grown(kept, 1 if max(kept.shape) < 120 else 2)
    soft = np.clip((seen.values - seen.floor) / (level - seen.floor), 0, 1)
    return np.where(edge, soft, 0).astype(np.float32)


def otsu(seen: Contrast) -> float:
    """Otsu's threshold (1979) between paper and ink.

    Deviations: paper is counted at most as often as what stands out, since with a small character on a large sheet
    the plain criterion would rather split the paper's noise; and what is faint against the strongest ink, as a dent
    of shadow is, stays paper.
    """
    rank = max(3, seen.values.size // 2000)
    strongest = float(np.partition(seen.values, -rank, axis=None)[-rank])
    highest = float(seen.values.max())
    if highest <= seen.floor:
        return highest
    counts, edges = np.histogram(seen.values, bins=256, range=(0, highest))
    counts = counts.astype(np.float64)
    centres = (edges[:-1] + edges[1:]) / 2
    paper = centres <= max(seen.floor, centres[0])
    standing_out = counts[~paper].sum()
    counts[paper] *= min(1.0, standing_out / max(counts[paper].sum(), 1))
    below = counts.cumsum()
    above = below[-1] - below
    mass = (counts * centres).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * below - mass * below[-1]) ** 2 / (below * above)
    between[~np.isfinite(between)] = 0
    best = int(between.argmax())
    return max(float(edges[best + 1]), seen.floor, 0.3 * strongest)


def character(parts: Components) -> np.ndarray:
    """bool (parts,): which connected parts belong to the character, rather than to specks, lines or shadows.

    Thin lines across the picture (ruled paper) never do, nor does what runs round another part (a box, a circle, the
    cell of a table), nor a line below the character that it does not touch. The largest part is the character's body;
    parts at the border are only considered where nothing else could be it. Near the body (within a quarter of its
    length) stay the parts with at least 3 % of its area, unless they come in from the border and run along or down it
    (a frame, a shadow, a finger), or are small beside the body.
    """
    height, width = parts.labels.shape
    size = max(height, width)
    extent = parts.longest
    tall, wide = parts.bottom - parts.top + 1, parts.right - parts.left + 1
    large = (extent >= max(3, 0.01 * size)) & ~((wide >= 0.9 * width) & (tall < 0.1 * height))
    large &= ~frames(parts)
    if not large.any():
        return large
    at_border = (parts.top == 0) | (parts.left == 0) | (parts.bottom == height - 1) | (parts.right == width - 1)
    candidate = large & ~at_border & (extent >= size / 8)
    inside = bool(candidate.any())
    flat_line = wide >= 4 * tall
    if (candidate & ~flat_line).any():
        candidate &= ~flat_line
    body = int(np.where(candidate if inside else large, parts.area, 0).argmax())

    gap_y = np.maximum(parts.top - parts.bottom[body], parts.top[body] - parts.bottom)
    gap_x = np.maximum(parts.left - parts.right[body], parts.left[body] - parts.right)
    near = np.maximum(gap_y, gap_x) <= 0.25 * extent[body]
    kept = large & near & (parts.area >= 0.03 * parts.area[body])
    below = parts.top - parts.bottom[body] > 0.04 * extent[body]
    kept &= ~(flat_line & below & (wide >= 0.5 * wide[body]))
    if inside:
        labels = parts.labels
        contact = sum(
            np.bincount(line, minlength=len(parts) + 1)[1:]
            for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1])
        )
        upright_line = (tall >= 0.9 * height) & (wide < 0.1 * width)
        small = parts.area < 0.25 * parts.area[body]
        kept &= ~(at_border & ((contact > 0.5 * extent) | upright_line | small))
    return kept


def frames(parts: Components) -> np.ndarray:
    """bool (parts,): which parts run round another one that is at least a quarter as long, on all four sides."""
    found = np.zeros(len(parts), dtype=bool)
    extent = parts.longest
    box_area = (parts.bottom - parts.top + 1) * (parts.right - parts.left + 1)
    for part in np.flatnonzero((extent >= 0.3 * max(parts.labels.shape)) & (parts.area <= 0.5 * box_area)):
        inside = (
            (parts.top > parts.top[part])
            & (parts.bottom < parts.bottom[part])
            & (parts.left > parts.left[part])
            & (parts.right < parts.right[part])
            & (extent >= 0.25 * extent[part])
        )
        if not inside.any():
            continue
        top, bottom = parts.top[inside].min(), parts.bottom[inside].max() + 1
        left, right = parts.left[inside].min(), parts.right[inside].max() + 1
        of_frame = parts.labels == part + 1
        beside = (of_frame[top:bottom, :left].any(axis=1), of_frame[top:bottom, right:].any(axis=1))
        above_and_below = (of_frame[:top, left:right].any(axis=0), of_frame[bottom:, left:right].any(axis=0))
        found[part] = min(side.mean() for side in (*beside, *above_and_below)) >= 0.8
    return found


def grown(mask: np.ndarray, reach: int) -> np.ndarray:
    """The mask (H, W) and all within reach pixels of it, along both axes."""
    down = mask.copy()
    for step in range(1, reach + 1):
        down[step:] |= mask[:-step]
        down[:-step] |= mask[step:]
    found = down.copy()
    for step in range(1, reach + 1):
        found[:, step:] |= down[:, :-step]
        found[:, :-step] |= down[:, step:]
    return found


def smoothed(gray: np.ndarray, radius: float) -> np.ndarray:
    """A gray picture (H, W) of 0–1, in 256 levels, blurred by a normal distribution of so many pixels."""
    image = Image.fromarray(np.rint(gray * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255
