"""The lesson's notebooks: both from one source, with real outputs, and running from top to bottom."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from cnnlab import homework

FOLDER = Path(__file__).parent.parent / "notebooks"
STUDENT, TEACHER = "lesson3_Pytorch_MNIST_cnn.ipynb", "lesson3_Pytorch_MNIST_cnn_teacher.ipynb"


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", FOLDER / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def committed():
    return {name: nbformat.read(FOLDER / name, as_version=4) for name in (STUDENT, TEACHER)}


def texts(cell):
    """What a cell's outputs say, pictures left out."""
    for output in cell.get("outputs", ()):
        yield output.get("text") or output.get("data", {}).get("text/plain", "")


def test_notebooks_are_what_the_source_gives(build, committed):
    for name, left_out in build.NOTEBOOKS.items():
        expected = [(cell.id, cell.cell_type, cell.source) for cell in build.notebook(left_out).cells]
        found = [(cell.id, cell.cell_type, cell.source) for cell in committed[name].cells]
        assert found == expected, f"{name}: run make notebook"


def test_the_student_s_notebook_holds_no_solution(committed):
    source = jupytext.read(FOLDER / "lesson3_Pytorch_MNIST_cnn.py")
    parts = {
        tag: [cell.source for cell in source.cells if tag in cell.metadata.get("tags", ())]
        for tag in ("student", "solution")
    }
    assert len(parts["solution"]) >= 6
    student = [cell.source for cell in committed[STUDENT].cells]
    teacher = [cell.source for cell in committed[TEACHER].cells]
    assert set(parts["student"]) <= set(student)
    assert set(parts["solution"]) <= set(teacher)
    assert not set(parts["solution"]) & set(student)
    assert all("..." in text or "…" in text for text in parts["student"])


def test_outputs_are_those_of_a_run_from_top_to_bottom(build, committed):
    for name, made in committed.items():
        nbformat.validate(made)
        code = [cell for cell in made.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), name
        assert all(output.output_type != "error" for cell in code for output in cell.outputs), name
        assert sum("image/png" in output.get("data", {}) for cell in code for output in cell.outputs) >= 8
        build.require_no_paths(made)


def test_checks_say_blank_to_the_student_and_right_to_the_teacher(committed):
    answers = {
        name: [text for cell in made.cells if "homework.check_" in cell.source for text in texts(cell)]
        for name, made in committed.items()
    }
    assert len(answers[STUDENT]) == len(answers[TEACHER]) == 12
    assert answers[STUDENT].count("not filled in yet") == 11
    (same,) = set(answers[STUDENT]) - {"not filled in yet"}
    assert same.startswith("the same net")
    assert "not filled in yet" not in answers[TEACHER]
    assert sum(text.startswith("right: ") for text in answers[TEACHER]) == 8


def test_both_notebooks_are_small():
    assert sum((FOLDER / name).stat().st_size for name in (STUDENT, TEACHER)) < 1_000_000


def test_a_path_of_this_machine_is_found_in_an_output(build):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    made.cells[0].outputs = [nbformat.v4.new_output("stream", text="28/28, 1/2, runs/one and and/or\n")]
    build.require_no_paths(made)
    made.cells[0].outputs = [nbformat.v4.new_output("stream", text=f"{Path.home()}/data: a warning\n")]
    with pytest.raises(ValueError, match="path of this machine"):
        build.require_no_paths(made)


@pytest.mark.slow
@pytest.mark.parametrize("name", [STUDENT, pytest.param(TEACHER, marks=pytest.mark.long)])  # the same and the answers
def test_a_notebook_runs_from_top_to_bottom(name):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--nbmake-timeout=600",
        "-p",
        "no:cacheprovider",
        FOLDER / name,
    ]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # as the notebooks are built: see build.py
    done = subprocess.run(command, cwd=FOLDER.parent, env=one_thread, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_what_the_docs_say_of_the_checks_is_what_they_say(capsys):
    text = (FOLDER.parent / "docs" / "how-to" / "notebook.md").read_text()
    program, said = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", text, re.DOTALL).groups()
    exec(compile(program, "docs/notebook.md", "exec"), {})
    assert capsys.readouterr().out == said
    for name in homework.__all__:
        assert name == "Feedback" or f"`{name}`" in text
