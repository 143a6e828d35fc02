"""What a homework asks for in words: a text of the student's own, handed in with the answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Writing:
    """A text that a page asks for. id: tells it from the lesson's others. asks: what is to be in it."""

    id: str
    asks: str
