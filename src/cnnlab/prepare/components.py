"""Connected components of a mask."""

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
    """The 8-connected parts of a bool mask (H, W), numbered in the order in which reading its rows meets them."""
    from scipy import ndimage  # 0.2 s to import, for which not every command has a use

    labels, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=bool), output=np.int32)
    boxes = ndimage.find_objects(labels)
    ends = np.array(
        [(rows.start, rows.stop - 1, columns.start, columns.stop - 1) for rows, columns in boxes], dtype=int
    )
    top, bottom, left, right = ends.reshape(count, 4).T
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return Components(labels, area, top, bottom, left, right)
