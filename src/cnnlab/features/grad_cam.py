"""Grad-CAM: which places of a layer's maps speak for an answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.features.activations import logits_of, result_of, run


def grad_cam(net: nn.Module, images: Tensor, classes: Tensor, *, layer: str) -> Tensor:
    """Grad-CAM of each image's logit of its class at a layer's maps (Selvaraju et al. 2017, §3, equations 1 and 2).

    Each map is weighted by the mean of the logit's gradient over its places; the weighted maps are added up, and what
    is below 0 is dropped. images: float (N, C, H, W), normalised; classes: int64 (N,). layer: as `describe` names it,
    with maps; the paper takes the last convolution's. Returns float (N, H', W'), the size of the layer's maps. Raises
    KeyError for an unknown layer.
    """
    trace = run(net, images)
    maps = result_of(trace, layer)
    with torch.enable_grad():
        scores = logits_of(trace).gather(1, classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(scores, maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * maps.detach()).sum(dim=1).relu()
