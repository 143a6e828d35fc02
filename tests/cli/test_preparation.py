"""How image files become what a net takes is the user's to say, where the data's name does not say it."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.photographs import on_paper, picture

from cnnlab import load
from cnnlab.cli import COMMANDS
from cnnlab.cli import cnnlab as group
from cnnlab.prepare import PREPARATIONS


@pytest.fixture(scope="module")
def few():
    return load("mnist-5k@1000")


@pytest.fixture
def place(few, tmp_path, monkeypatch):
    """A folder with digits as arrays, and ten of them on paper."""
    monkeypatch.chdir(tmp_path)
    arrays = {
        "x_train": few.train.images[:, 0].numpy(),
        "y_train": few.train.labels.numpy(),
        "x_test": few.test.images[:, 0].numpy(),
        "y_test": few.test.labels.numpy(),
    }
    np.savez("digits.npz", **arrays)
    for label in range(10):
        digit = arrays["x_test"][arrays["y_test"] == label][0]
        picture(on_paper(digit, np.random.default_rng(label))).save(f"{label}.png")
    return tmp_path


def rights(cnnlab, run, *how):
    answers = cnnlab("predict", run, *(f"{label}.png" for label in range(10)), *how, "--json").json
    return sum(answer["label"] == str(label) for label, answer in enumerate(answers))


def test_a_net_trained_on_arrays_reads_photographs_when_told_how(cnnlab, place):
    trained = ("train", "lenet5", "--data", "npz:digits.npz", "--epochs", 6)
    assert cnnlab(*trained, "--out", "told", "--preparation", "digit").code == 0
    assert cnnlab(*trained, "--out", "untold").code == 0
    assert rights(cnnlab, "told") >= 8
    assert rights(cnnlab, "untold") <= 5
    assert rights(cnnlab, "untold", "--preparation", "digit") >= 8
    assert rights(cnnlab, "told", "--preparation", "resize") <= 5
    assert cnnlab("evaluate", "told", "--json").code == 0


def test_a_run_goes_on_with_its_preparation_and_no_other(cnnlab, place):
    made = ("train", "mlp", "--data", "npz:digits.npz", "--epochs", 1, "--out", "run", "--preparation", "digit")
    assert cnnlab(*made).code == 0
    assert cnnlab("train", "mlp", "--out", "run", "--resume").code == 0
    assert cnnlab("train", "mlp", "--out", "run", "--resume", "--preparation", "digit").code == 0
    refused = cnnlab("train", "mlp", "--out", "run", "--resume", "--preparation", "none")
    assert refused.code == 2
    assert "--preparation is none, but the run there has digit" in " ".join(refused.err.split())
    both = cnnlab("predict", "run", "0.png", "--no-prepare", "--preparation", "digit")
    assert both.code == 2
    assert "--no-prepare: got --preparation digit as well" in " ".join(both.err.split())


@pytest.mark.parametrize("name", ["train", "predict"])
def test_every_preparation_can_be_named(name):
    assert name in COMMANDS
    command = group.get_command(None, name)
    (option,) = (each for each in command.params if each.name == "preparation")
    assert set(option.type.choices) == set(PREPARATIONS)
