"""What a class was asked, as it is marked: each question with all its numbers, checked before an answer is judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cnnlab.classroom.asked import AskedText, read_asked
from cnnlab.classroom.settings import QUESTIONS_FILE
from cnnlab.config import checked
from cnnlab.errors import UserError

_Text = Annotated[str, Field(max_length=100_000)]


class Variant(BaseModel):
    """A question with one set of numbers, as `cnnlab.lesson.question.Question.to_page` gives it.

    What pages alone need of it is left alone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    text: _Text
    answer: str
    worked: str
    choices: tuple[str, ...]
    slips: dict[str, str]
    unit: str
    tolerance: float = Field(ge=0)
    graded: bool

    def to_judge(self) -> dict[str, Any]:
        """As `judging.judge` takes it."""
        return self.model_dump()


@dataclass(frozen=True)
class Question:
    """variants: the first one with the plain numbers, then those that differ from student to student."""

    id: str
    page: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Questions:
    """All that a class was asked. lesson_made: tells the lesson from others. data: the name of its images."""

    lesson_made: str
    data: str | None
    questions: tuple[Question, ...]
    texts: tuple[AskedText, ...]


def read_questions(folder: Path) -> Questions | None:
    """What a class was asked; None where nothing was handed out. Raises UserError where questions.json is damaged."""
    path = folder / QUESTIONS_FILE
    try:
        asked = read_asked(path)
    except FileNotFoundError:
        return None
    made, data = asked.lesson.get("made"), asked.lesson.get("data")
    if not isinstance(made, str):
        raise UserError(f"{path} does not say which lesson it is of; expected one: run cnnlab class hand-out again")
    return Questions(
        lesson_made=made,
        data=data if isinstance(data, str) else None,
        questions=tuple(
            Question(one.id, one.page, tuple(checked(Variant, each, f"{path}: {one.id}") for each in one.variants))
            for one in asked.questions
        ),
        texts=asked.texts,
    )
