"""The teacher's page of a class: who handed in what, question by question, accuracies, texts to mark, drawings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from markupsafe import Markup

from cnnlab.classroom.results import ClassResults, Drawing, StudentResult, WrittenText, text_sum
from cnnlab.classroom.settings import in_full
from cnnlab.one_script import one_script, policy_hash
from cnnlab.report.classroom.accuracies import accuracies
from cnnlab.report.classroom.anonymous import anonymous
from cnnlab.report.classroom.questions import FEW, asked_questions, first_answers, to_talk_about
from cnnlab.report.classroom.tasks import asked_tasks
from cnnlab.report.classroom.written import answer, as_due, in_short, points, told_command, whole
from cnnlab.report.pages import render
from cnnlab.report.pictures import photograph
from cnnlab.version import __version__

#: The page's script, as modules.
WEB = files("cnnlab.report").joinpath("classroom/web")
#: Lines that are shown before the rest is folded away, and drawings of a label that are shown at all.
LINES, DRAWINGS = 12, 48


@dataclass(frozen=True)
class TextQuestion:
    """A text that was asked for, and what everybody wrote. left: how many have no points yet."""

    id: str
    title: str
    most: float
    written: tuple[tuple[StudentResult, WrittenText], ...]
    left: int


def teacher_page(results: ClassResults, *, is_anonymous: bool) -> str:
    """The page, as HTML that loads nothing from elsewhere. The same results give the same page, byte for byte.

    is_anonymous: for showing it in class: no name, id, address, key or path is in the page, and nothing to mark.
    """
    if is_anonymous:
        results = anonymous(results)
    handed_in = [one for one in results.results if one.file]
    questions = asked_questions(results)
    texts = _texts(handed_in)
    question_points = [one.question_points for one in handed_in if one.question_points is not None]
    has_ids = any(one.student.id and one.student.name for one in results.results)
    script = Markup(one_script(WEB, "teacher.js"))
    page = render(
        "classroom/teacher.html",
        results=results,
        is_anonymous=is_anonymous,
        handed_in=len(handed_in),
        in_roster=sum(one.student.row is not None for one in results.results),
        strangers=sum(one.student.row is None for one in handed_in),
        late=sum(one.is_late for one in handed_in),
        due=None if results.due is None else in_full(results.due),
        mean_questions=f"{sum(question_points) / len(question_points):.1f}" if question_points else None,
        most_questions=points(results.most_questions),
        most_homework=points(results.most_homework),
        remarks=[one for one in results.results if one.remarks],
        few=LINES,
        has_ids=has_ids,
        heads=_heads(has_ids),
        questions=questions,
        first_answers=first_answers(results, questions, is_anonymous=is_anonymous),
        talk=to_talk_about(questions),
        few_answers=FEW,
        tasks=asked_tasks(results),
        notebooks=sum(bool(one.tasks) for one in handed_in),
        ranking=accuracies(results),
        to_run=[] if is_anonymous else _not_measured(handed_in),
        texts=texts,
        texts_all=sum(len(text.written) for text in texts),
        texts_left=sum(text.left for text in texts),
        drawings=_drawings(handed_in),
        called=called,
        at=lambda moment: as_due(moment, results.due),
        in_short=in_short,
        text_sum=text_sum,
        points=points,
        answer=answer,
        version=__version__,
        script=script,
        script_hash=policy_hash(script),
    )
    return whole(page)


def called(one: StudentResult) -> str:
    """What a student is called on the page: by name, else by what there is."""
    student = one.student
    return student.name or student.id or student.email or student.key


def _heads(has_ids: bool) -> list[tuple[str, str]]:
    """The table's headings, and what they sort by."""
    heads = [("Name", "text"), *([("Id", "text")] if has_ids else []), ("Handed in", "text"), ("Tries", "number")]
    return [*heads, ("Late", "number"), ("Questions", "number"), ("Homework", "number"), ("Accuracy", "number")]


def _texts(handed_in: Sequence[StudentResult]) -> list[TextQuestion]:
    had: dict[str, list[tuple[StudentResult, WrittenText]]] = defaultdict(list)
    for one in handed_in:
        for text in one.texts:
            if text.text.strip():
                had[text.id].append((one, text))
    return [
        TextQuestion(
            id=id,
            title=written[0][1].title,
            most=written[0][1].most,
            written=tuple(written),
            left=sum(text.points is None for _, text in written),
        )
        for id, written in sorted(had.items())
    ]


def _not_measured(handed_in: Sequence[StudentResult]) -> list[tuple[StudentResult, str, str, str]]:
    """Nets that were not measured: whose, which, why, and the command where the teacher may run it."""
    nets = [(one, net) for one in handed_in for net in one.nets if net.accuracy is None]
    return [(one, net.name, *told_command(net.says)) for one, net in nets]


def _drawings(handed_in: Sequence[StudentResult]) -> list[tuple[str, list[tuple[str, str]], int]]:
    """Label → pictures, each with who drew it, and how many there are beside those."""
    by_label: dict[str, dict[str, tuple[Drawing, str]]] = defaultdict(dict)
    for one in handed_in:
        for drawing in one.drawings:
            by_label[drawing.label].setdefault(drawing.digest, (drawing, called(one)))
    return [
        (
            label,
            [(_picture(drawing), who) for drawing, who in list(those.values())[:DRAWINGS]],
            max(0, len(those) - DRAWINGS),
        )
        for label, those in sorted(by_label.items())
    ]


def _picture(drawing: Drawing) -> str:
    return photograph(np.frombuffer(drawing.pixels, np.uint8).reshape(1, drawing.height, drawing.width))
