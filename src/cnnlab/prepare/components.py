"""Connected components of a mask, from its runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Components:
    """The 8-connected parts of a mask (H, W), numbered from 1.

    labels: int32 (H, W), 0 where the mask is false. area: pixels of each part. top, bottom, left, right: its
    bounding box, both ends inclusive. Entry i of each array is part i + 1.
    """

    labels: np.ndarray
    area: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    left: np.ndarray
    right: np.ndarray

    def __len__(self) -> int:
        return len(self.area)

    @property
    def longest(self) -> np.ndarray:
        """The longer side of each part's bounding box, in pixels."""
        return np.maximum(self.bottom - self.top, self.right - self.left) + 1

    def mask(self, chosen: np.ndarray) -> np.ndarray:
        """bool (H, W): the pixels of the chosen parts; chosen is bool (parts,)."""
        return np.concatenate([[False], chosen])[self.labels]


def components(mask: np.ndarray) -> Components:
    """The 8-connected parts of a bool mask (H, W).

    Horizontal runs are joined with the runs that they touch one row up; every run then takes the smallest number
    among its neighbours until none changes, following numbers to their numbers (pointer jumping), so that the
    rounds grow with the logarithm of a part's length and all work is done by NumPy.
    """
    height, width = mask.shape
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]  # exclusive; rows are the same
    # With a column of distance between rows, runs of row r touch runs of row r-1 where intervals overlap by ≥ 0.
    stride = width + 2
    first = np.searchsorted(row * stride + stop, (row - 1) * stride + start, side="left")
    last = np.searchsorted(row * stride + start, (row - 1) * stride + stop, side="right")
    touching = np.maximum(last - first, 0)
    below = np.repeat(np.arange(len(row)), touching)
    above = first.repeat(touching) + np.arange(len(below)) - (touching.cumsum() - touching).repeat(touching)

    number = np.arange(len(row))
    while True:
        smaller = np.minimum(number[below], number[above])
        before = number.copy()
        np.minimum.at(number, before[below], smaller)
        np.minimum.at(number, before[above], smaller)
        number = number[number]
        if np.array_equal(number, before):
            break
    _, part = np.unique(number, return_inverse=True)

    count = int(part.max()) + 1 if len(part) else 0
    length = stop - start
    area = np.bincount(part, weights=length, minlength=count).astype(np.int64)
    top, left = np.full(count, height), np.full(count, width)
    bottom, right = np.full(count, -1), np.full(count, -1)
    np.minimum.at(top, part, row)
    np.maximum.at(bottom, part, row)
    np.minimum.at(left, part, start)
    np.maximum.at(right, part, stop - 1)
    labels = np.zeros((height, width), dtype=np.int32)
    labels[mask] = (part + 1).repeat(length)
    return Components(labels, area, top, bottom, left, right)
