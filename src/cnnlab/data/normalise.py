"""From pixels to what a net sees."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(pixel / 255 - mean) / std, computed as one multiply-add a pixel.

    images: uint8 (…, C, H, W), 0–255. mean, std: one a channel, on a scale of 0–1.
    Returns float32 of the same shape, on the images' device.
    """
    scale = [1 / (255 * s) for s in std]
    offset = [-m / s for m, s in zip(mean, std, strict=True)]
    weight = torch.tensor(scale, dtype=torch.float32, device=images.device)[:, None, None]
    bias = torch.tensor(offset, dtype=torch.float32, device=images.device)[:, None, None]
    return torch.addcmul(bias, images.to(torch.float32), weight)
