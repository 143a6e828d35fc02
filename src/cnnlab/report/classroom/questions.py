"""Question by question: how many had it when, and what was off in first answers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cnnlab.classroom.results import AnsweredQuestion, ClassResults, StudentResult
from cnnlab.report.classroom.bars import Part, in_order, parts
from cnnlab.report.classroom.written import chapter_title

#: Answers below which a share says next to nothing, and how many questions are to be talked about.
FEW, TALK_ABOUT = 5, 3
#: Other wrong answers that a question shows, and answers that it shows of a slip.
OTHERS, EXAMPLES = 6, 3

#: Standing → how it is drawn and called.
STANDINGS = {
    "right at the first try": ("first", "right at the first try"),
    "right later": ("later", "right later"),
    "not right": ("not", "not right"),
    "not decided": ("undecided", "answered, not graded"),
    "shown without an answer": ("shown", "shown without an answer"),
    "open": ("open", "open"),
}


#: Standing → a sign for it in a table.
_SIGNS = {
    "right at the first try": "✓",
    "right later": "◐",
    "not right": "✗",
    "not decided": "·",
    "shown without an answer": "–",
    "open": "–",
}


@dataclass(frozen=True)
class Misconception:
    """A slip that first answers made. examples: what was given, the most frequent first. count: students."""

    hint: str
    examples: tuple[str, ...]
    count: int


@dataclass(frozen=True)
class AskedQuestion:
    """A question over the whole class.

    text, answer, worked: with the plain numbers where somebody had them, else with one student's; has_plain: whether
    these are the plain ones. differs: whether numbers differ from student to student. parts: of all who handed in.
    first_answers: how many gave one. others: wrong first answers of which no slip is known and that two or more gave,
    and how many did; of a question that is not graded, all answers. Numbers are counted by their value, and shown as
    most wrote them. alone: wrong first answers beside these.
    """

    id: str
    chapter: str
    text: str
    answer: str
    worked: str
    has_plain: bool
    differs: bool
    is_graded: bool
    parts: tuple[Part, ...]
    first_answers: int
    right_first: int
    misconceptions: tuple[Misconception, ...]
    others: tuple[tuple[str, int], ...]
    alone: int


def asked_questions(results: ClassResults) -> list[AskedQuestion]:
    """All questions that hand-ins know of, in the lesson's order."""
    handed_in = [one for one in results.results if one.file]
    had: dict[str, list[AnsweredQuestion]] = defaultdict(list)
    for one in handed_in:
        for question in one.answered:
            had[question.id].append(question)
    order = sorted(in_order(one.answered for one in handed_in), key=lambda id: had[id][0].page)  # pages are numbered
    return [_asked(had[id], len(handed_in)) for id in order]


def to_talk_about(questions: Sequence[AskedQuestion]) -> list[AskedQuestion]:
    """The graded questions with the fewest right first answers, by share; those that few answered come after all."""
    those = [one for one in questions if one.is_graded and one.first_answers > one.right_first]
    those.sort(key=lambda one: (one.first_answers < FEW, one.right_first / one.first_answers, -one.first_answers))
    return those[:TALK_ABOUT]


def had_at_first(results: ClassResults) -> dict[str, tuple[int, int]]:
    """Question → how many had it right at the first try, and how many gave a first answer."""
    found: dict[str, tuple[int, int]] = {}
    for one in results.results:
        for question in one.answered:
            if question.given and question.given[0]:
                right, gave = found.get(question.id, (0, 0))
                found[question.id] = (right + (question.standing == "right at the first try"), gave + 1)
    return found


def first_answers(
    results: ClassResults, questions: Sequence[AskedQuestion], *, is_anonymous: bool
) -> list[tuple[StudentResult, list[tuple[str, str]]]]:
    """Each student who handed in, and for each question a sign of how it was answered and the first answer.

    is_anonymous: without answers to questions whose numbers differ, as these follow from the student's id.
    """
    found = []
    for one in results.results:
        had = {question.id: question for question in one.answered}
        cells = []
        for asked in questions:
            each = had.get(asked.id)
            is_shown = each is not None and not (is_anonymous and asked.differs)
            cells.append((_SIGNS["open" if each is None else each.standing], _first(each).strip() if is_shown else ""))
        if one.file:
            found.append((one, cells))
    return found


def _asked(had: Sequence[AnsweredQuestion], of: int) -> AskedQuestion:
    shown = min(had, key=lambda one: one.variant)
    firsts = [one for one in had if _first(one)]
    is_graded = all(one.standing != "not decided" for one in firsts)
    standings: Counter[str] = Counter(one.standing for one in had)
    standings["open"] += of - len(had)
    right = standings["right at the first try"]
    wrong = [one for one in firsts if one.standing != "right at the first try"]
    known = [one for one in wrong if one.slips and one.slips[0]]
    unknown = _by_value([one for one in wrong if not (one.slips and one.slips[0])])
    others = [(given, count) for given, count in unknown if count > 1 or not is_graded]
    others.sort(key=lambda one: (-one[1], one[0]))
    others = others[:OTHERS]
    return AskedQuestion(
        id=shown.id,
        chapter=chapter_title(shown.page),
        text=shown.text,
        answer=shown.answer,
        worked=shown.worked,
        has_plain=shown.variant == 0,
        differs=any(one.variant for one in had),
        is_graded=is_graded,
        parts=parts(standings, of, STANDINGS),
        first_answers=len(firsts),
        right_first=right,
        misconceptions=tuple(_misconceptions(known)),
        others=tuple(others),
        alone=len(wrong) - len(known) - sum(count for _, count in others),
    )


def _first(question: AnsweredQuestion) -> str:
    """The first answer; "" where none was given before the working was shown."""
    return question.given[0] if question.given else ""


def _by_value(those: Sequence[AnsweredQuestion]) -> list[tuple[str, int]]:
    """First answers as most wrote them, and how many gave each: `0.5`, `1/2` and `,50` are one."""
    written: dict[str | float, Counter[str]] = defaultdict(Counter)
    for one in those:
        value = one.values[0] if one.values else None
        given = _first(one).strip()
        written[given if value is None else float(f"{value:.9g}")][given] += 1
    return [(min(each, key=lambda given: (-each[given], len(given), given)), each.total()) for each in written.values()]


def _misconceptions(those: Sequence[AnsweredQuestion]) -> list[Misconception]:
    """Grouped by hint with its numbers left out, since these differ from student to student; the most made first."""
    made: dict[str, list[AnsweredQuestion]] = defaultdict(list)
    for one in those:
        made[re.sub(r"\d[\d,.]*\d|\d", "#", one.slips[0])].append(one)
    found = []
    for group in made.values():
        plainest = min(group, key=lambda one: one.variant)
        given = Counter(_first(one).strip() for one in group if one.variant == plainest.variant)
        examples = sorted(given, key=lambda text: (-given[text], text))[:EXAMPLES]
        found.append(Misconception(plainest.slips[0], tuple(examples), len(group)))
    return sorted(found, key=lambda one: (-one.count, one.hint))
