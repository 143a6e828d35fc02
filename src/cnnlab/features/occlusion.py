"""Occlusion: what the answer loses when a part of the image is hidden."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnnlab.features.activations import answers


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
    whole = answers(net, images).gather(1, classes[:, None])[:, 0]
    falls = []
    for image, score, class_ in zip(images, whole, classes, strict=True):
        scores = answers(net, image.where(~hidden[:, None], torch.zeros_like(image)))[:, class_]
        falls.append(torch.einsum("s,shw->hw", score - scores, hidden.to(scores.dtype)))
    return torch.stack(falls) / hidden.sum(dim=0)


def _starts(side: int, size: int, stride: int) -> range:
    """The first pixels of squares that together hide every pixel."""
    return range(0, max(side - size, 0) + stride, stride)
