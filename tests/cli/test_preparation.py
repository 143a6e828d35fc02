"""How image files become what a net takes is the user's to say, where the data's name does not say it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.photographs import on_paper, picture
from PIL import Image

from cnnlab import load
from cnnlab.cli import COMMANDS
from cnnlab.cli import cnnlab as group
from cnnlab.evaluation import logits
from cnnlab.prepare import PREPARATIONS
from cnnlab.runs import open_run


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


def test_a_net_for_large_colour_images_trains_on_digits_and_reads_a_picture(cnnlab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))\n"
    )
    train = ["train", "mine.py:Net", "--data", "mnist-5k@300", "--epochs", "1", "--out", "run"]
    assert "write +padded-to-32+rgb after the data's name" in cnnlab(*train).err
    assert cnnlab(*train, "--image-size", "32", "--channels", "3").code == 0
    record = json.loads((tmp_path / "run" / "config.json").read_text())["data"]
    assert record["name"] == "mnist-5k@300+padded-to-32+rgb"
    assert (record["image_shape"], record["unpadded"]) == ([3, 32, 32], [28, 28])
    Image.fromarray(load("mnist-5k@300").test.images[0, 0].numpy()).save(tmp_path / "small.png")
    (answer,) = cnnlab("predict", "run", "small.png", "--no-prepare", "--net", "mine.py:Net", "--json").json
    net = open_run(tmp_path / "run").load_net(own_code="mine.py:Net")
    test = load(record["name"]).test.images[:1]
    expected = logits(net, test, mean=record["mean"], std=record["std"]).softmax(1)[0]
    assert list(answer["probabilities"].values()) == pytest.approx(expected.tolist(), rel=1e-4)
    assert cnnlab("evaluate", "run", "--net", "mine.py:Net", "--split", "validation").code == 0
