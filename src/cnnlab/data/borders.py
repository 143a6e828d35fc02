"""How light the borders of images are: an image of the other polarity, or with a frame, shows there first."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cnnlab.prepare.fitting import margins

#: Of every thousand training images so many are lighter, and as many darker, than the range that is kept.
OUTSIDE = 5

#: A border is far from the training images' where it is so much lighter or darker than their range, of black to white.
FAR = 0.2


def without_zeros(images: Tensor, unpadded: tuple[int, int] | None) -> Tensor:
    """Images (…, H, W) without the zeros that were laid round them; unpadded: (H, W) before, None where none were."""
    if unpadded is None:
        return images
    (top, _), (left, _) = margins(unpadded, (images.shape[-2], images.shape[-1]))
    return images[..., top : top + unpadded[0], left : left + unpadded[1]]


def border_range(images: Tensor) -> tuple[float, float]:
    """Between which brightnesses (0–1) the borders of most images lie; images uint8 (N, C, H, W).

    Of each image the mean over its outermost rows and columns and all channels.
    """
    low, high = np.quantile(border_means(images), [OUTSIDE / 1000, 1 - OUTSIDE / 1000])
    return round(float(low), 6), round(float(high), 6)


def border_means(images: Tensor) -> np.ndarray:
    """float64 (N,): how light each border is, 0–1; images uint8 (N, C, H, W)."""
    height, width = images.shape[2:]
    ring = torch.ones(height, width, dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    rows, columns = ring.nonzero(as_tuple=True)
    sums = images[:, :, rows, columns].sum(dim=(1, 2), dtype=torch.int64)
    return sums.numpy() / (255.0 * images.shape[1] * len(rows))


def is_far(pixels: np.ndarray, usual: tuple[float, float]) -> bool:
    """Whether the border of an image, uint8 (C, H, W), is far from what is usual."""
    (border,) = border_means(torch.from_numpy(pixels)[None])
    low, high = usual
    return bool(border < low - FAR or border > high + FAR)
