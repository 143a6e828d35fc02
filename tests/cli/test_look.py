"""`cnnlab look`: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from cnnlab.data import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("look")


@pytest.fixture
def run(folder, cnnlab):
    path = folder / "run"
    if not path.exists():
        outcome = cnnlab("train", "lenet5", "--epochs", 0.3, "--recipe", "lesson", "--out", path, "--json")
        assert outcome.code == 0, outcome.err
    return path


@pytest.fixture
def seven(folder):
    data = load("mnist-5k")
    path = folder / "my seven.png"
    Image.fromarray(255 - data.test.images[8, 0].numpy()).resize((84, 84), Image.Resampling.BICUBIC).save(path)
    return path


def test_look_writes_one_page_and_its_figures(run, cnnlab):
    openings = (run / "test-openings.jsonl").read_text().splitlines()
    outcome = cnnlab("look", run, "--json")
    assert outcome.code == 0, outcome.err
    found = outcome.json
    assert found["page"] == str(run / "look" / "index.html")
    assert found["files"] == [found["page"]]
    assert [path.name for path in (run / "look").iterdir()] == ["index.html"]
    assert (run / "look" / "index.html").read_text().startswith("<!doctype html>")
    assert len(found["images"]) == 8
    assert [image["label"] == image["called"] for image in found["images"]] == [True] * 5 + [False] * 3
    assert found["measured_images"] == 500
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["features.0"]["units"] == 6
    assert 0 < layers["features.1"]["zeros"] < 1
    assert layers["features.1"]["low"] == 0
    assert found["embedding"]["layer"] == "classifier.5"
    assert found["embedding"]["images"] == 500
    now = (run / "test-openings.jsonl").read_text().splitlines()
    assert len(now) == len(openings) + 1
    assert json.loads(now[-1])["by"] == "cnnlab look"


@pytest.mark.slow
def test_look_at_own_files_leaves_out_what_nobody_knows(run, cnnlab, seven, tmp_path):
    outcome = cnnlab("look", run, "--images", seven, seven, "--out", tmp_path / "out", "--json")
    assert outcome.code == 0, outcome.err
    assert [image["name"] for image in outcome.json["images"]] == ["my seven.png"] * 2
    assert outcome.json["images"][0]["label"] is None
    page = (tmp_path / "out" / "index.html").read_text()
    assert "my seven.png" in page
    assert str(tmp_path) not in page


def test_look_at_one_layer_by_index_stands_beside_the_whole(run, cnnlab, tmp_path):
    outcome = cnnlab("look", run, "--indices", 7, 11, "--layer", "features.3", "--out", tmp_path, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["page"] == str(tmp_path / "layer-features.3.html")
    assert [image["name"] for image in outcome.json["images"]] == ["test image 7", "test image 11"]
    assert [layer["name"] for layer in outcome.json["layers"]] == ["features.3"]
    assert "embedding" not in outcome.json


def test_look_for_people(run, cnnlab, tmp_path):
    outcome = cnnlab("look", run, "--layer", "classifier.4", "--out", tmp_path)
    assert outcome.code == 0, outcome.err
    assert "dead units" in outcome.out
    assert "layer-classifier.4.html" in outcome.out


def test_what_look_refuses_is_said_in_one_line(run, cnnlab, seven, tmp_path):
    for arguments, says in {
        ("--layer", "features.33"): "did you mean features.3?",
        ("--indices", 500): "expected 0 to 499",
        ("--images", tmp_path / "absent.png"): "absent.png",
        ("--images", seven, "--indices", 3): "expected one of them",
    }.items():
        outcome = cnnlab("look", run, *arguments, "--out", tmp_path / "out")
        assert outcome.code == 2, arguments
        assert says in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert not (tmp_path / "out").exists()
    assert "does not exist" in cnnlab("look", tmp_path / "none").err


@pytest.mark.slow
def test_look_at_a_net_of_ones_own_with_a_residual_connection(cnnlab, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "import torch.nn.functional as F\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, num_classes):\n        super().__init__()\n"
        "        self.stem = nn.Conv2d(1, 4, 3, padding=1)\n        self.conv = nn.Conv2d(4, 4, 3, padding=1)\n"
        "        self.head = nn.Linear(4, num_classes)\n\n"
        "    def forward(self, x):\n        x = F.max_pool2d(F.relu_(self.stem(x)), 2)\n"
        "        out = self.conv(x)\n        out += x\n        return self.head(F.relu(out).mean((2, 3)))\n"
    )
    net = f"{own}:Net"
    made = cnnlab("train", net, "--data", "mnist-5k@200", "--epochs", 0.5, "--out", tmp_path / "run", "--json")
    assert made.code == 0, made.err
    assert cnnlab("look", tmp_path / "run").code == 2
    outcome = cnnlab("look", tmp_path / "run", "--net", net, "--json")
    assert outcome.code == 0, outcome.err
    names = [layer["name"] for layer in outcome.json["layers"]]
    assert names == ["stem", "relu", "max_pool2d", "conv", "add", "relu_1", "mean", "head"]
    assert outcome.json["embedding"]["layer"] == "mean"
    page = (tmp_path / "run" / "look" / "index.html").read_text()
    assert "own.py:Net" in page
    assert str(tmp_path) not in page
    for name in ("relu", "add", "relu_1"):  # one of them in place, one by hand
        assert f"<code>{name}</code>" in page
