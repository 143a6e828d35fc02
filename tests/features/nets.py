"""Small nets that between them do what features must cope with, made anew for every test."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Residual(nn.Module):
    """In-place ReLU and addition, batch norm, functional pooling, dropout, a mean instead of flattening."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.conv = nn.Conv2d(6, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.hidden = nn.Linear(6, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.relu(self.norm(self.stem(x))), 2)
        out = self.conv(x)
        out += x
        out = F.relu(out)
        return self.head(self.drop(torch.tanh(self.hidden(out.mean(dim=(2, 3))))))


def residual() -> Residual:
    """In training mode, with running averages that are not those of a new net."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = Residual()
        net(torch.randn(16, 2, 12, 12))
    return net


def images(count: int = 5) -> Tensor:
    return torch.randn(count, 2, 12, 12, generator=torch.Generator().manual_seed(2))


class Checkpointed(nn.Module):
    """Layers that run again when gradients are taken, or not: the same net either way."""

    def __init__(self, *, is_checkpointed: bool) -> None:
        super().__init__()
        self.is_checkpointed = is_checkpointed
        self.body = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.Tanh())
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = checkpoint(self.body, x, use_reentrant=False) if self.is_checkpointed else self.body(x)
        return self.head(x.mean(dim=(2, 3)))


class ByBrightness(nn.Module):
    """Takes bright batches another way than dark ones."""

    def __init__(self) -> None:
        super().__init__()
        self.dark, self.bright = nn.Linear(288, 3), nn.Linear(288, 3)

    def forward(self, x: Tensor) -> Tensor:
        return (self.bright if x.mean() > 0 else self.dark)(x.flatten(1))


class Frozen(nn.Module):
    """Its convolution is kept out of training by torch.no_grad."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = torch.relu(self.conv(x))
        return self.head(x.mean(dim=(2, 3)))
