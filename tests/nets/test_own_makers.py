"""A net of one's own may be a class, a function or a net, with options of its own."""

from __future__ import annotations

import json

import pytest
import torch

from cnnlab.config import NetSpec
from cnnlab.errors import UserError
from cnnlab.nets import build_net, parameter_count

FILE = """
import torch
from torch import nn
print("hello from the file")
class Deep(nn.Module):
    def __init__(self, width, depth=1, act="relu", in_channels=1):
        super().__init__()
        sizes = [784 * in_channels] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.answer, self.act = nn.Linear(width, 10), getattr(torch, act)
    def forward(self, x):
        print("forward", tuple(x.shape))
        x = x.flatten(1)
        for layer in self.layers:
            x = self.act(layer(x))
        return self.answer(x)
def small(num_classes, width=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, num_classes))
def forgets():
    small(10)
model = small(10, 12)
number = 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)


def build(name, seed=0, **options):
    spec = NetSpec(name=f"mine.py:{name}", options=options)
    return build_net(spec, image_shape=(1, 28, 28), num_classes=10, seed=seed, own_code=spec.name)


@pytest.mark.usefixtures("file")
def test_functions_and_nets_are_made_from_the_seed_as_classes_are():
    for name, options in (("small", {}), ("model", {}), ("Deep", {"width": 8})):
        first, again, other = (build(name, seed, **options) for seed in (0, 0, 1))
        weights = [torch.cat([each.flatten() for each in net.parameters()]) for net in (first, again, other)]
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])
    assert parameter_count(build("small", width=3)) == 785 * 3 + 4 * 10


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("Deep", {}, r"mine\.py:Deep: building the net needs width; .*add --net-option width=VALUE"),
        ("Deep", {"wide": 3, "width": 3}, "has no option wide; it takes: act, depth, width"),
        ("model", {"width": 3}, "has no option width; it takes: none"),
        ("forgets", {}, "it returned nothing; expected a torch.nn.Module: let the function return the net"),
        ("number", {}, "no class number that is a torch.nn.Module, nor a function or a net of that name"),
    ],
)
def test_what_makes_no_net_is_said(name, options, says):
    with pytest.raises(UserError, match=says):
        build(name, **options)


@pytest.mark.usefixtures("file")
def test_the_command_takes_options_keeps_them_and_keeps_stdout_clean(cnnlab, tmp_path):
    options = ("--net-option", "width=8", "--net-option", "depth=2", "--net-option", "act=tanh")
    train = ("train", "mine.py:Deep", *options, "--data", "mnist-5k@60", "--epochs", 1, "--out", "run", "--json")
    assert cnnlab(*train).result["parameters"] == 785 * 8 + 9 * 8 + 9 * 10
    kept = json.loads((tmp_path / "run" / "config.json").read_text())["net"]["options"]
    assert kept == {"width": 8, "depth": 2, "act": "tanh"}
    assert cnnlab("evaluate", "run", "--net", "mine.py:Deep", "--json").result["images"] == 500
    assert cnnlab("describe", "mine.py:Deep", "--net-option", "width=8", "--json").result["parameters"] == 785 * 8 + 90
    refused = cnnlab("train", "mlp", "--net-option", "width=8")
    assert refused.code == 2
    assert "expected a net of your own" in refused.err
    assert "expected NAME=VALUE" in cnnlab("train", "mine.py:Deep", "--net-option", "width").err
