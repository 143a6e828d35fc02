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
    weight, bias = _by_channel(scale, images.device), _by_channel(offset, images.device)
    return torch.addcmul(bias, images.to(torch.float32), weight)


def _by_channel(values: Sequence[float], device: torch.device) -> Tensor:
    """float32 (C, 1, 1). Filled in on the device: nothing is copied there, which would be waited for."""
    return torch.cat([torch.full((1, 1, 1), value, dtype=torch.float32, device=device) for value in values])
