"""What a kind of file has to do: write a net, and answer as it was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


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
