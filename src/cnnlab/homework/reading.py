"""What notebooks give, read as plain Python: a number, a curve, parts under names."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
from torch import Tensor

from cnnlab.errors import UserError

#: More epochs than anybody trains here; a longer "curve" is something else, and may be endless.
MOST_EPOCHS = 100_000

_SHORT = reprlib.Repr()
_SHORT.maxstring, _SHORT.maxother = 60, 80


def answer_text(answer: Any) -> str:
    """An answer as a student would write it, in one short line; its type where it cannot be shown."""
    try:
        return " ".join(_SHORT.repr(answer).split())
    except Exception:
        return type(answer).__name__


def as_number(answer: Any) -> int | float | None:
    """The one number that an answer is, whole ones as int; None where it is none.

    Python's numbers, NumPy's and PyTorch's scalars, and arrays and tensors that hold just one. True and False are not
    numbers, nor is "26". NaN and infinity are floats.
    """
    if isinstance(answer, Tensor | np.ndarray | np.generic):
        if math.prod(answer.shape) != 1:
            return None
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real | Decimal):
        return None
    if isinstance(answer, Integral):
        return int(answer)
    value = float(answer)
    return int(value) if value.is_integer() else value


def whole_number(answer: Any, what: str) -> int:
    """A positive whole number that a check is given. Raises UserError, with what it is, for anything else."""
    value = as_number(answer)
    if not isinstance(value, int) or value < 1:
        raise UserError(f"{what} is {answer_text(answer)}: expected a whole number, 1 or more")
    return value


def answer_parts(answer: Any, needs: Any, expected: str) -> dict[str, Any]:
    """The parts of an answer that are needed, by name, in the order of `needs`.

    Raises UserError where the answer is not a dict or a part is missing. expected: what it should be, in words.
    """
    if isinstance(needs, str) or not isinstance(needs, Sequence | Set | Mapping) or not needs:
        raise UserError(f"needs is {answer_text(needs)}: expected a list of names")
    if not isinstance(answer, Mapping):
        raise UserError(f"you have {type(answer).__name__}: expected {expected}")
    missing = [name for name in needs if name not in answer]
    if missing:
        have = ", ".join(name if isinstance(name, str) else answer_text(name) for name in answer)
        raise UserError(f"missing: {', '.join(map(str, missing))} (you have {have or 'none'})")
    return {name: answer[name] for name in needs}


def curve(answer: Any, name: str, which: str) -> list[float]:
    """The accuracies (0–1) of a curve, one an epoch.

    answer: a list or tuple of numbers (tensors among them), an array or a tensor (epochs,), or what NumPy makes an
    array of, such as a column of pandas'. name, which: of the net and of its curve, to begin a message with. Raises
    UserError for anything else, and for what cannot be accuracies.
    """
    where = f"{name}: {which}"
    if not isinstance(answer, Tensor | Sequence) and hasattr(answer, "__array__"):
        answer = np.asarray(answer)
    if isinstance(answer, Tensor | np.ndarray) and len(answer.shape) != 1:
        raise UserError(f"{where} has the shape {tuple(answer.shape)}: expected one number for each epoch")
    if not isinstance(answer, Tensor | np.ndarray | Sequence) or isinstance(answer, str | bytes) or not len(answer):
        raise UserError(
            f"{name}: expected a list under {which!r}, an accuracy for each epoch; you have {answer_text(answer)}"
        )
    if len(answer) > MOST_EPOCHS:
        raise UserError(f"{where} has {len(answer):,} values: expected one for each epoch")
    values = []
    for epoch, each in enumerate(answer.tolist() if isinstance(answer, Tensor | np.ndarray) else answer, start=1):
        value = as_number(each)
        if value is None:
            raise UserError(f"{where} of epoch {epoch} is {answer_text(each)}: expected a number")
        if not math.isfinite(value):
            raise UserError(f"{where} of epoch {epoch} is {value}: expected an accuracy; did the training break down?")
        values.append(value)
    if max(values) > 1 + 1e-6:  # means of float32 can lie a little above 1
        raise UserError(f"{where} reaches {max(values):g}: expected accuracies from 0 to 1, not percent or losses")
    if min(values) < 0:
        raise UserError(f"{where} goes down to {min(values):g}: expected accuracies from 0 to 1")
    return [min(float(value), 1.0) for value in values]
