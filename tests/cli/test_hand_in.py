"""`cnnlab hand-in` says what a file will hold, asks on a terminal, and writes that."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.new_runs import small_run

from cnnlab.classroom.hand_in import read_hand_in

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "lesson3_Pytorch_MNIST_cnn.ipynb"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("runs") / "dense")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path):
    return read_hand_in(Path(path).read_bytes(), None)


def test_it_says_what_the_file_will_hold_and_the_file_holds_that(cnnlab, trained):
    shutil.copy(NOTEBOOK, "mine.ipynb")
    text = Path("mine.ipynb").read_text().replace("after_pool = ...", "after_pool = 14")
    Path("mine.ipynb").write_text(text)
    done = cnnlab("hand-in", trained, "mine.ipynb", "--id", "7654321", "--name", "Ada L.", "--text", "one\ntwo")
    assert done.code == 0, done.err
    result = json.loads((trained / "result.json").read_text())
    for says in (
        "hand-in-python-7654321.json will hold:",
        "student   id 7654321, Ada L.",
        "run       dense: mlp on mnist-5k@200, seed 0",
        f"accuracy {result['validation']['accuracy']:.2%} on validation, {result['test']['accuracy']:.2%} on test",
        "which was opened once",
        "metrics.jsonl, evaluation.json, result.json, test-openings.jsonl, weights.safetensors;",
        "notebook  mine.ipynb,",
        "filled in: after_pool, net\n",
        "not filled in: after_conv, after_padded_conv, parameters_conv1,",
        "text      one\n          two\n",
        "written   hand-in-python-7654321.json; nothing was sent",
    ):
        assert says in done.out, says
    size = Path("hand-in-python-7654321.json").stat().st_size
    assert re.search(rf"^in all    {size / 1e3:.1f} kB$", done.out, re.MULTILINE)
    handed = read("hand-in-python-7654321.json")
    assert (handed.student_id, handed.student_name, handed.text) == ("7654321", "Ada L.", "one\ntwo")
    assert [run.name for run in handed.runs] == ["dense"]
    assert "after_pool = 14" in handed.notebook.text


def test_again_it_says_that_it_replaces_its_own_file_and_no_other(cnnlab, trained):
    assert cnnlab("hand-in", trained, "--id", "7").code == 0
    assert (
        "hand-in-python-7.json, which replaces the one that is there, will hold:"
        in cnnlab("hand-in", trained, "--id", "7").out
    )
    Path("words.md").write_text("# mine")
    done = cnnlab("hand-in", trained, "--id", "7", "--out", "words.md")
    assert (done.code, Path("words.md").read_text()) == (2, "# mine")
    assert done.err == "cnnlab: words.md is there and is no hand-in; expected another place: choose it with --out\n"
    os.mkfifo("pipe")
    assert cnnlab("hand-in", trained, "--id", "7", "--out", "pipe").code == 2


def test_a_text_may_stand_in_a_file(cnnlab):
    Path("words.md").write_text("größer\n")
    assert cnnlab("hand-in", "--id", "7", "--text", "@words.md", "--out", "sub/mine.json").code == 0
    assert read("sub/mine.json").text == "größer\n"
    assert "--text: there is no file no.md" in cnnlab("hand-in", "--id", "7", "--text", "@no.md").err
    Path("words.md").write_bytes(b"\xff")
    assert "words.md is not UTF-8" in cnnlab("hand-in", "--id", "7", "--text", "@words.md").err


def test_two_runs_of_one_name_are_told_apart(cnnlab, trained):
    shutil.copytree(trained, "again/dense")
    assert cnnlab("hand-in", trained, "again/dense", "--name", "Ada").code == 0
    assert {run.name for run in read("hand-in-python.json").runs} == {f"{trained.parent.name}-dense", "again-dense"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to hand in; expected runs, a notebook or a text"),
        (["--text", "mine"], "whose is it? expected the id that your class knows you by: add --id 1234567"),
        (["a.ipynb", "b.ipynb", "--id", "7"], "got 2 notebooks; expected one: leave out b.ipynb"),
        (["a.ipynb", "--id", "7"], "a.ipynb cannot be read (no such file or directory)"),
        (["nowhere", "--id", "7"], "nowhere does not exist; expected a run folder"),
        ([".", "--id", "7"], ". holds no run (no config.json)"),
        (["--id", ""], "got an empty word"),
    ],
)
def test_what_it_refuses_is_one_line_and_writes_nothing(cnnlab, here, arguments, says):
    done = cnnlab("hand-in", *arguments)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1
    assert list(here.iterdir()) == []


def test_an_unfinished_run_is_refused_with_the_command_that_goes_on(cnnlab, trained):
    shutil.copytree(trained, "dense")
    Path("dense/result.json").unlink()
    done = cnnlab("hand-in", "dense", "--id", "7")
    assert done.code == 2
    assert "dense: the run is not finished; go on with: cnnlab train mlp" in done.err


def test_what_a_name_holds_steers_no_terminal(cnnlab):
    done = cnnlab("hand-in", "--id", "7\x1b[31m", "--name", "a\nb", "--text", "x\x1b[2J")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert r"id 7\x1b[31m, a\nb" in done.out
    assert read("hand-in-python-7-31m.json").student_id == "7\x1b[31m"


@pytest.mark.parametrize(
    ("typed", "options", "code", "is_written"),
    [
        ("7\n\n", (), 0, True),
        ("7\nn\n", (), 0, False),
        ("y\n", ("--id", "7"), 0, True),
        ("what\nno\n", ("--id", "7"), 0, False),
        ("", ("--id", "7"), 130, False),
        ("", ("--id", "7", "--yes"), 0, True),
        ("\n", (), 2, False),
        ("\n\n", ("--name", "Ada", "--out", "hand-in-python-7.json"), 0, True),
    ],
)
def test_on_a_terminal_it_asks_first(cnnlab, monkeypatch, here, typed, options, code, is_written):
    monkeypatch.setattr("cnnlab.cli.hand_in._has_terminal", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    done = cnnlab("hand-in", "--text", "words", *options)
    assert done.code == code, done.err
    assert (here / "hand-in-python-7.json").exists() == is_written
    assert ("your id, as your class has it" in done.err) == ("--id" not in options)
    assert ("write it? [Y/n]" in done.err) == ("--yes" not in options and typed != "\n")
    assert ("text      words" in done.out) == (typed != "\n")


@pytest.mark.slow
def test_a_terminal_is_one_and_a_pipe_is_none(here):
    command = [sys.executable, "-m", "cnnlab", "hand-in", "--text", "words", "--id", "7"]
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    asked = subprocess.run(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, check=False)
    assert b"write it? [Y/n]" in os.read(ours, 10_000)
    assert (asked.returncode, list(here.iterdir())) == (0, [])
    piped = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (piped.returncode, [each.name for each in here.iterdir()]) == (0, ["hand-in-python-7.json"])
    assert b"write it?" not in piped.stderr
