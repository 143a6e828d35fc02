"""A hand-in: one file of a student's, read as if a stranger had written it.

What it says of itself, such as which answers are right, is not read: marks come of what was given.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cnnlab.classroom.results import Drawing
from cnnlab.errors import UserError
from cnnlab.runs.records import parse_json
from cnnlab.strict_json import strict_json

KIND = "cnnlab hand-in"
FORMAT = 1

#: Of a hand-in, the most bytes, and the most values, lists and pairs: they take memory that its bytes do not show.
BYTES = 64_000_000
VALUES = 4_000_000

#: What a file that counts as a hand-in is: one, or what a page saved before there were any.
Form = Literal["hand-in", "playground record", "lesson answers"]


@dataclass(frozen=True)
class Given:
    """A try at a question. given: as it was typed; "" where what is held back was shown without one. when: ISO 8601, or
    whatever stands there.
    """

    given: str
    when: str


@dataclass(frozen=True)
class NamedBytes:
    """A file. name: a single one, without folders, of at most 100 letters."""

    name: str
    content: bytes


@dataclass(frozen=True)
class NamedText:
    """A file of text. name: as of `NamedBytes`."""

    name: str
    text: str


@dataclass(frozen=True)
class PlaygroundRecord:
    """What the playground's page saved of what was tried in it.

    id, name: the student's, as typed there. data: the name of the images. openings: how often each run opened the test
    images, a number a run that was tried. words: homework's number → what the student made of it. nets: safetensors
    files. drawings: what was drawn and named.
    """

    id: str
    name: str
    saved: str
    data: str
    openings: tuple[int, ...]
    words: Mapping[int, str]
    nets: tuple[NamedBytes, ...]
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class HandedRun:
    """A run folder without its checkpoints. files: name → content, text as UTF-8; names as of `NamedBytes`."""

    name: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class HandIn:
    """What a student handed in.

    form: what kind of file it was. is_edited: it is not as it was saved; False for forms that carry no sum. made_by:
    "lesson page", "cnnlab hand-in" or "playground". student_id, student_name: as typed, "" for none. class_made,
    lesson_made: which class and which lesson, None for none. saved: when, ISO 8601, by its own word. answers: question
    id → tries, the first one first. texts: text id → the student's words.
    """

    form: Form
    is_edited: bool
    made_by: str
    cnnlab: str
    student_id: str
    student_name: str
    saved: str
    class_name: str | None = None
    class_made: str | None = None
    lesson_made: str | None = None
    answers: Mapping[str, tuple[Given, ...]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    playground: tuple[PlaygroundRecord, ...] = ()
    weights: tuple[NamedBytes, ...] = ()
    runs: tuple[HandedRun, ...] = ()
    notebook: NamedText | None = None
    text: str = ""


def write_hand_in(content: Mapping[str, Any], key: str | None) -> bytes:
    """The file of a hand-in. content: what it holds, as JSON has it. key: the class's, None without a class.

    Raises UserError where it would be longer than one may be.
    """
    text = strict_json(content)
    file = f'{{"kind":"{KIND}","format":{FORMAT},"sha256":"{_sum_of(text, key)}","content":{text}}}\n'.encode()
    if len(file) > BYTES:
        raise UserError(
            f"the hand-in has {len(file):,} bytes; expected at most {BYTES:,}: leave out a run or the notebook's outputs"
        )
    return file


def read_hand_in(data: bytes, key: str | None) -> HandIn:
    """What a hand-in's file holds; a playground's record and the answers of a lesson's page are taken as one, too.

    data: the file. key: the class's, None without a class.
    Raises UserError, with the place in the file that is at fault.
    """
    raise NotImplementedError


def _sum_of(content: str, key: str | None) -> str:
    return hashlib.sha256(f"{key or ''}\n{content}".encode()).hexdigest()
