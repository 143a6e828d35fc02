"""The kinds of file that a net can become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Name, which is also the file's ending → what it is.
FORMATS = {
    "onnx": "for onnxruntime and most other programs (extra onnx)",
    "pt2": "torch.export, for PyTorch without the net's code",
    "safetensors": "the weights alone, for PyTorch with the net's code",
}


@dataclass(frozen=True)
class Format:
    """How a net becomes a file of one kind, and how such a file answers.

    write: a net in eval mode, two normalised images float32 (2, C, H, W) as an example, and what the file says of
    itself → the file's bytes. open: a file's bytes, and a net whose code may be used but whose weights are not looked
    at → a function from images float32 (N, C, H, W) to logits float32 (N, classes). reader: what opens it.
    """

    reader: str
    write: Callable[[nn.Module, Tensor, Mapping[str, str]], bytes]
    open: Callable[[bytes, nn.Module], Callable[[Tensor], Tensor]]


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
