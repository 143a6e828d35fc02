"""What all claims came to: those that this lesson put to the test, and the others in the full round."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from cnnlab.claims.full_round import full_round
from cnnlab.claims.judging import VerdictWord
from cnnlab.claims.registry import CLAIMS
from cnnlab.claims.rounds import Round
from cnnlab.lesson.evidence import Evidence, Tested
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question


@dataclass(frozen=True)
class Verdicts:
    """here, elsewhere: claims that this lesson measured, and those that it did not, in the lesson's order."""

    here: tuple[Tested, ...]
    elsewhere: tuple[Tested, ...]
    counts: dict[VerdictWord, int]
    full_round: Round
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Verdicts:
    """List every claim, with what came of it and where that was measured."""
    tested = [evidence.tested(name) for name in CLAIMS]
    return Verdicts(
        here=tuple(one for one in tested if one.is_here),
        elsewhere=tuple(one for one in tested if not one.is_here),
        counts=counts(tested),
        full_round=full_round(),
        questions=(),
        see=(Link("page", "The pages of the claims that this lesson measured", "claims/index.html"),),
    )


def counts(tested: Iterable[Tested]) -> dict[VerdictWord, int]:
    """Verdict → how many claims came to it; those that have none are not counted."""
    words = [one.entry.verdict for one in tested if one.entry is not None]
    return {word: words.count(word) for word in get_args(VerdictWord)}
