"""Lazy layers: their sizes come with the first batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cnnlab.nets.modes import eval_mode


def blank_batch(net: nn.Module, image_shape: tuple[int, ...], images: int = 2) -> Any:
    """What a net answers to blank images of `image_shape` (C, H, W), in eval mode; lazy layers have their sizes then.

    They draw their weights from the process's random state, as in any first pass. Raises whatever the net raises.
    """
    device = next((value.device for value in net.parameters()), torch.device("cpu"))
    with eval_mode(net):
        return net(torch.zeros(images, *image_shape, device=device))
