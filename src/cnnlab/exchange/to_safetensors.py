"""The weights as named tensors, with what is needed to build their net."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version

import safetensors.torch
from torch import Tensor, nn

from cnnlab.exchange.format import Format
from cnnlab.net_copy import copied


def safetensors_format() -> Format:
    """safetensors with what it says of itself in the header's metadata."""
    return Format(f"safetensors {version('safetensors')}", _write, _open)


def _write(net: nn.Module, _example: Tensor, beside: Mapping[str, str]) -> bytes:
    tensors = {name: value.contiguous() for name, value in net.state_dict().items()}
    return safetensors.torch.save(tensors, metadata=dict(beside))


def _open(content: bytes, net: nn.Module) -> Callable[[Tensor], Tensor]:
    fresh = copied(net)
    fresh.load_state_dict(safetensors.torch.load(content))
    return fresh.eval()
