"""What is handed in from Python is what the folder and the notebook hold, less what nobody marks."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import nbformat
import pytest
from tests.new_runs import make_run, small_run

from cnnlab import load
from cnnlab.classroom.hand_in import read_hand_in, write_hand_in
from cnnlab.classroom.notebook import check_notebook
from cnnlab.classroom.packing import (
    content_of,
    file_name,
    named_apart,
    pack_notebook,
    pack_run,
    without_pictures,
)
from cnnlab.errors import UserError
from cnnlab.runs import execute, open_run

TEACHER = Path(__file__).parents[2] / "notebooks" / "lesson3_Pytorch_MNIST_cnn_teacher.ipynb"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("runs") / "dense")


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "dense")


def content(runs=(), notebook=None, **said):
    return content_of(runs, notebook, **({"text": "", "student_id": "7", "student_name": ""} | said))


def test_a_run_goes_in_byte_for_byte_without_states_checkpoints_and_pages(folder):
    (folder / "checkpoints").mkdir(exist_ok=True)
    for name in (
        "checkpoints/10.safetensors",
        "report.html",
        "explorer.html",
        "resume.safetensors",
        "net.onnx",
        ".lock",
    ):
        (folder / name).write_bytes(b"not to be handed in")
    packed = pack_run(open_run(folder), "dense")
    found = {
        each["name"]: each["text"].encode() if "text" in each else base64.b64decode(each["base64"])
        for each in packed.files
    }
    assert set(found) == {
        "config.json",
        "environment.json",
        "metrics.jsonl",
        "evaluation.json",
        "result.json",
        "test-openings.jsonl",
        "weights.safetensors",
    }
    for name, handed in found.items():
        assert handed == (folder / name).read_bytes(), name
    assert packed.result == open_run(folder).result()
    assert (packed.net, packed.data, packed.openings) == ("mlp", "mnist-5k@200", 1)


def test_what_was_packed_is_read_as_it_was(folder):
    text = TEACHER.read_text()
    notebook = pack_notebook(TEACHER)
    made = content([pack_run(open_run(folder), "dense")], notebook, text="Größer ist\nbesser.", student_name="Ada")
    read = read_hand_in(write_hand_in(made, None), "key of a class")
    assert (read.student_id, read.student_name, read.text) == ("7", "Ada", "Größer ist\nbesser.")
    assert (read.made_by, read.is_edited, read.class_made, read.lesson_made) == ("cnnlab hand-in", False, None, None)
    assert read.notebook.name == TEACHER.name
    (run,) = read.runs
    weights = hashlib.sha256(run.files["weights.safetensors"]).hexdigest()
    assert weights == hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    assert [task.standing for task in check_notebook(read.notebook.text)] == [
        task.standing for task in check_notebook(text)
    ]


def test_a_notebook_loses_its_pictures_and_nothing_else():
    before = nbformat.read(TEACHER, as_version=4)
    after = nbformat.reads(without_pictures(TEACHER.read_text()), as_version=4)
    nbformat.validate(after)
    assert [(cell.cell_type, cell.source, cell.id) for cell in after.cells] == [
        (cell.cell_type, cell.source, cell.id) for cell in before.cells
    ]
    said = [
        [output.get("text") or output.get("data", {}).get("text/plain") for output in cell.get("outputs", ())]
        for made in (before, after)
        for cell in made.cells
    ]
    assert said[: len(before.cells)] == said[len(before.cells) :]
    assert "image/png" in nbformat.writes(before)
    assert "image/png" not in nbformat.writes(after)
    assert len(nbformat.writes(after)) < 100_000


def test_pictures_in_text_pages_and_widgets_go_too():
    cells = [
        {"cell_type": "markdown", "source": "see", "attachments": {"a.png": {"image/png": "AAAA"}}},
        {
            "cell_type": "code",
            "source": "1",
            "outputs": [{"output_type": "display_data", "data": {"text/html": "<b>", "text/plain": "b"}}, 5],
        },
        7,
    ]
    found = json.loads(without_pictures(json.dumps({"cells": cells, "metadata": {"widgets": {"state": 1}, "a": 1}})))
    assert found["metadata"] == {"a": 1}
    assert found["cells"][0] == {"cell_type": "markdown", "source": "see"}
    assert found["cells"][1]["outputs"] == [{"output_type": "display_data", "data": {"text/plain": "b"}}, 5]


OWN = """from torch import nn
from beside import WIDTH

class Net(nn.Module):
    def __init__(self, in_channels, image_size, num_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(784, WIDTH), nn.ReLU(), nn.Linear(WIDTH, num_classes))

    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture
def own_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(OWN)
    Path("beside.py").write_text("WIDTH = 8\n")
    few = load("mnist-5k@200")
    run, net = make_run(tmp_path / "mine", few, net="mine.py:Net", epochs=1)
    execute(run, net, few)
    return run


def test_a_net_of_one_s_own_goes_in_with_the_code_of_its_training(own_run):
    packed = pack_run(own_run, "mine")
    texts = {each["name"]: each.get("text") for each in packed.files}
    assert (texts["mine.py"], texts["beside.py"]) == (OWN, "WIDTH = 8\n")
    (says,) = (each for each in packed.says if "your own" in each)
    assert says == "mine.py:Net is a net of your own, which your teacher has to run; with its code: mine.py, beside.py"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda: Path("beside.py").write_text("WIDTH = 9\n"), "its code was edited since the training"),
        (lambda: Path("mine.py").unlink(), "its code is not here: hand it in beside this file"),
        (lambda: Path("mine.py").write_bytes(b"\xff"), "its code is not here"),
    ],
)
def test_other_code_than_that_of_the_training_does_not_go_in(own_run, change, says):
    change()
    packed = pack_run(open_run(own_run.path), "mine")
    assert not any(each["name"].endswith(".py") for each in packed.files)
    assert any(says in each for each in packed.says)


def test_what_a_run_says_of_its_owner_s_machine_is_said(folder):
    packed = pack_run(open_run(folder), "dense")
    place = packed.result.run
    assert Path(place).is_absolute()
    assert packed.says == (f"its records say where things lie on your machine: {place}",)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "result.json").unlink(), "the run is not finished; go on with: cnnlab train mlp"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors is missing"),
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"no"), "is damaged"),
        (lambda folder: (folder / "evaluation.json").write_text("{}"), "holds other figures"),
        (lambda folder: (folder / "environment.json").unlink(), "environment.json is missing"),
        (lambda folder: (folder / "test-openings.jsonl").write_bytes(b"\xff\n"), "is not UTF-8"),
    ],
)
def test_a_run_that_cannot_be_marked_is_refused_with_what_mends_it(folder, damage, says):
    damage(folder)
    with pytest.raises(UserError, match=says):
        pack_run(open_run(folder), "dense")


@pytest.mark.parametrize("name", ["saved.json", "test-openings.jsonl", "diverged.json", "weights.safetensors"])
def test_a_link_in_a_run_takes_no_file_from_elsewhere_along(folder, tmp_path, name):
    (tmp_path / "secret").write_text("mine alone")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match=rf"{name} is a link that leads out of .*; expected a file of the run itself"):
        pack_run(open_run(folder), "dense")


def test_more_than_60_mb_is_refused_with_what_is_large(folder):
    with (folder / "weights.safetensors").open("ab") as file:
        file.truncate(50_000_000)
    with pytest.raises(
        UserError, match=r"would have 67 MB \(weights.safetensors of .* takes 66.7 MB\); expected at most 60"
    ):
        pack_run(open_run(folder), "dense")


def test_several_that_are_more_than_60_mb_together_are_refused_with_the_largest(trained):
    small = pack_run(open_run(trained), "small")
    files = ({"name": "weights.safetensors", "base64": "A" * 31_000_000},)
    large = [type(small)(**vars(small) | {"name": name, "files": files}) for name in ("wide", "wider")]
    with pytest.raises(UserError, match=r"62 MB \(run wide, the largest of 3, takes 31.0 MB\); expected at most 60 MB"):
        content([small, *large])


def test_texts_ids_and_runs_have_a_limit(trained):
    with pytest.raises(UserError, match="--text has 100,001 letters; expected at most 100,000"):
        content(text="x" * 100_001)
    with pytest.raises(UserError, match="--id has 201 letters"):
        content(student_id="1" * 201)
    with pytest.raises(UserError, match="got 21 runs; expected at most 20"):
        content([pack_run(open_run(trained), "dense")] * 21)


@pytest.mark.parametrize(
    ("student_id", "name"),
    [
        ("7654321", "hand-in-python-7654321.json"),
        ("", "hand-in-python.json"),
        ("ada@example.org", "hand-in-python-ada@example.org.json"),
        ("../../etc/passwd", "hand-in-python-etc-passwd.json"),
        ("José Ñ", "hand-in-python-José-Ñ.json"),
        ("=1+2", "hand-in-python-1-2.json"),
        ("/", "hand-in-python.json"),
        ("1" * 200, f"hand-in-python-{'1' * 60}.json"),
    ],
)
def test_a_file_is_named_by_the_id_as_far_as_every_system_takes_it(student_id, name):
    assert file_name(student_id) == name


def test_runs_of_the_same_name_are_told_apart_by_their_folders():
    paths = [Path("week1/cnn"), Path("week2/cnn"), Path("week2/dense")]
    assert named_apart(paths) == ["week1-cnn", "week2-cnn", "week2-dense"]
    assert named_apart(paths[1:]) == ["cnn", "dense"]
    assert named_apart([]) == []
    with pytest.raises(UserError, match=r"a/\.\./week1/cnn is given twice"):
        named_apart([paths[0], Path("a/../week1/cnn")])


@pytest.mark.parametrize("text", ["", "{}", "\\", "[" * 5_000])
def test_what_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "mine.ipynb"
    path.write_text(text)
    with pytest.raises(UserError, match=r"mine.ipynb: the notebook cannot be read"):
        pack_notebook(path)


def test_a_notebook_of_more_than_5_mb_without_pictures_is_refused(tmp_path):
    path = tmp_path / "mine.ipynb"
    picture = {"output_type": "display_data", "data": {"image/png": "A" * 5_100_000, "text/plain": "a"}}
    cell = {"cell_type": "code", "source": "", "outputs": [picture]}
    path.write_text(json.dumps({"cells": [cell]}))
    assert pack_notebook(path).size < 1_000
    cell["outputs"] = [{"output_type": "stream", "text": "A" * 5_100_000}]
    path.write_text(json.dumps({"cells": [cell]}))
    with pytest.raises(UserError, match=r"5.1 MB without its pictures; expected at most 5 MB: clear the outputs"):
        pack_notebook(path)
