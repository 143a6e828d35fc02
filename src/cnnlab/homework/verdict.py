"""What a check says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """The lines that a check says; as the last thing in a notebook's cell they are shown as they are.

    is_right: None while the answer is not filled in.
    """

    is_right: bool | None
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    __repr__ = __str__


def blank() -> Verdict:
    """Of an answer that is still `...`."""
    return Verdict(None, ("not filled in yet",))


def right(*says: str) -> Verdict:
    """Of an answer in which nothing is off."""
    return Verdict(True, says)


def off(*says: str) -> Verdict:
    """Of an answer in which something is off."""
    return Verdict(False, says)


def is_blank(answer: Any) -> bool:
    """Whether an answer, or any part of it, is still `...`."""
    if isinstance(answer, dict):
        return any(is_blank(part) for part in answer.values())
    if isinstance(answer, list | tuple):
        return any(is_blank(part) for part in answer)
    return answer is ...


def explained(answer: Any, mistakes: Iterable[tuple[float, str]]) -> list[str]:
    """What the mistakes that would lead to just this number are."""
    return list(dict.fromkeys(says for value, says in mistakes if value == answer))
