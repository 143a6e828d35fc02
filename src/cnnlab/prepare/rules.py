"""Straight lines of a form, a table or ruled paper, taken out of a mask of ink; strokes that cross them stay."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cnnlab.prepare.components import Components

#: A box's line is at least so many times as long as its characters are tall; a line that encloses nothing, LONG times.
BOX_LINE = 1.25
LONG = 2.5

#: Level lines must run over this share of what encloses characters, or it is a ring, or a frame drawn by hand.
STRAIGHT = 0.8

#: Of more boxes and lines, only the largest are taken out.
AT_MOST = 500


def without_rules(parts: Components, enclosing: np.ndarray, tall: float) -> np.ndarray | None:
    """The ink of parts, upright, bool (H, W), without lines, boxes and rings round the characters; None if all stays.

    enclosing: what `rings` says. tall: about how tall a character is, in pixels. Of a line that a stroke crosses or
    ends on, the stroke stays.
    """
    tall_s, wide_s = parts.bottom - parts.top + 1, parts.right - parts.left + 1
    long = np.flatnonzero(enclosing | (np.maximum(tall_s, wide_s) >= LONG * tall))
    if not len(long):
        return None
    kept = parts.mask(~enclosing)
    for part in long[np.argsort(-parts.longest[long], kind="stable")][:AT_MOST]:
        place = np.s_[parts.top[part] : parts.bottom[part] + 1, parts.left[part] : parts.right[part] + 1]
        own = parts.labels[place] == part + 1
        lines = straight(own, (BOX_LINE if enclosing[part] else LONG) * tall)
        if enclosing[part] and lines.any(axis=0).mean() < STRAIGHT:
            continue
        kept[place] = (kept[place] & ~own) | (own & ~lines)
    return kept


def rings(parts: Components) -> np.ndarray:
    """bool (parts,): which parts run round others on all four sides, as boxes, cells of a table and rings do.

    What is enclosed is one part at least a quarter as long as the shorter side of what encloses it, or three or more
    that have at least a fifth of its ink.
    """
    found = np.zeros(len(parts), dtype=bool)
    tall, wide = parts.bottom - parts.top + 1, parts.right - parts.left + 1
    shorter = np.minimum(tall, wide)
    hollow = np.flatnonzero((shorter >= 8) & (parts.area <= 0.5 * tall * wide))
    for part in hollow[np.argsort(-shorter[hollow], kind="stable")][:AT_MOST]:
        inside = (
            (parts.top > parts.top[part])
            & (parts.bottom < parts.bottom[part])
            & (parts.left > parts.left[part])
            & (parts.right < parts.right[part])
            & (parts.longest >= max(4, 0.04 * shorter[part]))
        )
        several = inside.sum() >= 3 and parts.area[inside].sum() >= 0.2 * parts.area[part]
        if not several and not (parts.longest[inside] >= 0.25 * shorter[part]).any():
            continue
        place = np.s_[parts.top[part] : parts.bottom[part] + 1, parts.left[part] : parts.right[part] + 1]
        own = parts.labels[place] == part + 1
        top, bottom = parts.top[inside].min() - parts.top[part], parts.bottom[inside].max() + 1 - parts.top[part]
        left, right = parts.left[inside].min() - parts.left[part], parts.right[inside].max() + 1 - parts.left[part]
        beside = (own[top:bottom, :left].any(axis=1), own[top:bottom, right:].any(axis=1))
        above_and_below = (own[:top, left:right].any(axis=0), own[bottom:, left:right].any(axis=0))
        found[part] = min(side.mean() for side in (*beside, *above_and_below)) >= 0.8
    return found


def straight(part: np.ndarray, length: float) -> np.ndarray:
    """The straight lines of a part, bool (h, w), level ones at least so long and plumb ones between two of them."""
    along, down = runs(part), runs(part.T).T
    level = part & (runs(_beside(part)) >= length)
    if not level.any():
        return level
    thick = float(np.median(down[level]))
    lines = level & (down <= 1.7 * thick + 1)
    heights = _places(lines.sum(axis=1) >= 0.5 * length).astype(int)
    plumb = np.zeros_like(part)
    for upper, lower in pairwise(heights):
        if lower - upper > 3 * thick:
            plumb[upper : lower + 1] |= _beside(part.T).T[upper : lower + 1].mean(axis=0) >= 0.97
    plumb &= part
    alone = plumb & ~level
    if alone.any():
        lines |= plumb & (level | (along <= 1.7 * float(np.median(along[alone])) + 1))
    return lines


def _beside(mask: np.ndarray) -> np.ndarray:
    """The mask (H, W) and the rows above and below: what a line that is not quite level stays within for long."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    return wide


def runs(mask: np.ndarray) -> np.ndarray:
    """int (H, W): how long the run of true pixels in its row is that a pixel lies in; 0 where it is false."""
    ended = np.pad(mask, ((0, 0), (0, 1))).ravel()
    edges = np.flatnonzero(np.diff(ended, prepend=False))
    lengths = edges[1::2] - edges[::2]
    found = np.zeros(ended.size, dtype=int)
    found[ended] = np.repeat(lengths, lengths)
    return found.reshape(mask.shape[0], -1)[:, :-1]


def _places(chosen: np.ndarray) -> np.ndarray:
    """The middle of each run of a bool (n,)."""
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False))
    return (edges[::2] + edges[1::2]) / 2
