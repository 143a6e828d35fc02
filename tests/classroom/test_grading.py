"""docs/how-to/grading.md, taken literally: nbgrader makes its course and gives the points that the page promises."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "grading.md").read_text()
BLANKS = {
    "after_conv": "26",
    "after_pool": "13",
    "parameters_conv1": "320",
    "parameters_conv2": "18_496",
    "parameters_norm": "64",
    "my_cnn": "nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 26 * 26, 10))",
}
#: Student → test → points.
POINTS = {
    "right": {"test-conv": 1, "test-pool": 1, "test-parameters": 3, "test-net": 2},
    "wrong": {"test-conv": 0, "test-pool": 1, "test-parameters": 1, "test-net": 0},
    "blank": {"test-conv": 0, "test-pool": 0, "test-parameters": 0, "test-net": 0},
    "edited": {"test-conv": 1, "test-pool": 0, "test-parameters": 3, "test-net": 2},
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("nbgrader") is None, reason="nbgrader is missing: install '.[grading]'"
    ),
]


def block(language: str, begin: str) -> str:
    (found,) = re.findall(rf"```{language}\n({re.escape(begin)}.*?)```", PAGE, re.DOTALL)
    return found


def run(line: str, folder: Path, *, ends_with: int = 0) -> str:
    """A command of the page; those of Python by the one that runs the tests."""
    name, *arguments = shlex.split(line)
    program = [sys.executable, "-m", name] if name in ("jupytext", "nbgrader") else [name]
    done = subprocess.run([*program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == ends_with, done.stdout + done.stderr
    return done.stderr


def filled(release: Path, **answers: str):
    """The released notebook with answers in place of its blanks."""
    notebook = nbformat.read(release, as_version=4)
    for cell in notebook.cells:
        for name, answer in answers.items():
            cell.source = re.sub(rf"^{name} = \.\.\.", f"{name} = {answer}", cell.source, flags=re.MULTILINE)
    return notebook


def hand_in(notebook, student: str, folder: Path) -> None:
    submitted = folder / "submitted" / student / "sizes" / "sizes.ipynb"
    submitted.parent.mkdir(parents=True)
    nbformat.write(notebook, submitted)


def points_of(student: str, folder: Path) -> dict[str, float]:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
        grades = gradebook.find_submission_notebook("sizes", "sizes", student).grades
        return {grade.name: grade.auto_score for grade in grades if grade.name != "words"}


def graded_as(cell) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def edited(release: Path):
    """Answers in a cell of the student's own, cells deleted, split and turned, a test weakened, metadata lost."""
    notebook = filled(release, my_cnn=BLANKS["my_cnn"], after_conv="26", after_pool="12")
    answers = "\n".join(f"{name} = {BLANKS[name]}" for name in BLANKS if name.startswith("parameters"))
    cells = [nbformat.v4.new_code_cell(f"%matplotlib inline\n{answers}"), nbformat.v4.new_code_cell("1 / 0")]
    for cell in notebook.cells:
        if graded_as(cell) in ("test-conv", "parameters") or cell.source.startswith("# Sizes"):
            continue
        if graded_as(cell) == "test-pool":
            cell.source = "assert True"
        if graded_as(cell) == "net":
            first, second = cell.source.split("\n\n", 1)
            cells.append(nbformat.v4.new_code_cell(first))
            cell.source = second
        if graded_as(cell) == "words":
            cell.source = "In the dense layer."
        cells.append(cell)
    notebook.cells = cells
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course of the page, graded."""
    folder = tmp_path_factory.mktemp("course")
    made = {
        "nbgrader_config.py": block("py", "c = get_config()"),
        "sizes.py": block("python", "# ---"),
    }
    for name, content in made.items():
        (folder / name).write_text(content)
    make, grade = block("", "mkdir").splitlines(), block("", "nbgrader autograde").splitlines()
    with pytest.MonkeyPatch.context() as patch:
        scripts = sysconfig.get_path("scripts")  # nbgrader calls alembic by its name
        patch.setenv("PATH", os.pathsep.join([scripts, os.environ["PATH"]]))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("HOME", str(folder))  # no settings but the page's
        patch.setenv("http_proxy", "http://127.0.0.1:9")  # nothing is fetched
        patch.setenv("https_proxy", "http://127.0.0.1:9")
        for line in make:
            run(line, folder)
        release = folder / "release" / "sizes" / "sizes.ipynb"
        wrong = BLANKS | {
            "after_conv": "27",
            "parameters_conv2": "640",
            "parameters_norm": "...",
            "my_cnn": "nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))",
        }
        for student, notebook in {
            "right": filled(release, **BLANKS),
            "wrong": filled(release, **wrong),
            "blank": filled(release),
            "edited": edited(release),
        }.items():
            hand_in(notebook, student, folder)
        for line in grade:
            run(line, folder)
        yield folder


def test_the_students_version_has_blanks_and_tests_and_no_solution(course):
    text = (course / "release" / "sizes" / "sizes.ipynb").read_text()
    assert "SOLUTION" not in text
    assert "(28 - 3)" not in text
    cells = {graded_as(cell): cell.source for cell in nbformat.reads(text, as_version=4).cells}
    assert re.findall(r"^(\w+) = \.\.\.", "\n".join(cells.values()), re.MULTILINE) == list(BLANKS)
    assert "homework.check_net(my_cnn, image_shape=(1, 28, 28))" in cells["test-net"]


@pytest.mark.parametrize("student", POINTS)
def test_points_are_those_of_the_answers(course, student):
    assert points_of(student, course) == POINTS[student]


def test_the_exported_table_has_their_sums(course):
    with (course / "grades.csv").open() as file:
        found = {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}
    assert found == {student: (float(sum(points.values())), 10.0) for student, points in POINTS.items()}


def test_the_feedback_has_the_hints_and_no_answer(course):
    page = (course / "feedback" / "wrong" / "sizes" / "sizes.html").read_text()
    for hint in (
        "you have 27: ",
        "you have 640: each filter sees all 32 channels that come in",
        "not filled in yet",
        "it ends with a softmax: leave it out",
    ):
        assert hint in page, hint
    assert "18,496" not in page


def test_who_comes_late_is_graded_beside_one_that_cannot_be_and_is_named(course):
    release = course / "release" / "sizes" / "sizes.ipynb"
    gone = filled(release, **BLANKS)
    gone.cells = [cell for cell in gone.cells if graded_as(cell) not in ("parameters", "test-parameters")]
    hand_in(gone, "gone", course)
    hand_in(filled(release, **BLANKS), "late", course)
    said = run("nbgrader autograde sizes", course, ends_with=1)
    assert "There was an error processing assignment 'sizes' for student 'gone'" in said
    assert points_of("late", course) == POINTS["right"]
    assert points_of("wrong", course) == POINTS["wrong"]
