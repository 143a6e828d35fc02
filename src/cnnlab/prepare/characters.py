"""All characters in a photo, a scan or a drawing: where each lies, in reading order, and its ink alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from cnnlab.errors import UserError
from cnnlab.prepare.components import Components, components
from cnnlab.prepare.ink import FAINTEST, Marks, grown, marks_in, scaled_down, smoothed
from cnnlab.prepare.modes import flat
from cnnlab.prepare.paper import Contrast, contrasts, strongest_channel
from cnnlab.prepare.rules import rings, without_rules
from cnnlab.prepare.sheet import TurnedSheet, sheet

#: At most so many characters are taken from a picture, in reading order.
MOST = 500

#: Of more that stand out, as grain does, only the largest are told apart.
AT_MOST = 4 * MOST

#: Characters are looked at again, closer, until they are so tall, if the image has more to show.
TALL = 64

#: The longer side of the largest picture in which characters are sought, in pixels.
CLOSEST = 2000

#: A row that rises or falls by up to this many degrees is turned upright; one by less than LEAST_SLOPE is left.
STEEPEST, LEAST_SLOPE = 20, 1

#: The rows by which a slope is judged, in pixels.
ROW = 1.5

#: A part is a character's body if it is at least, and at most, so many times as tall as what prevails.
SHORTEST, TALLEST = 0.4, 1.9

#: Ink covers at most this share of a line of text, from its first character to its last.
MOSTLY_PAPER = 0.5

#: What is wider, for its height, is no character; touching ones are that are not cut apart.
WIDEST = 3.0


@dataclass(frozen=True)
class Character:
    """One character.

    left, top, width, height: the box round its ink, in pixels of the image that was searched. line: the line of text
    that it stands in, from 0. ink: float32 (h, w), 0 paper to 1 full ink, upright, cropped to it, soft edges.
    """

    left: int
    top: int
    width: int
    height: int
    line: int
    ink: np.ndarray


@dataclass(frozen=True)
class Characters:
    """All characters of a picture, in reading order: line by line, from left to right.

    left_out: how many more there were, after the first MOST.
    """

    found: tuple[Character, ...]
    left_out: int = 0


def find_characters(image: Image.Image) -> Characters:
    """All characters in an image, of any mode and size, that are about as tall as most are.

    Lines, boxes, rings and specks are left out as `find_ink` leaves them out. Parts of one character, as the bar of a 5
    that stands apart, are joined; characters that touch stay one.
    Raises UserError when there is none.
    """
    found = _found_on(flat(image), np.eye(3), sheets=True)
    if found is None:
        raise UserError(
            "no ink found in the image; expected characters that stand out from their background: "
            "write them larger or darker, or crop the image to them"
        )
    return Characters(found.in_order(), max(0, found.count - MOST))


@dataclass(frozen=True)
class _Found:
    """Characters in a picture that a matrix (3, 3) takes to the image, x and y from the picture's corner.

    seen, parts: the picture's contrast and the parts of its ink. groups: the parts of each character, from 0.
    count: how many characters there are, of which the larger ones are in groups. size: (width, height) of the image.
    """

    seen: Contrast
    parts: Components
    groups: list[np.ndarray]
    count: int
    place: np.ndarray
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.groups)

    def boxes(self) -> np.ndarray:
        """int (characters, 4): left, top, right, bottom in the picture, both ends inclusive."""
        parts = self.parts
        return np.array(
            [
                (parts.left[own].min(), parts.top[own].min(), parts.right[own].max(), parts.bottom[own].max())
                for own in self.groups
            ]
        )

    def tall(self) -> float:
        """How tall the characters are, at the median, in the picture."""
        boxes = self.boxes()
        return float(np.median(boxes[:, 3] - boxes[:, 1] + 1))

    def covered(self) -> float:
        """Which share of the lines of text is ink."""
        boxes = self.boxes()
        rows = np.array(
            [[*boxes[line][:, :2].min(axis=0), *boxes[line][:, 2:].max(axis=0)] for line in lines_of(boxes)]
        )
        room = ((rows[:, 2] - rows[:, 0] + 1) * (rows[:, 3] - rows[:, 1] + 1)).sum()
        return float(self.parts.area[np.concatenate(self.groups)].sum() / room)

    def in_order(self) -> tuple[Character, ...]:
        """The first MOST characters in reading order."""
        boxes = self.boxes()
        order = [(i, line) for line, members in enumerate(lines_of(boxes)) for i in members]
        return tuple(self._character(i, line, boxes[i]) for i, line in order[:MOST])

    def _character(self, i: int, line: int, box: np.ndarray) -> Character:
        reach = 1 if max(self.parts.labels.shape) < 120 else 2
        left, top = (max(0, int(each) - reach) for each in box[:2])
        place = np.s_[top : int(box[3]) + 1 + reach, left : int(box[2]) + 1 + reach]
        labels, values = self.parts.labels[place], self.seen.values[place]
        own = np.isin(labels, self.groups[i] + 1)
        level = max(float(np.median(values[own])), 1.001 * self.seen.floor)
        soft = np.clip((values - self.seen.floor) / (level - self.seen.floor), 0, 1)
        ink = np.where(grown(own, reach) & (own | (labels == 0)), soft, 0).astype(np.float32)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        y, x = np.nonzero(own)
        corners = np.stack([x + left + 0.5, y + top + 0.5, np.ones(len(x))])
        at = (self.place @ corners)[:2]
        half = 0.5 * math.sqrt(abs(np.linalg.det(self.place[:2, :2])))
        first = np.floor(at.min(axis=1) - half + 0.25).clip(0).astype(int)
        last = np.minimum(np.ceil(at.max(axis=1) + half - 0.25).astype(int), self.size)
        return Character(
            *map(int, first),
            *(int(each) for each in np.maximum(last - first, 1)),
            line,
            ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1],
        )


def _found_on(image: Image.Image, place: np.ndarray, *, sheets: bool) -> _Found | None:
    """What is found in a picture that `place` takes to the image; sheets: go into a sheet first."""
    small = scaled_down(image)
    scale = image.width / small.width
    if sheets:
        paper = sheet(np.asarray(small.convert("L"), dtype=np.float32) / 255)
        if paper is not None:
            inside = paper.cut_from(image, scale, largest=CLOSEST)
            whence = paper.place(image, scale, largest=CLOSEST)
            on_sheet = _found_on(inside, place @ whence, sheets=isinstance(paper, TurnedSheet))
            if on_sheet is not None:
                return on_sheet
    found = in_picture(small, strongest_channel(small))
    if found is None:
        return None
    nearer = min(TALL / found.tall(), CLOSEST / max(small.size), scale)
    if nearer > 1.2:
        size = (round(small.width * nearer), round(small.height * nearer))
        large = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
        closer = in_picture(large, strongest_channel(large))
        if closer is not None and 2 * len(closer) >= len(found):
            small, found = large, closer
    stretch = np.diag([image.width / small.width, image.height / small.height, 1])
    whole = place @ stretch
    return replace(found, place=whole @ found.place, size=_reach(whole, small.size))


def _reach(place: np.ndarray, size: tuple[int, int]) -> tuple[int, int]:
    corners = place @ np.array([[0, size[0], 0, size[0]], [0, 0, size[1], size[1]], [1, 1, 1, 1]])
    right, bottom = (round(float(each)) for each in corners[:2].max(axis=1))
    return right, bottom


def in_picture(picture: Image.Image, gray: np.ndarray) -> _Found | None:
    """Characters of a picture, whose strongest channel is gray float32 (H, W) of 0–1."""
    if min(gray.shape) < 3:
        return None
    both = []
    for seen in contrasts(smoothed(gray, 1) if max(gray.shape) >= 120 else gray):
        marks = marks_in(seen)
        found = among(marks) if marks is not None else None
        if found is not None and found.covered() <= MOSTLY_PAPER:
            return found
        both.append(found)
    # Between the characters of a row there is more paper than ink: what is more was the paper.
    return min((found for found in both if found is not None), key=_Found.covered, default=None)


def among(marks: Marks) -> _Found | None:
    """Characters among what stands out; None if there are none."""
    seen, threshold, parts = marks.seen, marks.threshold, marks.parts
    mask = parts.labels > 0
    beside = along_border(parts)
    if beside.any():
        mask &= ~parts.mask(beside)
    place = np.eye(3)
    degrees = slope(mask)
    if abs(degrees) >= LEAST_SLOPE:
        values, place = _turned(np.where(mask | (parts.labels == 0), seen.values, 0), degrees)
        seen = replace(seen, values=values)
        mask = values > threshold
    if beside.any() or abs(degrees) >= LEAST_SLOPE:
        parts = components(mask)
    enclosing = rings(parts)
    tall = prevailing(parts, ~enclosing)
    if tall is None:
        return None
    without = without_rules(parts, enclosing, tall)
    if without is not None:
        parts = components(without)
    tall = prevailing(parts, np.ones(len(parts), dtype=bool))
    if tall is None:
        return None
    groups = characters_of(parts, tall)
    if not groups:
        return None
    chosen = np.zeros(len(parts), dtype=bool)
    chosen[np.concatenate(groups)] = True
    if float(np.median(seen.values[parts.mask(chosen)])) < max(FAINTEST, 1.2 * seen.floor):
        return None
    count = len(groups)
    if count > AT_MOST:  # noise, not text
        groups = sorted(groups, key=lambda own: -int(parts.area[own].sum()))[:AT_MOST]
    return _Found(seen, parts, groups, count, place, (0, 0))


def along_border(parts: Components) -> np.ndarray:
    """bool (parts,): which parts come in from the border and run along it for more than half their length."""
    labels = parts.labels
    contact = sum(
        np.bincount(line, minlength=len(parts) + 1)[1:] for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    )
    return (contact > 0.5 * parts.longest) & (parts.longest > 0.05 * max(labels.shape))


def slope(mask: np.ndarray) -> float:
    """By how many degrees the lines of a mask, of text or of a form, fall to the right: -STEEPEST to STEEPEST.

    The angle at which ink, seen along it, falls into the fewest rows (Postl 1986), counted by the squares of how much
    falls into each.
    """
    y, x = np.nonzero(mask)
    if len(x) < 30:
        return 0.0
    step = 1 + len(x) // 20_000
    y, x = y[::step] + 0.5, x[::step] + 0.5
    wide, high = np.ptp(x) + 1, np.ptp(y) + 1
    if wide < high:
        return 0.0

    def fewness(degrees: float) -> float:
        angle = math.radians(degrees)
        down = y * math.cos(angle) - x * math.sin(angle)
        counts = np.bincount(((down - down.min()) / ROW).astype(int))
        return float((counts.astype(float) ** 2).sum())

    coarse = max(np.arange(-STEEPEST, STEEPEST + 1), key=lambda degrees: (fewness(degrees), -abs(degrees)))
    fine = max(coarse + np.arange(-9, 10) / 10, key=fewness)
    return float(fine) if fewness(fine) > 1.08 * fewness(0) else 0.0


def _turned(values: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Values (H, W) turned so that what falls to the right by some degrees is level, 0 beside; and whence, (3, 3)."""
    height, width = values.shape
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = np.array([0, width, 0, width]), np.array([0, 0, height, height])
    along, down = x * cos + y * sin, y * cos - x * sin
    left, top = math.floor(along.min()), math.floor(down.min())
    size = (math.ceil(along.max()) - left, math.ceil(down.max()) - top)
    back = (cos, -sin, left * cos - top * sin, sin, cos, left * sin + top * cos)
    image = Image.fromarray(values.astype(np.float32))
    turned = image.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR, fillcolor=0)
    return np.asarray(turned), np.array([back[:3], back[3:], (0, 0, 1)])


def prevailing(parts: Components, of: np.ndarray) -> float | None:
    """How tall the parts are, of some (bool (parts,)), among which half of their ink lies; None if they are specks.

    Level lines, and rows of boxes that are one with their characters, count where there is nothing else.
    """
    tall, wide = parts.bottom - parts.top + 1, parts.right - parts.left + 1
    large = of & (parts.longest >= max(4, 0.012 * max(parts.labels.shape)))
    if not large.any():
        return None
    if (large & (wide < 4 * tall)).any():
        large &= wide < 4 * tall
    order = np.argsort(tall[large])
    area = parts.area[large][order].cumsum()
    return float(tall[large][order][np.searchsorted(area, area[-1] / 2)])


def characters_of(parts: Components, tall: float) -> list[np.ndarray]:
    """The parts, counted from 0, of each character: its body and what belongs to it.

    tall: how tall characters are. A small part belongs to the body over, under or beside which it lies closely; two
    bodies over each other that together are as tall as one are one.
    """
    high, wide = parts.bottom - parts.top + 1, parts.right - parts.left + 1
    body = (high >= SHORTEST * tall) & (high <= TALLEST * tall) & (wide <= WIDEST * tall)
    bodies = np.flatnonzero(body)
    if not len(bodies):
        return []
    owner = {int(part): [int(part)] for part in bodies}
    halves = bodies[high[bodies] < 0.85 * tall]
    for upper in halves if len(halves) <= AT_MOST else ():
        for lower in halves[_under(parts, int(upper), halves, tall)][:1]:
            group, other = owner[int(upper)], owner[int(lower)]
            if group is not other:
                group.extend(other)
                owner.update(dict.fromkeys(other, group))
    small = np.flatnonzero(~body & (parts.longest >= 0.1 * tall) & (high < SHORTEST * tall) & (wide < 1.3 * tall))
    for part in small[np.argsort(-parts.area[small], kind="stable")][:AT_MOST]:
        nearest = _body_of(parts, int(part), bodies, tall)
        if nearest is not None:
            owner[nearest].append(int(part))
    return [np.array(sorted(group)) for group in {id(each): each for each in owner.values()}.values()]


def _under(parts: Components, upper: int, others: np.ndarray, tall: float) -> np.ndarray:
    """bool (others,): which of the others is the lower half of the character whose upper half a part is."""
    gap = parts.top[others] - parts.bottom[upper]
    high = np.maximum(parts.bottom[upper], parts.bottom[others]) - parts.top[upper] + 1
    shared = np.minimum(parts.right[upper], parts.right[others]) - np.maximum(parts.left[upper], parts.left[others]) + 1
    narrower = np.minimum(parts.right[upper] - parts.left[upper], parts.right[others] - parts.left[others]) + 1
    below = (others != upper) & (parts.top[others] > parts.top[upper])
    return below & (gap >= -0.3 * tall) & (gap <= 0.15 * tall) & (high <= 1.25 * tall) & (shared >= 0.5 * narrower)


def _body_of(parts: Components, part: int, bodies: np.ndarray, tall: float) -> int | None:
    """The body to which a small part belongs; None for a speck, a dash, a comma."""
    gap_x = np.maximum(parts.left[part] - parts.right[bodies], parts.left[bodies] - parts.right[part])
    gap_y = np.maximum(parts.top[part] - parts.bottom[bodies], parts.top[bodies] - parts.bottom[part])
    wide, high = parts.right[part] - parts.left[part] + 1, parts.bottom[part] - parts.top[part] + 1
    over = (-gap_x >= 0.3 * wide) & (gap_y <= 0.2 * tall)
    beside = (gap_x <= 0.08 * tall) & (-gap_y >= 0.5 * high)
    near = (over | beside) & (parts.area[part] >= 0.03 * parts.area[bodies])
    if not near.any():
        return None
    distance = np.where(near, np.maximum(gap_x, gap_y), np.inf)
    return int(bodies[distance.argmin()])


def lines_of(boxes: np.ndarray) -> list[list[int]]:
    """Boxes (n, 4), left, top, right, bottom, as lines of text: which stand in each from left to right, top line first.

    A box joins the line whose last one it overlaps most, by at least 0.4 of the lower one's height.
    """
    lines: list[list[int]] = []
    for i in np.argsort(boxes[:, 0] + boxes[:, 2], kind="stable"):
        best, most = None, 0.4
        for line in lines:
            last = boxes[line[-1]]
            shared = min(last[3], boxes[i][3]) - max(last[1], boxes[i][1]) + 1
            share = shared / (min(last[3] - last[1], boxes[i][3] - boxes[i][1]) + 1)
            if share >= most:
                best, most = line, share
        if best is None:
            lines.append([int(i)])
        else:
            best.append(int(i))
    return sorted(lines, key=lambda line: float(np.mean(boxes[line][:, 1] + boxes[line][:, 3])))
