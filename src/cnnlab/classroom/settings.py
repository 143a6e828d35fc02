"""class.json: what a class is called, what is due when, how it is marked, and its secret."""

from __future__ import annotations

import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from cnnlab.config import Strict, checked
from cnnlab.errors import UserError
from cnnlab.plain_files import place_in, read_plain
from cnnlab.runs.records import RECORD_BYTES, parse_json, unreadable
from cnnlab.strict_json import strict_json
from cnnlab.whole_files import disk_error, write_whole

#: The files of a class's folder.
CLASS_FILE, ROSTER_FILE, QUESTIONS_FILE = "class.json", "roster.csv", "questions.json"
#: Its folders: what was handed in, what the teacher's page saved, and what collecting comes to.
HANDED_IN, MARKS, COLLECTED = "handed-in", "marks", "collected"
#: Images that nets are measured on, at most, unless class.json says otherwise.
WITHHELD_IMAGES = 2000

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
_MONTHS += ("November", "December")

_Points = Annotated[float, Field(ge=0, le=1000)]
_Title = Annotated[str, Field(min_length=1, max_length=200)]


class Points(Strict):
    """What a right answer at the first try and a later one, a text, and a task of the notebook are worth, each."""

    first: _Points = 1.0
    later: _Points = 0.5
    text: _Points = 2.0
    task: _Points = 1.0


class Withheld(Strict):
    """Which images handed-in nets are measured on, and how many of them at most; data: null for none."""

    data: _Title | None
    images: int = Field(WITHHELD_IMAGES, ge=1, le=1_000_000)


class GradeColumns(Strict):
    """The titles of the columns of a gradebook that are filled, or else added."""

    questions: _Title = "cnnlab questions"
    homework: _Title = "cnnlab homework"
    accuracy: _Title = "cnnlab accuracy"


class RosterFile(Strict):
    """The roster as it was exported, and the titles of the columns that tell who somebody is.

    name: one column with the whole name, or two: first names, last names.
    """

    file: Literal["roster.csv"] = ROSTER_FILE
    id: str | None
    email: str | None
    name: tuple[str, ...] = Field(max_length=2)


class ClassSettings(Strict):
    """What class.json holds. made: tells this class from another, 12 hex digits. secret: 64 of them; it stays here."""

    format: Literal[1] = 1
    name: str = Field(min_length=1, max_length=100)
    made: str = Field(pattern="^[0-9a-f]{12}$")
    secret: str = Field(pattern="^[0-9a-f]{64}$", repr=False)
    due: AwareDatetime | None = None
    points: Points = Points()
    withheld: Withheld
    columns: GradeColumns = GradeColumns()
    roster: RosterFile | None = None


def begun(
    name: str, *, due: datetime | None = None, withheld: str | None = None, roster: RosterFile | None = None
) -> ClassSettings:
    """Settings of a new class, with a secret of its own. Raises UserError for a name, or images, that cannot be."""
    values = {
        "name": " ".join(name.split()),
        "made": secrets.token_hex(6),
        "secret": secrets.token_hex(32),
        "due": due,
        "withheld": {"data": withheld},
        "roster": roster,
    }
    return checked(ClassSettings, values, "the class")


def class_folder(given: Path | None) -> Path:
    """The class's folder: the one that is named, or else the current one. Raises UserError where that is none."""
    if given is None and not (Path() / CLASS_FILE).is_file():
        raise UserError(
            f"the current folder is no class, as it has no {CLASS_FILE}; expected one that `cnnlab class new` made: go "
            "there, or name it"
        )
    folder = Path() if given is None else given
    read_class(folder)
    return folder


def read_class(folder: Path) -> ClassSettings:
    """The settings of the class that a folder holds. Raises UserError where it holds none, or a damaged one."""
    path = folder / CLASS_FILE
    try:
        content = read_plain(path, limit=RECORD_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        there = "is no class, as it has no class.json" if folder.is_dir() else "is no folder"
        raise UserError(
            f"{folder} {there}; expected the folder that `cnnlab class new` made: name it, or make one"
        ) from None
    except OSError as error:
        raise unreadable(path, error) from None
    values = parse_json(content, str(path), mend="mend it, or take it from a copy of the folder")
    return checked(ClassSettings, values, str(path), is_file=True)


def write_class(folder: Path, settings: ClassSettings) -> None:
    """Write class.json, for its owner's eyes alone. Raises UserError when the disk refuses."""
    path = place_in(folder, CLASS_FILE)
    write_whole(path, (strict_json(settings.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode())
    try:
        os.chmod(path, 0o600)
    except OSError as error:
        raise disk_error(path, error) from error


def in_full(moment: datetime) -> str:
    """`Friday, 4 December 2026, 18:00`, in the moment's own zone and in English on any machine."""
    day, month = _WEEKDAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day} {month} {moment.year}, {moment:%H:%M}"


def due_text(due: datetime | None) -> str:
    """When hand-ins are due, in full; "" for never."""
    return "" if due is None else in_full(due)
