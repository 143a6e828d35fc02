"""Lazy layers, whose parameters PyTorch makes when the first batch shows how many there are."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, is_lazy

from cnnlab.anatomy.misfit import misfit_words
from cnnlab.errors import UserError
from cnnlab.net_copy import copied
from cnnlab.own_code import own_mistake


def has_lazy_parameters(net: nn.Module) -> bool:
    """Whether parameters or buffers of a net are still to be made."""
    return any(is_lazy(one) for one in (*net.parameters(), *net.buffers()))


def with_parameters(net: nn.Module, image_shape: tuple[int, ...]) -> nn.Module:
    """The net itself, or, where it has lazy layers, a copy that one blank batch of images (C, H, W) went through.

    Random states stay as they were. Raises UserError where the copy does not take such images, or has parameters still
    that no image reached.
    """
    if isinstance(net, torch.jit.ScriptModule) or not has_lazy_parameters(net):
        return net
    lazy_buffers = {id(one): one for one in net.buffers() if is_lazy(one)}  # which refuse to be copied
    blank_buffer: Any = UninitializedBuffer  # its stub knows another signature
    blank = {
        key: blank_buffer(requires_grad=one.requires_grad, device=one.device, dtype=one.dtype)
        for key, one in lazy_buffers.items()
    }
    made = copied(net, blank).eval()
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            made(torch.zeros(2, *image_shape))
        except UserError:
            raise
        except Exception as error:
            name = type(net).__name__
            raise (own_mistake(error) or UserError(misfit_words(name, image_shape, error, None))) from error
    left = [name for name, one in (*made.named_parameters(), *made.named_buffers()) if is_lazy(one)]
    if left:
        raise UserError(
            f"{type(net).__name__}: {', '.join(left[:3])} of lazy layers were not made, since its forward does not use "
            "them; expected a net that uses all its lazy layers: leave them out, or write the number of values"
        )
    return made
