"""A teacher's own files, valid ones, and all that is done with them, for who tries wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from tests.classroom import exports

from cnnlab.classroom.arrivals import arrivals
from cnnlab.classroom.asked import read_asked
from cnnlab.classroom.finder import Finder
from cnnlab.classroom.gradebook import fill, read_gradebook
from cnnlab.classroom.marks import read_marks
from cnnlab.classroom.marks_table import marks_table
from cnnlab.classroom.results import ClassResults, StudentResult
from cnnlab.classroom.roster import record_of
from cnnlab.classroom.settings import GradeColumns, begun, read_class
from cnnlab.classroom.store import read_store

TABLES = tuple(exports.ALL.values())
CLASS = begun("CNNs", withheld="mnist").model_dump_json().encode()
QUESTIONS = json.dumps(
    {
        "format": 1,
        "lesson": {"made": "ab", "data": "mnist-5k"},
        "questions": [{"id": "a-1", "page": "01-a.html", "variants": [{"text": "2 + 3?", "answer": 5}]}],
        "texts": [{"id": "homework-1", "page": "13-b.html", "title": "Homework 1", "text": "Why?"}],
    }
).encode()


MARKS = json.dumps(
    {
        "kind": "cnnlab marks",
        "format": 1,
        "class": "ab" * 6,
        "marks": {"s1001": {"homework-1": {"points": 1.5, "remark": "Why?"}, "homework-2": {"points": None}}},
    }
).encode()
ARRIVALS = json.dumps(
    {
        "format": 1,
        "hand_ins": {"ab" * 32: [{"path": "a/b.json", "time": "2026-12-01T10:00:00+00:00"}]},
        "lines": [{"path": "c.pdf", "says": "a PDF"}],
    }
).encode()


def _zipped(**files: bytes) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


#: What a platform's download may be: a zip with a hand-in, something else, and a student's own zip.
DOWNLOADS = (_zipped(a=b'{"kind":"cnnlab hand-in"}', essay=b"%PDF-1.7", own=_zipped(b=b"{}")), _zipped())


def read_and_fill(content: bytes) -> object:
    """Read a table as a roster, find all of its students again, and fill it as a gradebook."""
    table, columns = read_gradebook(content, "the table")
    record_of(table, columns)
    assert table.with_cells({}) == content
    finder = Finder.of(table, columns)
    for one in finder.students[:50]:
        finder.find(id=one.id, email=one.email, name=one.name, path=f"{one.name}_12345_assignsubmission_file_/x.json")
    results = tuple(replace(StudentResult(one), file="ab", question_points=1.25) for one in finder.students)
    whole = ClassResults("CNNs", "ab" * 6, None, results, (), "", 2.0, 1.0)
    marks_table(whole)
    return fill(content, whole, GradeColumns(), numbers=finder.numbers)


def download_in(folder: Path) -> Callable[[bytes], object]:
    """A reader of a download in a folder."""

    def read(content: bytes) -> object:
        path = folder / "download.zip"
        path.write_bytes(content)
        return [(one.path, one.says, len(one.data or b"")) for one in arrivals([path])]

    return read


def marks_in(folder: Path) -> Callable[[bytes], object]:
    """A reader of what the teacher's page saved, in a class's folder."""

    def read(content: bytes) -> object:
        (folder / "marks").mkdir(exist_ok=True)
        (folder / "marks" / "marks.json").write_bytes(content)
        return read_marks(folder, "ab" * 6)

    return read


def arrivals_in(folder: Path) -> Callable[[bytes], object]:
    """A reader of the list of what was collected, in a class's folder."""

    def read(content: bytes) -> object:
        (folder / "handed-in").mkdir(exist_ok=True)
        (folder / "handed-in" / "arrivals.json").write_bytes(content)
        return read_store(folder)

    return read


def class_in(folder: Path) -> Callable[[bytes], object]:
    """A reader of class.json in a folder."""

    def read(content: bytes) -> object:
        (folder / "class.json").write_bytes(content)
        return read_class(folder)

    return read


def questions_in(folder: Path) -> Callable[[bytes], object]:
    """A reader of questions.json in a folder."""

    def read(content: bytes) -> object:
        (folder / "questions.json").write_bytes(content)
        return read_asked(folder / "questions.json")

    return read
