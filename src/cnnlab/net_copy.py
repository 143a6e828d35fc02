"""A copy of a net, or of its weights: what it kept of a run, what hooks computed and what is shared are in the way."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cnnlab.errors import UserError

Net = TypeVar("Net", bound=nn.Module)


def copied(net: Net, instead: Mapping[int, Any] | None = None) -> Net:
    """A deep copy of a net; what a pass left in its attributes comes along as plain numbers, without a graph.

    instead: by `id`, what stands in the copy for objects that refuse to be copied.
    `copy.deepcopy` refuses tensors that were computed: a map kept to look at, the `weight` that the old
    `torch.nn.utils.weight_norm` and `spectral_norm` put beside its parameters (theirs is computed anew in every pass);
    and what can be there only once, such as a lock, an open file or a generator: copy and net share that.
    Raises whatever copying a module raises.
    """
    memo: dict[int, Any] = {**(instead or {})}
    for module in net.modules():
        for value in tensors_in(vars(module).values(), set()):
            if id(value) not in memo and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    try:
        return copy.deepcopy(net, dict(memo))
    except Exception:  # whatever an attribute raises
        memo |= _only_once(net, memo)
        return copy.deepcopy(net, memo)


def _only_once(net: nn.Module, memo: Mapping[int, Any]) -> dict[int, Any]:
    """By `id`, what stands in a copy for attributes of a net's modules that cannot be copied: they themselves."""
    found: dict[int, Any] = {}
    for module in net.modules():
        for name, value in vars(module).items():
            if name in ("_modules", "_parameters", "_buffers"):
                continue
            if isinstance(value, torch.Generator):
                found[id(value)] = value.clone_state()
                continue
            try:
                copy.deepcopy(value, dict(memo))
            except Exception:  # whatever it raises
                found[id(value)] = value
    return found


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    """All that a net's `state_dict` holds, copied to the CPU: contiguous, and no two tensors in the same memory.

    A layer that a net holds under two names has its weights under both. Raises UserError for what is no tensor.
    """
    found = {}
    for name, value in net.state_dict().items():
        if not isinstance(value, Tensor):
            raise UserError(
                f"{type(net).__name__}: {name} of its state_dict is of type {type(value).__name__}; expected tensors, "
                "which a file of weights can hold: keep it in a buffer, or leave get_extra_state out"
            )
        found[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    return found


def tensors_in(values: Any, seen: set[int]) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples, sets and dicts; none of a module's children, which are asked themselves."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            yield from tensors_in(value.values() if isinstance(value, dict) else value, seen)
