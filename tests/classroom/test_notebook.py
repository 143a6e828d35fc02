"""Checks of a student's notebook depend on values, not on cells; nothing of it is run."""

from __future__ import annotations

import ast
import copy
import json
import random
import time
from pathlib import Path

import jupytext
import nbformat
import pytest
from torch import nn

from cnnlab import homework
from cnnlab.classroom.notebook import TASKS, check_notebook
from cnnlab.errors import UserError

FOLDER = Path(__file__).parents[2] / "notebooks"
STUDENT, TEACHER = "lesson3_Pytorch_MNIST_cnn.ipynb", "lesson3_Pytorch_MNIST_cnn_teacher.ipynb"
VALUES = [task.name for task in TASKS if task.says_of is not None]

#: A student's answers, and what they come to by the lesson's formulas: right, off, or left open.
ANSWERS = {
    "after_conv": ("(28 - 3) // 1 + 1", "right"),
    "after_padded_conv": ("after_conv", "off"),
    "after_pool": ("14.0", "right"),
    "parameters_conv1": ("3 * 3 * 32", "off"),
    "parameters_conv2": ("32 * 64 * 3 ** 2 + 64", "right"),
    "parameters_norm": ("...", "not filled in"),
    "parameters_dense": ("dense(3136, 128)", "to be run by you"),
}


def calls():
    """The checks that the lesson's source makes, in its order, each with the name of the answer."""
    source = "\n".join(cell.source for cell in jupytext.read(FOLDER / f"{STUDENT[:-6]}.py").cells if is_code(cell))
    plain = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("%"))
    found = [node for node in ast.walk(ast.parse(plain)) if isinstance(node, ast.Call)]
    checks = [node for node in found if ast.unparse(node.func).startswith("homework.check_")]
    return [(ast.unparse(node.args[0]), node) for node in sorted(checks, key=lambda node: node.lineno)]


def is_code(cell):
    return cell.cell_type == "code"


def standings(notebook):
    text = notebook if isinstance(notebook, str) else nbformat.writes(notebook)
    return {task.id: task.standing for task in check_notebook(text)}


@pytest.fixture
def filled():
    """The student's notebook with the answers above in its own cells."""
    notebook = nbformat.read(FOLDER / STUDENT, as_version=4)
    for cell in notebook.cells:
        if is_code(cell):
            lines = cell.source.split("\n")
            for name, (answer, _) in ANSWERS.items():
                lines = [f"{name} = {answer}  # mine" if line.startswith(f"{name} = ") else line for line in lines]
            cell.source = "\n".join(lines)
    return notebook


def test_the_table_has_every_check_of_the_notebook_and_no_other():
    assert [(task.name, task.check) for task in TASKS] == [
        (name, ast.unparse(call.func).removeprefix("homework.")) for name, call in calls()
    ]


@pytest.mark.parametrize("name", VALUES)
def test_a_check_has_the_arguments_of_the_notebook(name):
    (task,) = (task for task in TASKS if task.name == name)
    program = compile(ast.Expression(dict(calls())[name]), name, "eval")
    for value in (..., "26", -1, 0, 1, 3, 14, 26, 27, 28, 64, 128, 288, 320, 640, 784, 18432, 18496, 401_408, 401_536):
        expected = eval(program, {"homework": homework, "nn": nn, name: value})
        assert task.says_of(value) == expected, value


def test_a_check_draws_no_random_numbers():
    import torch

    before = torch.get_rng_state()
    check_notebook((FOLDER / TEACHER).read_text())
    assert torch.equal(before, torch.get_rng_state())


def test_the_student_s_notebook_is_blank_and_the_teacher_s_right():
    blank, done = ((FOLDER / name).read_text() for name in (STUDENT, TEACHER))
    assert standings(blank) == dict.fromkeys(standings(blank), "not filled in") | {"net": "to be run by you"}
    of_code = {task.name: "to be run by you" for task in TASKS if task.says_of is None}
    assert standings(done) == dict.fromkeys(VALUES, "right") | of_code
    tasks = check_notebook(done, points=2.0)
    assert [(task.points, task.most) for task in tasks] == [(2.0, 2.0)] * 7 + [(0.0, 0.0)] * 5


def test_what_was_filled_in_is_found(filled):
    found = {task.id: task for task in check_notebook(nbformat.writes(filled))}
    assert {name: found[name].standing for name in ANSWERS} == {
        name: expected for name, (_, expected) in ANSWERS.items()
    }
    assert found["after_padded_conv"].says == "you have 26: that is without padding"
    assert found["my_cnn"].standing == "not filled in"


def test_of_code_it_says_how_to_run_it_and_what_the_file_shows():
    found = {task.id: task.says for task in check_notebook((FOLDER / TEACHER).read_text())}
    for name in ("net", "my_cnn", "comparison", "my_maps", "measured"):
        assert "jupyter execute" in found[name], name
    assert "the file says: it runs: 29,546 parameters" in found["my_cnn"]
    assert "the file says: right: features.0 (3, 32, 28, 28)" in found["my_maps"]


# What students, and the programs that they use, do to a notebook.


def deleted(notebook, draw):
    """Cells without an answer go: text, checks, pictures, trainings."""
    notebook.cells = [
        cell for cell in notebook.cells if draw.random() < 0.5 or any(f"{name} = " in cell.source for name in ANSWERS)
    ]


def merged(notebook, draw):
    """Neighbouring code cells become one."""
    cells = []
    for cell in notebook.cells:
        if cells and is_code(cell) and is_code(cells[-1]) and draw.random() < 0.6:
            cells[-1].source += f"\n\n{cell.source}"
        else:
            cells.append(cell)
    notebook.cells = cells


def split(notebook, draw):
    """A cell becomes one for each statement."""
    cells = []
    for cell in notebook.cells:
        parts = [cell.source]
        if is_code(cell) and "%" not in cell.source and draw.random() < 0.7:
            parts = [ast.get_source_segment(cell.source, part) for part in ast.parse(cell.source).body]
        cells += [nbformat.v4.new_code_cell(part) if is_code(cell) else cell for part in parts]
    notebook.cells = cells


def answered_elsewhere(notebook, draw):
    """Answers stand in a cell of their own, before or after the blank that is left as it was."""
    blanks = nbformat.read(FOLDER / STUDENT, as_version=4).cells
    for at, cell in reversed(list(enumerate(notebook.cells))):
        if is_code(cell) and any(cell.source.startswith(f"{name} = ") for name in ANSWERS):
            before = draw.random() < 0.5
            (blank,) = (each for each in blanks if is_code(each) and each.source[:12] == cell.source[:12])
            notebook.cells.insert(at + before, copy.deepcopy(blank))


def moved(notebook, draw):
    """The two cells with answers, which do not need one another, stand at the other's place or at the end."""
    places = [at for at, cell in enumerate(notebook.cells) if is_code(cell) and cell.source[:6] in ("after_", "parame")]
    first, second = places
    notebook.cells[first], notebook.cells[second] = notebook.cells[second], notebook.cells[first]
    if draw.random() < 0.5:
        notebook.cells.append(notebook.cells.pop(first))


def text_made_code(notebook, draw):
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and draw.random() < 0.5:
            cell.cell_type = "code"
            cell |= {"outputs": [], "execution_count": None}


def stripped(notebook, draw):
    """Ids, metadata and outputs are lost, sources stand line by line, and every cell says how long it took."""
    notebook.metadata = {}
    for cell in notebook.cells:
        cell.pop("id", None)
        cell.metadata = {"id": draw.randbytes(4).hex()}
        if is_code(cell):
            cell.outputs = []
            cell.source = f"%%time\n{cell.source}"
        cell.source = cell.source.splitlines(keepends=True)


def made_by_hand(notebook, draw):
    """Names are written otherwise, and cells of the student's own stand between."""
    for cell in notebook.cells:
        if is_code(cell):
            cell.source = cell.source.replace("after_pool = 14.0", "K, s = 2, 2; after_pool: int = (28 - K) // s + 1")
    for _ in range(10):
        source = draw.choice(["!pip list", "import math", "after_conv", "print(after_conv)", "x = = 3", "data?", ""])
        notebook.cells.insert(draw.randrange(len(notebook.cells)), nbformat.v4.new_code_cell(source))


@pytest.mark.parametrize(
    "edits",
    [
        [deleted],
        [merged],
        [split],
        [answered_elsewhere],
        [moved],
        [text_made_code],
        [stripped],
        [made_by_hand],
        [answered_elsewhere, split, made_by_hand],
        [moved, deleted, merged],
        [text_made_code, made_by_hand, deleted, stripped],
    ],
    ids=lambda edits: "+".join(edit.__name__ for edit in edits),
)
def test_checks_come_to_the_same_however_the_notebook_was_edited(filled, edits):
    expected = {name: standing for name, (_, standing) in ANSWERS.items()}
    for seed in range(5):
        notebook, draw = copy.deepcopy(filled), random.Random(seed)
        for edit in edits:
            edit(notebook, draw)
        found = standings(json.dumps(notebook))
        assert {name: found[name] for name in ANSWERS} == expected, seed


def test_a_cell_that_is_gone_leaves_its_tasks_open_and_says_so(filled):
    filled.cells = [cell for cell in filled.cells if "after_conv = " not in cell.source]
    found = {task.id: task for task in check_notebook(nbformat.writes(filled))}
    assert found["after_conv"].standing == "not filled in"
    assert found["after_conv"].says == "after_conv is given no value in this notebook"
    assert found["parameters_conv2"].standing == "right"


def test_a_cell_that_cannot_run_is_named():
    (task, *_) = check_notebook(of("after_conv = 26 rows"))
    assert (task.standing, task.says) == (
        "not filled in",
        "after_conv stands in a cell that Python cannot read: invalid syntax",
    )


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "my_cnn",
            "class MyCNN(nn.Module):\n    def __init__(self):\n        self.layers = nn.ReLU()\nmy_cnn = MyCNN()",
        ),
        ("my_cnn", "my_cnn = cnnlab.ConvNet(widths=(8, 16))"),
        ("comparison", "comparison = {}\nfor name in names:\n    comparison[name] = train(nets[name], 10)"),
        ("comparison", "comparison = {'both': ..., 'neither': ...}\ncomparison['both'] = train(net, 10)"),
        (
            "my_maps",
            "def maps_of(net, images):\n    return cnnlab.feature_maps(net, images)\nmy_maps = maps_of(net, 1)",
        ),
        ("measured", "try:\n    fashion = load()\nexcept Exception:\n    measured = ...\nelse:\n    measured = {}"),
    ],
)
def test_code_that_was_written_is_left_to_the_teacher(name, source):
    assert standings(of(source))[name] == "to be run by you"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("my_cnn", "class MyCNN(nn.Module):\n    def __init__(self):\n        self.layers = ...\nmy_cnn = MyCNN()"),
        ("comparison", "comparison = {'both': train(net, 10), 'neither': ...}"),
        ("my_maps", "def maps_of(net, images):\n    return ...\nmy_maps = maps_of(net, samples)"),
        ("measured", "measured = {'cnn': ..., 'dense': ...}"),
        ("measured", ""),
    ],
)
def test_code_with_a_blank_left_in_it_is_not_filled_in(name, source):
    assert standings(of(source))[name] == "not filled in"


def of(*sources):
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources], "nbformat": 4})


def test_nothing_of_the_notebook_runs(tmp_path):
    mark = tmp_path / "ran"
    touch = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    found = standings(of(f"{touch}\nafter_conv = 26", f"after_pool = {touch} or 14", f"@{touch}\nclass net: pass"))
    assert (found["after_conv"], found["after_pool"]) == ("right", "to be run by you")
    assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no notebook",
        "[]",
        "{}",
        '{"cells": 5}',
        "[" * 100_000,
        '{"cells":' + "[" * 100_000,
        "1" * 5_000,
        '{"cells": [], "name": "\\ud800"}',
        "x" * 5_000_001,
        of("x = 1\n" * 20_000),
        json.dumps({"cells": [{}] * 10_001}),
    ],
    ids=lambda text: f"{text[:12]}… {len(text)}",
)
def test_what_is_no_notebook_is_one_line(text):
    with pytest.raises(UserError, match=r"^the notebook .+; expected .+") as caught:
        check_notebook(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [1, None, [], {}],
        [{"cell_type": "code"}, {"cell_type": "code", "source": 5}, {"cell_type": "code", "source": [1, "x"]}],
        [{"cell_type": "code", "source": "", "outputs": 5}, {"cell_type": "code", "source": "", "outputs": [1]}],
        [{"cell_type": "code", "source": "", "outputs": [{"output_type": "execute_result", "data": 1, "text": 3}]}],
        [{"cell_type": "code", "source": "homework.check_net(my_cnn)", "outputs": [{"text": ["\x1b[31m", 1]}]}],
        [{"cell_type": "code", "source": "after_conv = " + "9**" * 30_000 + "9"}],
        [{"cell_type": "code", "source": "after_conv = '\\u202e26'; after_pool = 2e308; parameters_conv1 = None"}],
    ],
)
def test_a_strange_notebook_comes_to_tasks_soon(cells):
    began = time.process_time()
    found = check_notebook(json.dumps({"cells": cells}))
    assert [task.id for task in found] == [task.name for task in TASKS]
    assert not any(task.standing == "right" for task in found)
    assert time.process_time() - began < 5


def test_what_the_file_shows_is_cut_to_a_line():
    cell = {
        "cell_type": "code",
        "source": "my_cnn = Net()\nhomework.check_net(my_cnn)",
        "outputs": [{"text": "a\nb " * 999}],
    }
    says = {task.id: task.says for task in check_notebook(json.dumps({"cells": [cell]}))}["my_cnn"]
    assert "the file says: a b a b" in says
    assert len(says) < 600
    assert "\n" not in says
