"""Questions to predict: an answer that was computed, the wrong answers one falls for, and what each of them forgot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cnnlab.experiments.statistics import Difference, seeds_range
from cnnlab.experiments.verdicts import many_seeds


@dataclass(frozen=True)
class Slip:
    """A wrong answer, as it is given, and what is off in it."""

    answer: str
    hint: str


@dataclass(frozen=True)
class Question:
    """What a page asks.

    answer: the right one, as it is given: a number in digits, or one of the choices. choices: none where a number is
    asked for. tolerance: how far a number may be off. worked: how the answer comes about, shown after a prediction.
    is_graded: not where the answer rests on a measured difference that is undecided; then none is right or wrong.
    """

    id: str
    text: str
    answer: str
    worked: str
    choices: tuple[str, ...] = ()
    slips: tuple[Slip, ...] = ()
    unit: str = ""
    tolerance: float = 0.0
    is_graded: bool = True

    def to_page(self) -> dict[str, Any]:
        """The question as the page's script reads it."""
        return {
            "id": self.id,
            "text": self.text,
            "answer": self.answer,
            "worked": self.worked,
            "choices": list(self.choices),
            "slips": {slip.answer: slip.hint for slip in self.slips},
            "unit": self.unit,
            "tolerance": self.tolerance,
            "graded": self.is_graded,
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

    Slips that come to the same number share one message; one that comes to the right answer is left out.
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


def measured_choice(
    id: str,
    text: str,
    answer: str,
    *,
    worked: str,
    others: Sequence[tuple[str, str]],
    place: int,
    differences: Sequence[Difference],
) -> Question:
    """A question with choices whose answer rests on measured differences, in shares: ungraded unless all are decided.

    differences: between what is answered and each thing that it is held against, at one level corrected for all of
    them (Bonferroni). Where one's interval holds 0, or there is one seed, the page says what was measured, that it is
    not decided, and how many seeds the least clear of them would take.
    """
    asked = choice(id, text, answer, worked=worked, others=others, place=place)
    level = 1 - 0.05 / len(differences)
    undecided = [
        one for one in (each.at(level) for each in differences) if one.low is None or one.low <= 0 <= (one.high or 0)
    ]
    if not undecided:
        return asked
    least = min(undecided, key=lambda one: abs(one.mean))
    says = (
        f"{worked} That is not decided with {least.n} seed{'s' if least.n > 1 else ''}, so no answer is right or wrong"
    )
    if least.standard_deviation is not None:
        fewest, most = seeds_range(least.standard_deviation, least.mean, n=least.n, level=level)
        says += f": the {100 * abs(least.mean):.2f} points seen would take {many_seeds(max(fewest, least.n + 1), most)}"
    return replace(asked, worked=f"{says}.", slips=(), is_graded=False)


def _digits(value: float) -> str:
    return f"{value:.10g}"
