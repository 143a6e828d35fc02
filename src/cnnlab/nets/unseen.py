"""Layers that PyTorch does not know of."""

from __future__ import annotations

from torch import nn


def plain_lists(net: nn.Module) -> list[str]:
    """Attributes that are lists, tuples or dicts of layers, as `self.layers`; none of these is trained."""
    known, found = set(net.modules()), []
    for module in net.modules():
        for name, value in vars(module).items():
            parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
            if not name.startswith("_") and any(isinstance(part, nn.Module) and part not in known for part in parts):
                found.append(f"self.{name}")
    return found
