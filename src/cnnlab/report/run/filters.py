"""What the first layer's units look for, as pictures of their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import nn

from cnnlab.report.pictures import signed_rgb, two_hues

#: Filters of a convolution and units of a dense layer that are shown.
FILTERS, UNITS = 64, 32


@dataclass(frozen=True)
class Filters:
    """Pictures of a layer's weights, one a filter, all on the scale ±`scale`.

    kind: `signed` (one hue above 0, one below), `channels` (likewise, the channels side by side) or `rgb`.
    """

    layer: str
    is_convolution: bool
    size: tuple[int, int]
    kind: str
    pictures: list[str]
    total: int
    scale: float


def first_layer(net: nn.Module, image_shape: tuple[int, int, int]) -> Filters | None:
    """The filters of the net's first `nn.Conv2d`; without one, the first `nn.Linear` that reads whole images.

    image_shape: (C, H, W). None where the net has neither.
    """
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            weights = module.weight.detach().cpu().double().numpy()
            is_rgb = module.groups == 1 and module.in_channels == image_shape[0] == 3
            return _pictures(name, weights, FILTERS, is_convolution=True, is_rgb=is_rgb)
    for name, module in net.named_modules():
        if isinstance(module, nn.Linear) and module.in_features == math.prod(image_shape):
            weights = module.weight.detach().cpu().double().numpy().reshape(-1, *image_shape)
            return _pictures(name, weights, UNITS, is_convolution=False, is_rgb=image_shape[0] == 3)
    return None


def _pictures(layer: str, weights: np.ndarray, most: int, *, is_convolution: bool, is_rgb: bool) -> Filters:
    """weights: float (filters, C, H, W)."""
    scale = float(np.abs(weights).max())
    shown = weights[:most]
    if is_rgb:
        kind, pictures = "rgb", [signed_rgb(each, scale=scale) for each in shown]
    else:
        kind = "signed" if weights.shape[1] == 1 else "channels"
        pictures = [two_hues(np.concatenate(list(each), axis=1), scale=scale) for each in shown]
    height, width = weights.shape[2:]
    return Filters(layer, is_convolution, (height, width), kind, pictures, len(weights), scale)
