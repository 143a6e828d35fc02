"""What a class's hand-ins come to, as plain data: marked by this room, drawn by `report/classroom/`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

#: How a question was answered, as the lesson's pages say it (`report/lesson/web/answers.js`).
Standing = Literal[
    "open", "right at the first try", "right later", "not right", "not decided", "shown without an answer"
]

#: What a check of the homework came to; nets and maps are code, which only a teacher may run.
TaskStanding = Literal["right", "off", "not filled in", "to be run by you"]


@dataclass(frozen=True)
class Student:
    """Somebody of the class.

    key: tells students apart, and names their files: letters, digits, `-` and `_` alone. row: in the roster, counted
    from 0; None for who is not in it. id, email, name: as the roster has them, or else the hand-in; "" for none.
    """

    key: str
    id: str
    email: str
    name: str
    row: int | None


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question as this student had it, and what was made of it.

    given: each try in turn; "" where what is held back was shown without one. slips: of each try what is off in it, ""
    where it is right or nothing is known of it. variant: which numbers, 0 for the plain ones. values: what each try
    comes to as a number, None for what is none, such as a choice.
    """

    id: str
    page: str
    text: str
    answer: str
    worked: str
    variant: int
    given: tuple[str, ...]
    slips: tuple[str, ...]
    standing: Standing
    points: float
    most: float
    values: tuple[float | None, ...] = ()


def text_sum(text: str) -> str:
    """What tells a text from another that was handed in instead: 16 hex digits."""
    return sha256(text.encode(errors="replace")).hexdigest()[:16]


@dataclass(frozen=True)
class WrittenText:
    """A text in the student's words. points: None until the teacher has marked it; remark: the teacher's.

    marked: `text_sum` of the text that the mark is of, "" where that is not known; a later hand-in may have another.
    """

    id: str
    title: str
    text: str
    points: float | None
    most: float
    remark: str
    marked: str = ""


@dataclass(frozen=True)
class CheckedTask:
    """A task of the notebook, checked by its value as it stands there. says: what the check says, or a command."""

    id: str
    title: str
    standing: TaskStanding
    says: str
    points: float
    most: float


@dataclass(frozen=True)
class MeasuredNet:
    """A handed-in net, measured on the withheld images.

    name: of its file or run. net: "lenet5" and so on. digest: of its weights, SHA-256. accuracy, low, high: shares of
    `images`, with the 95 % interval; None where it was not measured, and then `says` tells why, with a command where
    the teacher may run it. claimed: the test accuracy that the file gives itself; it counts for nothing.
    """

    name: str
    net: str
    digest: str
    accuracy: float | None
    low: float | None
    high: float | None
    images: int
    says: str
    claimed: float | None


@dataclass(frozen=True)
class Drawing:
    """An image that the student drew. pixels: rows·columns bytes, 0 to 255, row by row. digest: theirs, SHA-256."""

    label: str
    height: int
    width: int
    pixels: bytes
    digest: str


@dataclass(frozen=True)
class StudentResult:
    """What a student handed in, and what it came to.

    file: the hand-in that counts; "" where there is none, and then everything else is empty. tries: hand-ins of this
    student. arrived: by the time of the file; None where that is not known. remarks: what was noticed, a sentence each:
    said, never judged. questions, homework: points and the most there are; homework's are None while a text is
    unmarked. best: the net that counts for accuracy.
    """

    student: Student
    file: str = ""
    tries: int = 0
    arrived: datetime | None = None
    is_late: bool = False
    answered: tuple[AnsweredQuestion, ...] = ()
    texts: tuple[WrittenText, ...] = ()
    tasks: tuple[CheckedTask, ...] = ()
    nets: tuple[MeasuredNet, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    remarks: tuple[str, ...] = ()
    question_points: float | None = None
    homework_points: float | None = None
    best: MeasuredNet | None = None


@dataclass(frozen=True)
class ClassResults:
    """A class, all students of the roster in its order, then who is not in it.

    lines: what was found among the files and is nobody's hand-in, or could not be read; a line each. withheld: the
    images that nets were measured on, in words. most: points for questions and for homework. order_key: decides about
    the order of students where they have no names (`variants.order_key`).
    """

    name: str
    made: str
    due: datetime | None
    results: tuple[StudentResult, ...]
    lines: tuple[str, ...]
    withheld: str
    most_questions: float
    most_homework: float
    order_key: str = ""
