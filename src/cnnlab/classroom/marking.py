"""One student's hand-ins, marked: from what was given, never from what a file says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cnnlab.classroom.hand_in import Given, HandIn
from cnnlab.classroom.judging import Judged, judge, standing
from cnnlab.classroom.marks import Mark
from cnnlab.classroom.measuring import LookedAt
from cnnlab.classroom.notebook import TASKS, check_notebook
from cnnlab.classroom.one_line import one_line
from cnnlab.classroom.questions import Question, Questions
from cnnlab.classroom.results import (
    AnsweredQuestion,
    CheckedTask,
    Drawing,
    Standing,
    StudentResult,
    WrittenText,
    text_sum,
)
from cnnlab.classroom.settings import ClassSettings, Points
from cnnlab.classroom.tries import Try
from cnnlab.classroom.variants import plain_id, variant_of
from cnnlab.errors import UserError

#: The most drawings of a student that are shown.
MOST_DRAWINGS = 60


@dataclass(frozen=True)
class Marked:
    """A student's result, and what is to be said of it: a sentence each. looked_at: their nets, openings: how often the
    most opened run in the playground looked at the test images.
    """

    result: StudentResult
    notes: tuple[str, ...]
    looked_at: tuple[LookedAt, ...]
    openings: int
    tries: tuple[Try, ...]


class Marking:
    """Marks students of one class."""

    def __init__(
        self,
        settings: ClassSettings,
        key: str,
        asked: Questions | None,
        marks: Mapping[tuple[str, str], Mark],
        measured: Callable[[HandIn], Sequence[LookedAt]],
    ) -> None:
        """key: of the class's numbers. asked: None where nothing was handed out. measured: a hand-in's nets."""
        self.settings, self.key, self.asked, self.marks, self.measured = settings, key, asked, marks, measured

    def of(self, tries: Sequence[Try], parts: Sequence[tuple[Try, HandIn]]) -> Marked:
        """What a student's hand-ins come to. tries: all of them. parts: those that count, whole; at least one."""
        notes: list[str] = []
        student = parts[0][0].student
        answered = self._answered(parts, notes)
        tasks = self._tasks(parts, notes)
        texts = self._texts(student.key, parts, notes)
        nets: dict[str, LookedAt] = {}
        for _, hand_in in parts:
            for one in self.measured(hand_in):
                nets.setdefault(one.net.digest, one)
        drawings = self._drawings(parts, notes)
        measured = [one.net for one in nets.values() if one.net.accuracy is not None]
        times = [one.time for one, _ in parts if one.time is not None]
        result = StudentResult(
            student=student,
            file=", ".join(one.path for one, _ in parts),
            tries=len(tries),
            arrived=max(times, default=None),
            is_late=any(one.is_late(self.settings.due) for one, _ in parts),
            answered=answered or (),
            texts=texts,
            tasks=tasks,
            nets=tuple(one.net for one in nets.values()),
            drawings=drawings,
            question_points=None if answered is None else sum(one.points for one in answered),
            homework_points=_homework_points(texts, tasks),
            best=max(measured, key=lambda net: net.accuracy or 0.0, default=None),
        )
        openings = max((most for _, one in parts for record in one.playground for most in record.openings), default=0)
        return Marked(result, tuple(notes), tuple(nets.values()), openings, tuple(one for one, _ in parts))

    def _answered(self, parts: Sequence[tuple[Try, HandIn]], notes: list[str]) -> tuple[AnsweredQuestion, ...] | None:
        """Each question and its answers; None where they are not marked."""
        asked = self.asked
        if asked is None:
            return None
        with_answers = [(one, hand_in) for one, hand_in in parts if hand_in.answers] or [parts[0]]
        one, hand_in = with_answers[0]
        if hand_in.lesson_made not in (None, asked.lesson_made):
            other = one_line(hand_in.lesson_made or "")
            notes.append(
                f"{one.path} is of another lesson, {other}; expected {asked.lesson_made}: its answers are not marked"
            )
            return None
        if hand_in.class_made not in (None, self.settings.made):
            notes.append(
                f"{one.path} is of another class, {one_line(hand_in.class_name or hand_in.class_made or '')}; expected "
                f"{self.settings.name}: its answers are not marked"
            )
            return None
        has_numbers = hand_in.class_made is not None
        has_id = has_numbers and plain_id(hand_in.student_id) != ""
        if hand_in.answers and not has_id and any(len(each.variants) > 1 for each in asked.questions):
            why = "names no id" if has_numbers else "comes from pages that were not handed out to this class"
            notes.append(f"{one.path} {why}: the plain numbers count")
        questions = tuple(
            self._question(question, hand_in.answers.get(question.id, ()), hand_in.student_id if has_numbers else "")
            for question in asked.questions
        )
        left_out = sum(
            len(hand_in.answers.get(question.id, ())) - len(each.given)
            for question, each in zip(asked.questions, questions, strict=True)
        )
        if left_out:
            what = (
                "answers are none that their questions take"
                if left_out > 1
                else "answer is none that its question takes"
            )
            notes.append(f"{left_out} {what}: left out")
        strange = sorted(hand_in.answers.keys() - {question.id for question in asked.questions})
        if strange:
            what = "answers are to questions" if len(strange) > 1 else "answer is to a question"
            notes.append(f"{len(strange)} {what} that nobody asked here: left out")
        return questions

    def _question(self, question: Question, given: Sequence[Given], id: str) -> AnsweredQuestion:
        index = variant_of(self.key, id, question.id, len(question.variants))
        variant = question.variants[index]
        to_judge = variant.to_judge()
        tries: list[tuple[str, Judged]] = []
        for one in given:
            judged = Judged(None, "") if one.given == "" else judge(to_judge, one.given)
            if judged is not None:
                tries.append((one.given, judged))
        how = standing([(text, judged.right) for text, judged in tries])
        slips = set(variant.slips.values())
        return AnsweredQuestion(
            id=question.id,
            page=question.page,
            text=variant.text,
            answer=variant.answer,
            worked=variant.worked,
            variant=index,
            given=tuple(text for text, _ in tries),
            slips=tuple(judged.says if judged.says in slips else "" for _, judged in tries),
            standing=how,
            points=points_for(how, self.settings.points) if variant.graded else 0.0,
            most=self.settings.points.first if variant.graded else 0.0,
            values=tuple(judged.value for _, judged in tries),
        )

    def _tasks(self, parts: Sequence[tuple[Try, HandIn]], notes: list[str]) -> tuple[CheckedTask, ...]:
        for one, hand_in in parts:
            if hand_in.notebook is not None:
                try:
                    return check_notebook(hand_in.notebook.text, points=self.settings.points.task)
                except UserError as error:
                    notes.append(f"the notebook of {one.path} cannot be read: {error}")
        return ()

    def _texts(self, key: str, parts: Sequence[tuple[Try, HandIn]], notes: list[str]) -> tuple[WrittenText, ...]:
        """Each text that was asked for, in the words of the pages and of the playground; then what else was written."""
        hand_ins = [hand_in for _, hand_in in parts]
        most = self.settings.points.text
        found = []
        for asked in () if self.asked is None else self.asked.texts:
            words = [hand_in.texts.get(asked.id, "") for hand_in in hand_ins]
            words += [
                text
                for hand_in in hand_ins
                for record in hand_in.playground
                for number, text in sorted(record.words.items())
                if f"homework-{number}" == asked.id
            ]
            text = "\n\n".join(dict.fromkeys(word.strip() for word in words if word.strip()))
            mark = self.marks.get((key, asked.id), Mark())
            points = mark.points if text else 0.0
            found.append(WrittenText(asked.id, asked.title, text, points, most, mark.remark, mark.of))
        more = "\n\n".join(dict.fromkeys(one.text.strip() for one in hand_ins if one.text.strip()))
        if more:
            mark = self.marks.get((key, "text"), Mark())
            found.append(WrittenText("text", "What was written with it", more, 0.0, 0.0, mark.remark, mark.of))
        notes += [
            f"the text “{each.title}” is another than the one that was marked: look at it again"
            for each in found
            if each.text and each.marked and each.marked != text_sum(each.text)
        ]
        return tuple(found)

    def _drawings(self, parts: Sequence[tuple[Try, HandIn]], notes: list[str]) -> tuple[Drawing, ...]:
        drawings = {
            (each.label, each.digest): each
            for _, hand_in in parts
            for record in hand_in.playground
            for each in record.drawings
        }
        if len(drawings) > MOST_DRAWINGS:
            notes.append(f"{len(drawings)} drawings were handed in, of which the first {MOST_DRAWINGS} are shown")
        return tuple(drawings.values())[:MOST_DRAWINGS]


def points_for(how: Standing, points: Points) -> float:
    """What a graded question gives."""
    return {"right at the first try": points.first, "right later": points.later}.get(how, 0.0)


def _homework_points(texts: Sequence[WrittenText], tasks: Sequence[CheckedTask]) -> float | None:
    if any(text.points is None for text in texts):
        return None
    return sum(text.points or 0.0 for text in texts) + sum(task.points for task in tasks)


def most_points(asked: Questions | None, points: Points, *, has_notebooks: bool) -> tuple[float, float]:
    """The most there is for questions and for homework. has_notebooks: whether anybody handed in a notebook."""
    questions = () if asked is None else asked.questions
    texts = 0 if asked is None else len(asked.texts)
    tasks = sum(task.says_of is not None for task in TASKS) if has_notebooks else 0
    return sum(points.first for one in questions if one.variants[0].graded), texts * points.text + tasks * points.task
