"""Questions to predict: an answer that was computed, the wrong answers one falls for, and what each of them forgot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    others: the same question with other numbers, which have none themselves.
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
    others: tuple[Question, ...] = ()

    @property
    def variants(self) -> tuple[Question, ...]:
        """The question with all the numbers that it is asked with, the plain ones first."""
        return (replace(self, others=()), *self.others)

    def to_page(self) -> dict[str, Any]:
        """The question as the page's script reads it, with its own numbers alone."""
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


def in_other_numbers(ask: Callable[..., Question], plain: tuple[Any, ...], *others: tuple[Any, ...]) -> Question:
    """What `ask` asks with plain numbers; it carries what it asks with the others.

    Others that come to an answer which is there already are left out, so that a copied one is wrong; not where every
    one comes to the same.
    """
    made = [ask(*numbers) for numbers in (plain, *others)]
    is_told_by_numbers = len({one.answer for one in made}) > 1
    kept = made[:1]
    for one in made[1:]:
        is_copy = any(is_answered_alike(one, other) for other in kept) if is_told_by_numbers else False
        if not is_copy and one.text not in {other.text for other in kept}:
            kept.append(one)
    return replace(made[0], others=tuple(kept[1:]))


def is_answered_alike(one: Question, other: Question) -> bool:
    """Whether the right answer to one of two questions is taken for right in the other."""
    if one.choices:
        return one.answer == other.answer
    return abs(float(one.answer) - float(other.answer)) <= max(one.tolerance, other.tolerance)


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
