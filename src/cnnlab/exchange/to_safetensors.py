"""The weights as named tensors, with what is needed to build their net."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version

import safetensors.torch
from torch import Tensor, nn

from cnnlab.exchange.format import Format
from cnnlab.net_copy import copied, weights_of


def safetensors_format() -> Format:
    """safetensors with what it says of itself in the header's metadata."""
    return Format(f"safetensors {version('safetensors')}", _write, _open)


def _write(net: nn.Module, _example: Tensor, beside: Mapping[str, str]) -> bytes:
    return safetensors.torch.save(weights_of(net), metadata=dict(beside))


def _open(content: bytes, net: nn.Module) -> Callable[[Tensor], Tensor]:
    fresh = copied(net)
    fresh.load_state_dict(safetensors.torch.load(content))
    return fresh.eval()
