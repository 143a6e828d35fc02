"""Eval mode for a while."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def eval_mode(net: nn.Module) -> Generator[None]:
    """Put a net into eval mode without gradients, and every one of its modules back into its own mode after."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
