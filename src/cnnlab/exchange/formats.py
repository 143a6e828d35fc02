"""The kinds of file that a net can become."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnlab.exchange.format import Format

#: Name, which is also the file's ending → what it is.
FORMATS = {
    "onnx": "for onnxruntime and most other programs (extra onnx)",
    "pt2": "torch.export, for PyTorch without the net's code",
    "safetensors": "the weights alone, for PyTorch with the net's code",
}


def find_format(name: str) -> Format:
    """The format of a name in `FORMATS`. Raises UserError when what it needs is not installed."""
    match name:
        case "onnx":
            from cnnlab.exchange.to_onnx import onnx_format

            return onnx_format()
        case "pt2":
            from cnnlab.exchange.to_pt2 import pt2_format

            return pt2_format()
        case _:
            from cnnlab.exchange.to_safetensors import safetensors_format

            return safetensors_format()
