"""Saliency: which pixels' small changes would change an answer most."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.features.activations import logits_of, run


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
