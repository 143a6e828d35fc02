"""A copy of a net, of one that has run, too: maps that it keeps, and weights that hooks computed, stand in the way."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def copied(net: Net, instead: Mapping[int, Any] | None = None) -> Net:
    """A deep copy of a net; what a pass left in its attributes comes along as plain numbers, without a graph.

    instead: by `id`, what stands in the copy for objects that refuse to be copied.
    `copy.deepcopy` refuses tensors that were computed: a map kept to look at, the `weight` that the old
    `torch.nn.utils.weight_norm` and `spectral_norm` put beside its parameters (theirs is computed anew in every pass).
    Raises whatever copying an attribute raises.
    """
    memo: dict[int, Any] = {**(instead or {})}
    for module in net.modules():
        for value in tensors_in(vars(module).values(), set()):
            if id(value) not in memo and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(net, memo)


def tensors_in(values: Any, seen: set[int]) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples, sets and dicts; none of a module's children, which are asked themselves."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            yield from tensors_in(value.values() if isinstance(value, dict) else value, seen)
