"""Values of another kind than a function of the Python API takes: told in one line, with the way to the right one."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from cnnlab.errors import UserError


def given_net(net: object) -> nn.Module:
    """A net as a user built it. Raises UserError for anything but an nn.Module."""
    if isinstance(net, nn.Module):
        return net
    kind = type(net).__name__
    if isinstance(net, type) and issubclass(net, nn.Module):
        raise UserError(f"net: got the class {net.__name__}; expected a net that was built of it: {net.__name__}()")
    if isinstance(getattr(net, "net", None), nn.Module):
        raise UserError(f"net: got {kind}; expected the net alone, which is in it: give its .net")
    got = f"the text {net!r}" if isinstance(net, str) else kind
    raise UserError(f"net: got {got}; expected an nn.Module: build one, such as cnnlab.SimpleCNN()")


def given_names(names: object, what: str, example: str) -> list[str]:
    """Texts of a list. what, example: its name in messages, and a text in it. Raises UserError for anything else."""
    if isinstance(names, str):
        raise UserError(f"{what}: got one text, {names!r}; expected a list of them: [{names!r}]")
    if not isinstance(names, Iterable):
        raise UserError(f'{what}: got {type(names).__name__}; expected a list of texts: ["{example}"]')
    listed = list(names)
    for one in listed:
        if not isinstance(one, str):
            raise UserError(f'{what}: got {type(one).__name__} in it; expected a list of texts: ["{example}"]')
    return listed
