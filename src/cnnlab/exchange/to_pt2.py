"""torch.export's own file: the graph with its weights, which PyTorch runs without the net's code."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cnnlab.exchange.format import Format
from cnnlab.exchange.tracing import quiet, trace

#: The extra file that holds what the export says of itself.
BESIDE = "metadata.json"


def pt2_format() -> Format:
    """torch.export with what it says of itself in the extra file `metadata.json`."""
    return Format(f"torch.export.load, torch {torch.__version__}", _write, _open)


def _write(net: nn.Module, example: Tensor, beside: Mapping[str, str]) -> bytes:
    file = io.BytesIO()
    with quiet():
        torch.export.save(trace(net, example), file, extra_files={BESIDE: json.dumps(dict(beside))})
    return file.getvalue()


def _open(content: bytes, _net: nn.Module) -> Callable[[Tensor], Tensor]:
    with quiet():
        return torch.export.load(io.BytesIO(content)).module()
