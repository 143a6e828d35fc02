"""What training on one image costs in floating-point operations."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def training_flop(net: nn.Module, image_shape: tuple[int, int, int], num_classes: int) -> float:
    """Floating-point operations of one forward and backward pass, per image of `image_shape` (C, H, W).

    Counted on a real pass, two for each multiply-add of convolutions and matrix products; batch norm, pooling and
    activations are not counted. The first convolution needs no gradient of its input. SimpleCNN at 1×28×28:
    24,995,328. The net and the random state are left as they were.
    """
    net = copy.deepcopy(net).cpu().train()
    images = 2  # batch norm wants more than one
    with torch.random.fork_rng(devices=[]), FlopCounterMode(display=False) as counter:
        answers = net(torch.zeros(images, *image_shape))
        F.cross_entropy(answers, torch.arange(images) % num_classes).backward()
    return counter.get_total_flops() / images
