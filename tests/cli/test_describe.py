"""`cnnlab describe`: the contract, the page in the terminal, files, the sandbox and its refusals."""

from __future__ import annotations

import pytest

from cnnlab.anatomy import describe
from cnnlab.nets import ConvNet


def test_json_of_lenet5(cnnlab):
    outcome = cnnlab("describe", "lenet5", "--json")
    assert outcome.code == 0
    document = outcome.json
    assert (document["input"], document["parameters"], document["macs"]) == ([1, 28, 28], 61_706, 416_520)
    first = document["layers"][0]
    assert first["output_shape"] == [6, 28, 28]
    assert first["receptive_field"] == {"size": 5, "jump": 1, "start": -2, "kind": "exact"}
    assert "verified" not in document


def test_options_of_the_net_and_the_image(cnnlab):
    document = cnnlab(
        "describe", "conv-net", "--widths", "4,8", "--kernel-size", 5, "--classes", 3, "--input", "3x32x20", "--json"
    ).json
    expected = describe(ConvNet(3, (32, 20), 3, widths=(4, 8), kernel_size=5), (3, 32, 20)).to_json()
    assert document["layers"] == expected["layers"]


def test_for_people(cnnlab):
    text = cnnlab("describe", "simple-cnn", "--input", "28x28").out
    assert "421,834 parameters, 4,241,152 multiply-adds" in text
    assert "⌊(14+2·1−3)/1⌋+1 = 14" in text
    assert "64·(32·3·3)+64 = 18,496" in text
    assert "4+(3−1)·2 = 8" in text


def test_verify_says_what_gradients_say(cnnlab):
    outcome = cnnlab("describe", "lenet5", "--verify", "--json")
    checks = outcome.json["verified"]
    assert {check["layer"] for check in checks} >= {"features.0", "features.3", "classifier.1"}
    assert all(check["outside"] == 0 and check["reached"] == check["pixels"] for check in checks)
    assert "reach the very pixels computed" in cnnlab("describe", "lenet5", "--verify").out


def test_diagrams_are_written(cnnlab, tmp_path):
    svg, dot = tmp_path / "net.svg", tmp_path / "net.dot"
    outcome = cnnlab("describe", "lenet5", "--svg", svg, "--dot", dot, "--json")
    assert outcome.code == 0
    assert svg.read_text().startswith("<svg")
    assert dot.read_text().startswith("digraph")
    assert outcome.json["parameters"] == 61_706  # stdout is still one JSON document


def test_own_net_of_any_answer(cnnlab, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import torch\nfrom torch import nn\n"
        "class Encoder(nn.Module):\n"
        "    def __init__(self, in_channels=1):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(in_channels, 4, 3)\n"
        "    def forward(self, x):\n"
        "        return torch.relu(self.conv(x))\n"
    )
    document = cnnlab("describe", f"{path}:Encoder", "--input", "3x9x9", "--json").json
    assert [layer["output_shape"] for layer in document["layers"]] == [[4, 7, 7], [4, 7, 7]]


def test_sandbox(cnnlab):
    window = ("--input", "28x28", "--kernel", 5, "--stride", 2, "--padding", 0)
    text = cnnlab("describe", "conv", *window).out
    assert "⌊(28+2·0−5)/2⌋+1 = 12" in text
    assert "pixels that no window reads: 27 (1 of 28)" in text
    document = cnnlab("describe", "conv", *window, "--json").json
    assert (document["output"], document["unused_columns"]) == ([12, 12], [27])


def test_sandbox_draws_each_window_where_it_lies(cnnlab):
    text = cnnlab("describe", "conv", "--input", 7, "--kernel", 2, "--stride", 3, "--padding", 1, "--dilation", 2).out
    assert text.splitlines()[-5:] == [
        "pixel     ·0123456·",
        "window 0  █░█",
        "window 1     █░█",
        "window 2        █░█",
        "unread     ^  ^  ^",
    ]


def test_sandbox_of_a_pool_steps_by_its_kernel(cnnlab):
    document = cnnlab("describe", "pool", "--input", "7x9", "--kernel", "2x3", "--json").json
    assert document["output"] == [3, 3]
    assert (document["unused_rows"], document["unused_columns"]) == ([6], [])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["lenet"], ["unknown net lenet", "lenet5"]),
        (["lenet5", "--input", "1x4x4"], ["lenet5", "4×4", "larger images"]),
        (["lenet5", "--input", "28y28"], ["got '28y28'", "28x28"]),
        (["lenet5", "--input", "1x2x3x4"], ["got 1x2x3x4", "CxHxW"]),
        (["lenet5", "--kernel", "5"], ["--kernel", "describe conv"]),
        (["conv"], ["--kernel is missing"]),
        (["conv", "--kernel", "9", "--input", "5x5"], ["window of 9", "5 pixels", "smaller --kernel"]),
        (
            ["conv", "--kernel", "3", "--dilation", "4", "--input", "5x5"],
            ["window of 9", "dilation 4 stretches 3 to 9"],
        ),
        (["conv", "--kernel", "3", "--stride", "0"], ["--stride", "at least 1"]),
        (["pool", "--kernel", "2", "--padding", "2"], ["--padding", "half the kernel"]),
    ],
)
def test_refusals(cnnlab, arguments, parts):
    outcome = cnnlab("describe", *arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert len(outcome.err.strip().splitlines()) == 1
    for part in parts:
        assert part in outcome.err


def test_own_net_that_does_not_fit_names_the_layer(cnnlab, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(1, 4, 5)\n"
        "        self.fc = nn.Linear(400, 10)\n"
        "    def forward(self, x):\n"
        "        return self.fc(self.conv(x).flatten(1))\n"
    )
    for command in (("describe", f"{path}:Net"), ("train", f"{path}:Net", "--out", tmp_path / "run")):
        outcome = cnnlab(*command)
        assert outcome.code == 2
        for part in ("layer fc (Linear)", "got 2304 values", "wanted 400", "in_features to 2304"):
            assert part in outcome.err
    assert not (tmp_path / "run").exists()


def test_own_net_with_a_mistake_of_its_own_names_the_line(cnnlab, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return self.dense(x) + lost\n"
    )
    said = cnnlab("describe", f"{file}:Net")
    assert said.code == 2
    assert "mine.py, line 4: AttributeError: " in said.err
    assert "raised by your own code" in said.err
