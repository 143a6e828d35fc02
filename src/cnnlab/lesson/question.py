"""Questions to predict: an answer that was computed, the wrong answers one falls for, and what each of them forgot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Slip:
    """A wrong answer, as it is given, and what is off in it."""

    answer: str
    says: str


@dataclass(frozen=True)
class Question:
    """What a page asks.

    answer: the right one, as it is given: a number in digits, or one of the choices. choices: none where a number is
    asked for. tolerance: how far a number may be off. worked: how the answer comes about, shown after a prediction.
    """

    id: str
    text: str
    answer: str
    worked: str
    choices: tuple[str, ...] = ()
    slips: tuple[Slip, ...] = ()
    unit: str = ""
    tolerance: float = 0.0

    def to_page(self) -> dict[str, Any]:
        """What the page's script is told."""
        return {
            "id": self.id,
            "text": self.text,
            "answer": self.answer,
            "worked": self.worked,
            "choices": list(self.choices),
            "slips": {slip.answer: slip.says for slip in self.slips},
            "tolerance": self.tolerance,
        }


def number(
    id: str,
    text: str,
    answer: float,
    *,
    worked: str,
    slips: Sequence[tuple[float, str]] = (),
    unit: str = "",
    tolerance: float = 0.0,
) -> Question:
    """A question for a number. slips: wrong numbers and what is off in each.

    Two slips that come to the same number are told of together; one that comes to the right one is left out.
    """
    told: dict[float, list[str]] = {}
    for value, says in slips:
        if abs(value - answer) > tolerance:
            told.setdefault(value, []).append(says)
    return Question(
        id=id,
        text=text,
        answer=_digits(answer),
        worked=worked,
        slips=tuple(Slip(_digits(value), " Or: ".join(says)) for value, says in told.items()),
        unit=unit,
        tolerance=tolerance,
    )


def choice(id: str, text: str, answer: str, *, worked: str, others: Sequence[tuple[str, str]], place: int) -> Question:
    """A question with choices. others: the wrong ones and what is off in each. place: where the right one stands."""
    choices = [says for says, _ in others]
    choices.insert(place, answer)
    return Question(
        id=id,
        text=text,
        answer=answer,
        worked=worked,
        choices=tuple(choices),
        slips=tuple(Slip(text, says) for text, says in others),
    )


def _digits(value: float) -> str:
    return f"{value:.10g}"
