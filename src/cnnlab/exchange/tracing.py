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
    net = _unwrapped(net)
    try:
        with torch.no_grad(), quiet():
            return torch.export.export(net, (example,), dynamic_shapes=({0: Dim("batch", min=1)},))
    except Exception as error:  # torch.export raises what it finds, from SyntaxError to AssertionError
        if "specialized it to be a constant" in str(error):
            why = (
                f"its forward makes {len(example)}, how many images there are, a number of its own, as len(x) and "
                "int() do; expected a forward for any number of images: write x.shape[0] there"
            )
        else:
            why = (
                f"{first_sentence(error)}; expected a forward for any number of images, without `if` or `for` on "
                "values: rewrite it so"
            )
        raise UserError(
            f"{type(net).__name__} cannot be exported: {why}, or export the weights alone: --to safetensors"
        ) from error


def _unwrapped(net: nn.Module) -> nn.Module:
    """The net inside what torch.compile or nn.DataParallel wrapped round it, which has no graph of its own."""
    while isinstance(net, nn.DataParallel) or "_orig_mod" in net._modules:
        net = net.module if isinstance(net, nn.DataParallel) else net.get_submodule("_orig_mod")
    return net


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
