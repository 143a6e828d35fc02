"""What counts as a net's answer where it returns more than one tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from cnnlab.errors import UserError

#: Names that nets give their main answer in a dict, or as an attribute of what they return.
_MAIN = ("logits", "out", "output", "answer", "main")


def main_answer(returned: Any) -> Tensor:
    """The logits among what a net returned: itself, the first tensor of a tuple, a dict's `logits`, `out` or first.

    Raises UserError where there is no tensor.
    """
    if isinstance(returned, Tensor):
        return returned
    if isinstance(returned, Mapping):
        found = [returned[name] for name in _MAIN if name in returned] + list(returned.values())
    elif isinstance(returned, list | tuple):
        found = list(returned)
    else:
        found = [getattr(returned, name, None) for name in _MAIN]
    for one in found:
        if isinstance(one, Tensor):
            return one
    raise UserError(
        f"the net's forward returned {_kind(returned)}; expected a tensor of logits (N, classes): see its return"
    )


def others(returned: Any) -> str | None:
    """What a net returned besides its main answer, in words; None where that is all."""
    if isinstance(returned, Tensor):
        return None
    if isinstance(returned, Mapping):
        main = main_answer(returned)
        name = next(str(key) for key, value in returned.items() if value is main)
        return f"a dict of {', '.join(map(str, returned))}, of which {name}"
    if isinstance(returned, list | tuple):
        return f"a {type(returned).__name__} of {len(returned)}, of which the first tensor"
    return f"a {type(returned).__name__}, of which its main answer"


def _kind(returned: Any) -> str:
    return "nothing" if returned is None else type(returned).__name__
