"""A net with a sum of two ways, as tests plan it for the page."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Two convolutions around which the image's maps go, then an average of each map and an answer."""

    def __init__(self, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.answer = nn.Linear(8 * 7 * 7, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(x)))
        x = torch.relu(x + self.second(x))
        return self.answer(self.dropout(self.pool(x).flatten(1)))


def residual(*, dropout: float = 0.0) -> Residual:
    """The net, just built under the seed 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Residual(dropout=dropout)
