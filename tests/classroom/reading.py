"""A teacher's own files, valid ones, and all that is done with them, for who tries wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.classroom import exports

from cnnlab.classroom.asked import read_asked
from cnnlab.classroom.finder import Finder
from cnnlab.classroom.gradebook import fill, read_gradebook
from cnnlab.classroom.marks_table import marks_table
from cnnlab.classroom.results import ClassResults, StudentResult
from cnnlab.classroom.roster import record_of
from cnnlab.classroom.settings import GradeColumns, begun, read_class

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
