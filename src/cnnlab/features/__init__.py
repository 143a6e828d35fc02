"""What a trained net does with images: activations, what excites a unit, what an answer rests on.

Every function works on a copy of the net in eval mode; the net, its modes, gradients and hooks, and all random states
stay as they were. Images are what the net sees: float (N, C, H, W), normalised.

The name is resolved when first used: an embedding's process needs no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.features.activations import feature_maps

__all__ = ["feature_maps"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.activations"), name)


def __dir__() -> list[str]:
    return __all__
