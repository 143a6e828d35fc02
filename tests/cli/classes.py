"""A small lesson to hand out, and stand-ins for what marks and draws, which have tests of their own."""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from cnnlab.classroom.finder import Finder
from cnnlab.classroom.results import ClassResults, MeasuredNet, Student, StudentResult
from cnnlab.classroom.roster import student_key
from cnnlab.classroom.settings import read_class
from cnnlab.data import load
from cnnlab.lesson import sizes
from cnnlab.lesson.record import LessonRecord

SLOT = '<script type="application/json" id="class">null</script>'
#: The modules that use what is stood in for.
WORKFLOWS = ("cnnlab.workflows.classroom", "cnnlab.workflows.class_handout")


def numbers_key(secret: str) -> str:
    return hmac.new(bytes.fromhex(secret), b"question numbers", hashlib.sha256).hexdigest()[:32]


def assignment_sheet(settings: Any, *, questions: int, texts: Any, lesson_data: str) -> str:
    titles = ", ".join(title for title, _ in texts)
    return f"<main>{questions} questions; {titles}; {lesson_data}; <a href='index.html'>back</a></main>"


def collect(folder: Path, given: Any, *, data_root: Any, say: Any, to_run: Any) -> ClassResults:
    """Every `*.txt` of the folders that were given is a hand-in of the student whom its first line names."""
    kept = folder / "handed-in"
    kept.mkdir(exist_ok=True)
    lines = []
    for path in sorted(path for each in given for path in each.rglob("*.txt")):
        (kept / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.json").write_bytes(path.read_bytes())
    settings = read_class(folder)
    finder = Finder.of_class(folder, settings)
    handed: dict[Student, str] = {}
    for path in sorted(kept.glob("*.json")):
        name = path.read_text()
        student = finder.find(name=name).student
        if student is None and finder.students:
            lines.append(f"{name} is nobody's")
        else:
            handed[student or Student(student_key("", "", name), "", "", name, None)] = path.stem
    say("measuring")
    net = MeasuredNet("a", "lenet5", "ab", 0.5, 0.4, 0.6, 100, "", None)
    results = [
        StudentResult(one, handed[one], 1, None, True, question_points=1.5, homework_points=None, best=net)
        if one in handed
        else StudentResult(one)
        for one in dict.fromkeys([*finder.students, *handed])
    ]
    return ClassResults(settings.name, settings.made, settings.due, tuple(results), tuple(lines), "none", 2.0, 8.0)


def teacher_page(results: ClassResults, *, is_anonymous: bool) -> str:
    return "a class" if is_anonymous else ", ".join(one.student.name for one in results.results)


def feedback_page(result: StudentResult, results: ClassResults) -> str:
    return f"{result.student.name} of {results.name}"


@contextmanager
def stand_ins() -> Iterator[None]:
    """What the commands call of other parts, as above, for as long as the block runs."""
    parts = {
        "cnnlab.classroom.variants": {"numbers_key": numbers_key},
        "cnnlab.classroom.collecting": {"collect": collect},
        "cnnlab.report.classroom.sheet": {"assignment_sheet": assignment_sheet},
        "cnnlab.report.classroom.teacher": {"teacher_page": teacher_page},
        "cnnlab.report.classroom.feedback": {"feedback_page": feedback_page},
    }
    before = {name: sys.modules.get(name) for name in (*parts, *WORKFLOWS)}
    try:
        for name, functions in parts.items():
            sys.modules[name] = ModuleType(name)
            vars(sys.modules[name]).update(functions)
        for name in WORKFLOWS:
            sys.modules.pop(name, None)
            importlib.import_module(name)
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def make_lesson(folder: Path, *, answer: float = 5.0) -> Path:
    """A finished lesson of three pages, as `cnnlab lesson` leaves one, without nets."""
    folder.mkdir()
    record = LessonRecord(folder / "lesson.json", sizes.quick("mnist-5k", "mnist-5k"), load("mnist-5k"), seed=0)
    with record.part("pages"):
        pass
    script = f'{SLOT}\n<script type="application/json" id="record">{{"a": null}}</script>'
    links = '<a href="01-a.html">a</a> <a href="anatomy.html">b</a> <a href="playground.html">c</a>'
    (folder / "index.html").write_text(f"<header><h1>The lesson</h1>\n</header>\n<main>{links}</main>{script}")
    (folder / "01-a.html").write_text(f'<main><a href="index.html">back</a></main>{script}')
    (folder / "anatomy.html").write_text("<main>no script</main>")
    (folder / "playground.html").write_text("<main>a playground</main>")
    (folder / "questions.json").write_text(json.dumps(questions(record.made, answer)))
    return folder


def questions(made: str, answer: float) -> dict[str, Any]:
    variant = {"id": "a-1", "text": "2 + 3?", "answer": answer}
    return {
        "format": 1,
        "lesson": {"made": made, "data": "mnist-5k", "seed": 0},
        "questions": [{"id": "a-1", "page": "01-a.html", "variants": [variant, variant]}],
        "texts": [{"id": "homework-1", "page": "01-a.html", "title": "Homework 1", "text": "Why?"}],
    }
