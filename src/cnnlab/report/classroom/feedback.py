"""A student's own page: what was handed in, what was right and what was off, and what the teacher says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cnnlab.classroom.results import AnsweredQuestion, ClassResults, StudentResult
from cnnlab.classroom.settings import in_full
from cnnlab.report.classroom.anonymous import mentions
from cnnlab.report.classroom.questions import had_at_first
from cnnlab.report.classroom.written import answer, as_due, chapter_title, points, whole
from cnnlab.report.pages import render
from cnnlab.version import __version__

#: How a question was answered, in words, and whether that is right (True), wrong (False) or neither.
_STANDINGS = {
    "right at the first try": ("Right at the first try", True),
    "right later": ("Right at the second try", True),
    "not right": ("Not right", False),
    "not decided": ("Not graded: what was measured does not decide it", None),
    "shown without an answer": ("The working was shown before it was right", None),
    "open": ("Not answered", None),
}


@dataclass(frozen=True)
class Try:
    """A try at a question. given: "" where the working was shown instead. is_right: None where it does not count."""

    which: str
    given: str
    is_right: bool | None
    says: str


@dataclass(frozen=True)
class QuestionBack:
    """A question as its student gets it back. had_it, of: how many of the class had it at the first try."""

    question: AnsweredQuestion
    standing: str
    is_right: bool | None
    tries: tuple[Try, ...]
    had_it: int
    of: int


def feedback_page(result: StudentResult, results: ClassResults) -> str:
    """The page, as HTML that loads nothing from elsewhere and runs no script. The same results give the same page.

    Of the rest of the class it knows counts alone: no name, no rank, no remark that speaks of somebody else's hand-in.
    """
    had = had_at_first(results)
    chapters: dict[str, list[QuestionBack]] = {}
    for question in result.answered:
        chapters.setdefault(chapter_title(question.page), []).append(_back(question, *had.get(question.id, (0, 0))))
    page = render(
        "classroom/feedback.html",
        result=result,
        results=results,
        name=result.student.name or result.student.id or result.student.email,
        arrived=None if result.arrived is None else in_full(as_due(result.arrived, results.due)),
        due=None if results.due is None else in_full(results.due),
        remarks=own_remarks(result, results),
        chapters=chapters,
        answered=sum(question.standing != "open" for question in result.answered),
        texts=[text for text in result.texts if text.text.strip()],
        points=points,
        answer=answer,
        version=__version__,
    )
    return whole(page)


def own_remarks(result: StudentResult, results: ClassResults) -> list[str]:
    """The remarks that are about this student's own file alone, in the words of who gets the page.

    Left out is whatever names somebody else of the class, what compares hand-ins ("the same …"), and what the teacher
    is to look at again.
    """
    others = [one.student for one in results.results if one.student.key != result.student.key]
    own = [remark for remark in result.remarks if not re.search(r"\bsame\b|: look at it again$", remark)]
    return [remark for remark in own if not mentions(remark, others, own=result.student)]


def _back(question: AnsweredQuestion, had_it: int, of: int) -> QuestionBack:
    standing, is_right = _STANDINGS[question.standing]
    tries = []
    for at, given in enumerate(question.given):
        right = (question.standing, at) in (("right at the first try", 0), ("right later", 1))
        says = question.slips[at] if at < len(question.slips) else ""
        counts = at < 2 and not (at and question.standing in ("right at the first try", "not decided"))
        wrong = None if not counts or not given or question.standing == "not decided" else False
        which = ("First", "Second")[at] if at < 2 else f"Try {at + 1}"
        tries.append(Try(which, given, True if right else wrong, says))
    return QuestionBack(question, standing, is_right, tuple(tries), had_it, of)
