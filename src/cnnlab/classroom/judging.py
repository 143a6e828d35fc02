"""Whether an answer is right, and what is off in a wrong one: as the lesson's pages judge it, `judging.js`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.classroom.arithmetic import to_number
from cnnlab.classroom.results import Standing

__all__ = ["Judged", "judge", "standing", "to_number"]


@dataclass(frozen=True)
class Judged:
    """right: None where no answer is. says: what is off in a wrong answer. value: what a typed answer comes to."""

    right: bool | None
    says: str
    value: float | None = None


def judge(question: Mapping[str, Any], given: str) -> Judged | None:
    """What is to be said of an answer; None for what is none.

    question: as `cnnlab.lesson.question.Question.to_page` gives it.
    """
    slips = question["slips"]
    if question["choices"]:
        if given not in question["choices"]:
            return None
        if not question["graded"]:
            return Judged(None, "")
        return Judged(given == question["answer"], slips.get(given, ""))
    value = to_number(given, question["unit"])
    if value is None:
        return None
    tolerance = question["tolerance"]
    if _is_near(value, question["answer"], tolerance):
        return Judged(True, "", value)
    slip = next((wrong for wrong in _in_order(slips) if _is_near(value, wrong, tolerance)), None)
    way = "Too large." if value > _number(question["answer"]) else "Too small."
    return Judged(False, way if slip is None else slips[slip], value)


def standing(given: Sequence[tuple[str, bool | None]]) -> Standing:
    """How a question was answered. What comes after its working was shown does not count.

    given: each answer in turn, "" where what is held back was shown without one, and whether it is right.
    """
    if not given:
        return "open"
    answer, right = given[0]
    if answer == "":
        return "shown without an answer"
    if right is None:
        return "not decided"
    if right:
        return "right at the first try"
    second, is_right = given[1] if len(given) > 1 else (None, False)
    if second == "":
        return "shown without an answer"
    return "right later" if is_right else "not right"


def _is_near(value: float, wanted: str, tolerance: float) -> bool:
    return abs(value - _number(wanted)) <= tolerance + 1e-9


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _in_order(slips: Iterable[str]) -> list[str]:
    """The keys of an object as JavaScript goes through them: whole numbers first, from the smallest on."""
    wholes = [key for key in slips if re.fullmatch("0|[1-9][0-9]{0,9}", key) and int(key) < 2**32 - 1]
    return [*sorted(wholes, key=int), *(key for key in slips if key not in wholes)]
