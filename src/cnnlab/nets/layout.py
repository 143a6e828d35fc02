"""Images with their channels last in memory: the same numbers, on a CPU about twice as quick to pool and convolve."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def channels_last(images: Tensor) -> Tensor:
    """Images (N, C, H, W), stored as (N, H, W, C). One channel counts as both: `contiguous` would leave it as it is."""
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def runs_channels_last(net: nn.Module, image_shape: tuple[int, int, int]) -> bool:
    """Whether a net takes images that are stored so: code that calls `view` on a feature map does not.

    Found by trying one blank image on a copy of the net, in eval mode.
    """
    trial = copy.deepcopy(net).eval()
    device = next((parameter.device for parameter in trial.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad():
            trial(channels_last(torch.zeros(1, *image_shape, device=device)))
    except RuntimeError:
        return False
    return True
