"""questions.json: what a lesson asks, with all numbers that a question may have; a class keeps a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from cnnlab.classroom.settings import QUESTIONS_FILE
from cnnlab.config import checked
from cnnlab.runs.records import ROUND_BYTES, parse_json, read_file

_Text = Annotated[str, Field(max_length=100_000)]


class _Record(BaseModel):
    """A frozen part of the file; keys that pages alone need are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Variant(_Record):
    """A question with one set of numbers, as `cnnlab.lesson.question.Question.to_page` gives it."""

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


class AskedQuestion(_Record):
    """A question. variants: the first one with the plain numbers, then those that differ from student to student."""

    id: str
    page: str
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]


class AskedText(_Record):
    """What is to be answered in a student's own words. title: of its page. text: what is asked."""

    id: str
    title: str
    text: _Text = ""


class AskedLesson(_Record):
    """Which lesson it is. made: tells it from others. data: the name of its images."""

    made: str
    data: str


class Asked(_Record):
    """All that a class was asked."""

    format: Literal[1]
    lesson: AskedLesson
    questions: tuple[AskedQuestion, ...]
    texts: tuple[AskedText, ...]


def read_asked(folder: Path) -> Asked | None:
    """What is asked; None where there is no questions.json. Raises UserError where it is damaged.

    folder: a lesson's, or that of a class to which one was handed out.
    """
    path = folder / QUESTIONS_FILE
    if not path.exists():
        return None
    values = parse_json(
        read_file(path, limit=ROUND_BYTES), str(path), mend="make the lesson again, or hand it out again"
    )
    return checked(Asked, values, str(path), is_file=True)
