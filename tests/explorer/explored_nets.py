"""Nets of a user's own that the explorer is shown."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Branching(nn.Module):
    """A residual block, a depthwise and a dilated convolution, a concatenation, a gate and odd pools."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.inner = nn.Conv2d(6, 6, 3, padding=1)
        self.inner_norm = nn.BatchNorm2d(6)
        self.depthwise = nn.Conv2d(6, 12, 5, stride=2, padding=2, groups=6)
        self.act = nn.LeakyReLU(0.1)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.wide = nn.Conv2d(12, 5, 3, padding="same", dilation=2)
        self.average = nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.squeeze_x = nn.AdaptiveAvgPool2d((3, 2))
        self.squeeze_y = nn.AdaptiveAvgPool2d((3, 2))
        self.head = nn.Linear(12 * 6 + 5 * 6, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.inner_norm(self.inner(x)))
        x = self.pool(self.act(self.depthwise(x)))
        x = x * torch.sigmoid(1 - x)
        y = self.average(F.gelu(self.wide(x)))
        joined = torch.cat([self.squeeze_x(x).flatten(1), self.squeeze_y(y).flatten(1)], dim=1)
        return F.log_softmax(self.head(joined), dim=1)


class Eight(nn.Sequential):
    """Eight convolutions."""

    def __init__(self) -> None:
        def conv(channels: int, filters: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]

        maps = (1, 8, 8, 16, 16, 24, 24, 32, 32)
        layers: list[nn.Module] = []
        for i in range(8):
            layers += [*conv(maps[i], maps[i + 1]), *([nn.MaxPool2d(2)] if i in (1, 3, 5) else [])]
        super().__init__(*layers, nn.Flatten(), nn.Linear(32 * 9, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))


class Normalised(nn.Module):
    """A layer that the page does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.LocalResponseNorm(2)
        self.head = nn.Linear(4 * 26 * 26, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).flatten(1))
