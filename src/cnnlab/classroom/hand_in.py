"""A hand-in: one file of a student's, read as if a stranger had written it.

What it says of itself, such as which answers are right, is not read: marks come of what was given.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from cnnlab.classroom.hand_in_form import AnswersForm, HandInForm, PlaygroundForm
from cnnlab.classroom.results import Drawing
from cnnlab.config import checked
from cnnlab.errors import UserError
from cnnlab.runs.records import parse_json
from cnnlab.strict_json import strict_json

KIND = "cnnlab hand-in"
PLAYGROUND_KIND = "cnnlab playground record"
FORMAT = 1

#: Of a hand-in, the most bytes, and the most values, lists and pairs: they take memory that its bytes do not show.
BYTES = 64_000_000
VALUES = 4_000_000

#: The bytes around a hand-in's sum and its content: a file with others was written anew by something else.
_HEAD, _MIDDLE, _TAIL = f'{{"kind":"{KIND}","format":{FORMAT},"sha256":"'.encode(), b'","content":', b"}\n"
#: The file at fault, to its readers.
_WHAT = "the hand-in"

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
    text = strict_json(content).encode()
    file = _HEAD + _sum_of(text, key).encode() + _MIDDLE + text + _TAIL
    if len(file) > BYTES:
        raise UserError(
            f"{_WHAT} has {len(file):,} bytes; expected at most {BYTES:,}: leave out a run, or the notebook's outputs"
        )
    return file


def read_hand_in(data: bytes, key: str | None) -> HandIn:
    """What a hand-in's file holds; a record of the playground and the answers of a lesson are taken as one, too.

    data: the file. key: the class's, None without a class; a file of no class has its sum without one. A file that
    names another class counts as edited here, as nobody but that class can tell.
    Raises UserError, with the place in the file that is at fault.
    """
    record = parse_json(_as_text(data), _WHAT, mend="ask for it again")
    kind = record.get("kind")
    if kind == KIND:
        return _of_hand_in(record, data, key)
    if kind == PLAYGROUND_KIND:
        return _of_playground(checked(PlaygroundForm, record, "the playground's record"))
    if kind is None and {"questions", "lesson"} <= record.keys():
        return _of_answers(checked(AnswersForm, record, "the lesson's answers"))
    says = f"its kind is {kind[:100]!r}" if isinstance(kind, str) else "it does not say its kind"
    raise UserError(f"it is no hand-in ({says}); expected one, or a record of the playground: ask for it again")


def _as_text(data: bytes) -> str:
    """The file's text, as an editor may have saved it, too. Raises UserError for what would fill the memory."""
    if len(data) > BYTES:
        raise UserError(f"{_WHAT} has {len(data):,} bytes; expected at most {BYTES:,}: ask for fewer runs and nets")
    try:
        text = data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")
    except UnicodeError:
        raise UserError(f"{_WHAT} is damaged: it is not UTF-8; expected JSON: ask for it again") from None
    values = sum(text.count(sign) for sign in ",[{")
    if values > VALUES:
        raise UserError(f"{_WHAT} may hold {values:,} values; expected at most {VALUES:,}: it is no file of this kind")
    return text


def _of_hand_in(record: dict[str, Any], data: bytes, key: str | None) -> HandIn:
    version = record.get("format")
    if type(version) is not int or version != FORMAT:
        says = f"format {version}" if type(version) is int and version < 10**6 else "a format that is no small number"
        raise UserError(f"{_WHAT} was made by a newer cnnlab: {says}; expected {FORMAT}: read it with that")
    content = checked(HandInForm, record, _WHAT).content
    group, lesson, notebook = content.group, content.lesson, content.notebook
    keys = {key, None} if group is None else {key}
    return HandIn(
        form="hand-in",
        is_edited=not any(_is_as_saved(data, each) for each in keys),
        made_by=content.made_by,
        cnnlab=content.cnnlab,
        student_id=content.student.id,
        student_name=content.student.name,
        saved=content.saved,
        class_name=None if group is None else group.name,
        class_made=None if group is None else group.made,
        lesson_made=None if lesson is None else lesson.made,
        answers={each.id: _tries(each.given) for each in content.answers if each.given},
        texts={each.id: each.text for each in content.texts},
        playground=tuple(map(_record, content.playground)),
        weights=tuple(NamedBytes(each.name, each.content) for each in content.weights),
        runs=tuple(HandedRun(run.name, {each.name: each.whole() for each in run.files}) for run in content.runs),
        notebook=None if notebook is None else NamedText(notebook.name, notebook.text),
        text=content.text,
    )


def _of_playground(form: PlaygroundForm) -> HandIn:
    return HandIn(
        form="playground record",
        is_edited=False,
        made_by="playground",
        cnnlab=form.page,
        student_id=form.id,
        student_name=form.name,
        saved=form.saved,
        playground=(_record(form),),
    )


def _of_answers(form: AnswersForm) -> HandIn:
    return HandIn(
        form="lesson answers",
        is_edited=False,
        made_by="lesson page",
        cnnlab=form.lesson.cnnlab,
        student_id="",
        student_name=form.name,
        saved=form.saved,
        lesson_made=form.lesson.made,
        answers={each.id: _tries(each.given) for each in form.questions if each.given},
    )


def _tries(given: Iterable[Any]) -> tuple[Given, ...]:
    return tuple(Given(each.given, each.when) for each in given)


def _record(form: PlaygroundForm) -> PlaygroundRecord:
    return PlaygroundRecord(
        id=form.id,
        name=form.name,
        saved=form.saved,
        data=form.data.name,
        openings=tuple(len(run.test_openings) for run in form.runs),
        words={each.number: each.words for each in form.homework if each.words},
        nets=tuple(NamedBytes(net.name, net.content) for net in form.nets),
        drawings=tuple(_drawing(each.label, each.shape, each.pixels) for each in form.drawn),
    )


def _drawing(label: str, shape: tuple[int, int, int], pixels: bytes) -> Drawing:
    """An image in gray: of a coloured one the brightness of each pixel. Its digest is of all that was drawn."""
    channels, height, width = shape
    digest = hashlib.sha256(pixels).hexdigest()
    if channels == 3:
        red, green, blue = np.frombuffer(pixels, np.uint8).reshape(3, -1).astype(np.uint32)
        pixels = ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(np.uint8).tobytes()
    return Drawing(label, height, width, pixels, digest)


def _is_as_saved(data: bytes, key: str | None) -> bool:
    """Whether the bytes are those of a hand-in as it was written, with the sum of this key."""
    end = len(_HEAD) + 64
    if not (data.startswith(_HEAD) and data.startswith(_MIDDLE, end) and data.endswith(_TAIL)):
        return False
    content = data[end + len(_MIDDLE) : -len(_TAIL)]
    return data[len(_HEAD) : end] == _sum_of(content, key).encode()


def _sum_of(content: bytes, key: str | None) -> str:
    return hashlib.sha256(f"{key or ''}\n".encode() + content).hexdigest()
