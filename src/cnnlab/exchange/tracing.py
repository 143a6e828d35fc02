"""A net's forward as a graph that takes any number of images."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cnnlab.errors import UserError


def trace(net: nn.Module, example: Tensor) -> ExportedProgram:
    """What `net` computes, by torch.export, with a batch of any size.

    example: images float32 (2, C, H, W). Raises UserError when the forward asks for values or for the batch's size.
    """
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(net, (example,), dynamic_shapes=({0: Dim("batch", min=1)},))
    except Exception as error:  # torch.export raises what it finds, from SyntaxError to AssertionError
        raise UserError(
            f"{type(net).__name__} cannot be exported: {first_sentence(error)}; expected a forward for any number "
            "of images, without `if` or `for` on values: rewrite it so, or export the weights alone: --to safetensors"
        ) from error


@contextmanager
def quiet() -> Generator[None]:
    """Keep what the exporters print of their own insides off the screen; what they raise is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def first_sentence(error: BaseException) -> str:
    """What an exporter says was wrong, without what it says of its own logs."""
    says = str(error).strip().partition("\n")[0].partition(" For more information")[0]
    return says[:200] or type(error).__name__
