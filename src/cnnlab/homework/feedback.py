"""What a check says, whatever it is handed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ParamSpec

from cnnlab.errors import UserError

_Given = ParamSpec("_Given")


@dataclass(frozen=True)
class Feedback:
    """The lines that a check says; as the last thing in a notebook's cell they are shown as they are.

    is_right: None while the answer is not filled in.
    """

    is_right: bool | None
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    __repr__ = __str__


def blank() -> Feedback:
    """The feedback on an answer that is still `...`."""
    return Feedback(None, ("not filled in yet",))


def right(*lines: str) -> Feedback:
    """The feedback on an answer in which nothing is off."""
    return Feedback(True, lines)


def off(*lines: str) -> Feedback:
    """The feedback on an answer in which something is off."""
    return Feedback(False, lines)


def never_raises(check: Callable[_Given, Feedback]) -> Callable[_Given, Feedback]:
    """The check, with feedback that names the error wherever it raises one.

    A UserError is what the check has to say. Anything else is raised by an answer's own code, which may raise anything:
    its forward, its `__len__`, its `__eq__`. Only Ctrl-C goes through.
    """

    @functools.wraps(check)
    def checked(*args: _Given.args, **kwargs: _Given.kwargs) -> Feedback:
        try:
            return check(*args, **kwargs)
        except UserError as error:
            return off(str(error))
        except (Exception, SystemExit) as error:
            return off(f"this cannot be checked: looking at it raises {said(error)}")

    return checked


def said(error: BaseException) -> str:
    """An error's kind and the first line of its text; the kind alone where the text is empty or cannot be had."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    return f"{type(error).__name__}: {lines[0]:.200}" if lines else type(error).__name__


def is_blank(answer: Any) -> bool:
    """Whether an answer, or any part of it, is still `...`."""
    if isinstance(answer, dict):
        return any(is_blank(part) for part in answer.values())
    if isinstance(answer, list | tuple):
        return any(is_blank(part) for part in answer)
    return answer is ...


def explained(answer: float, mistakes: Iterable[tuple[float, str]]) -> list[str]:
    """What the mistakes that would lead to just this number are."""
    return list(dict.fromkeys(says for value, says in mistakes if value == answer))
