"""Attributions: what an answer rests on. Saliency, occlusion and Grad-CAM.

Saliency: which pixels' small changes would change an answer most. Occlusion: what the answer loses when a part of the
image is hidden. Grad-CAM: which places of a layer's maps speak for an answer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.features.activations import ANSWERED, answers, answers_to, logits_of, no_way_back, result_of, run


def saliency(net: nn.Module, images: Tensor, classes: Tensor) -> Tensor:
    """The size of the gradient of each image's logit of its class (Simonyan, Vedaldi, Zisserman 2014, §3).

    images: float (N, C, H, W), normalised; classes: int64 (N,). Returns float (N, H, W), at least 0: the largest over
    channels, as in the paper. Raises UserError where the answer cannot be followed back to the image.
    """
    trace = run(net, images)
    with torch.enable_grad():
        scores = logits_of(trace).gather(1, classes[:, None]).sum()
    (gradient,) = torch.autograd.grad(scores, trace.images)
    return gradient.abs().amax(dim=1)


def occlusion(net: nn.Module, images: Tensor, classes: Tensor, *, size: int, stride: int = 1) -> Tensor:
    """How much each image's logit of its class falls when a square is hidden (Zeiler, Fergus 2014, §4.2).

    A square of size×size pixels is set to the mean image's value, 0 after normalisation, at every place, `stride`
    pixels apart; at the far border it is cut off. A pixel gets the mean fall over the squares that hide it: above 0,
    where hiding it costs the answer, below, where it helps. The paper draws the probability; the logit falls even where
    the probability is close to 1.

    images: float (N, C, H, W), normalised; classes: int64 (N,). Returns float (N, H, W).
    """
    height, width = images.shape[2:]
    rows, columns = _starts(height, size, stride), _starts(width, size, stride)
    hidden = torch.zeros(len(rows) * len(columns), height, width, dtype=torch.bool, device=images.device)
    for i, (row, column) in enumerate((row, column) for row in rows for column in columns):
        hidden[i, row : row + size, column : column + size] = True
    some = hidden.split(ANSWERED)
    whole = answers(net, images).gather(1, classes[:, None])
    nothing = torch.zeros_like(images[0])
    parts = (image.where(~squares[:, None], nothing) for image in images for squares in some)
    scores = answers_to(net, images[:1], parts).unflatten(0, (len(images), len(hidden)))
    falls = whole - scores.gather(2, classes[:, None, None].expand(-1, len(hidden), 1))[:, :, 0]  # (N, squares)
    summed = torch.zeros_like(images[:, 0])
    for fall, squares in zip(falls.split(ANSWERED, dim=1), some, strict=True):
        summed += torch.einsum("ns,shw->nhw", fall, squares.to(fall.dtype))
    return summed / hidden.sum(dim=0)


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
    if not maps.requires_grad:
        raise no_way_back(f"layer {layer}")
    (gradient,) = torch.autograd.grad(scores, maps, materialize_grads=True)  # 0 where the answer does not use them
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * maps.detach()).sum(dim=1).relu()


def _starts(side: int, size: int, stride: int) -> range:
    """The first pixels of squares that together hide every pixel."""
    return range(0, max(side - size, 0) + stride, stride)
