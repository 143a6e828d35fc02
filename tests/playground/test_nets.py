"""A planned net is PyTorch's: the same tensors by the same names, drawn in the same order."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.playground.residual import residual
from torch import nn

from cnnlab.config import NetSpec
from cnnlab.errors import UserError
from cnnlab.nets.resolve import build_net
from cnnlab.playground.nets import TITLES, plan_module, plan_net

SHAPE, CLASSES = (1, 28, 28), 10


def plan(name: str, **options):
    return plan_net(NetSpec(name=name, options=options), SHAPE, CLASSES)


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in TITLES]
    + [("conv-net", {"widths": (4, 8, 8), "convs_per_block": 2, "pool": "stride", "batch_norm": False})],
)
def test_the_draws_in_their_order_give_the_net_of_any_seed(name, options):
    planned = plan(name, **options)
    expected = build_net(NetSpec(name=name, options=options), image_shape=SHAPE, num_classes=CLASSES, seed=11)
    state = expected.state_dict()
    assert {tensor.name for tensor in planned.tensors} == {
        name for name, value in state.items() if value.is_floating_point()
    }
    torch.manual_seed(11)
    for tensor in planned.tensors:
        drawn = torch.empty(tensor.shape)
        if tensor.initial["kind"] == "uniform":
            drawn.uniform_(-tensor.initial["bound"], tensor.initial["bound"])
        else:
            drawn.fill_(tensor.initial["value"])
        assert torch.equal(drawn, state[tensor.name]), tensor.name
    assert planned.parameters == sum(each.numel() for each in expected.parameters())


@pytest.mark.parametrize("name", TITLES)
def test_layers_and_tensors_point_at_the_same_numbers_of_the_block(name):
    planned = plan(name)
    numbers, state = planned.numbers(), planned.module.state_dict()
    ends = [tensor.at + math.prod(tensor.shape) for tensor in planned.tensors]
    assert [tensor.at for tensor in planned.tensors] == [0, *ends[:-1]]
    assert ends[-1] == len(numbers)
    names = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
    pointed = 0
    for layer in planned.layers:
        for key, value in layer["operation"].items():
            if isinstance(value, dict) and "at" in value:
                expected = state[f"{layer['name']}.{names.get(key, key)}"]
                values = numbers[value["at"] : value["at"] + expected.numel()].reshape(expected.shape)
                np.testing.assert_array_equal(values, expected.numpy())
                pointed += 1
    assert pointed == len(planned.tensors)


def test_a_sum_of_two_ways_can_be_trained():
    planned = plan_module(residual(dropout=0.25), NetSpec(name="residual"), SHAPE, CLASSES)
    assert [layer["operation"]["kind"] for layer in planned.layers].count("combine") == 1
    assert planned.dropout == 0.25


def test_the_page_s_conv_net_says_all_of_its_design():
    page = plan("conv-net", widths=(16, 32)).to_page()
    assert page["design"] == {
        "widths": [16, 32],
        "kernelSize": 3,
        "convsPerBlock": 1,
        "batchNorm": True,
        "hidden": 128,
        "pool": "max",
    }
    assert page["options"]["dropout"] == page["dropout"] == 0.5
    assert page["counters"] == ["features.1.num_batches_tracked", "features.5.num_batches_tracked"]


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("lenet5", {"output": "rbf"}, "layer classifier.6"),
        ("lenet5", {"activation": "scaled-tanh"}, "layer features.1"),
        ("lenet5", {"connections": "table"}, "layer features.3"),
        ("lenet5", {"subsampling": "trainable"}, "layer features.2"),
        ("lenet5-1998", {}, "expected one of lenet5, simple-cnn, mlp, conv-net"),
        ("net.py:Net", {}, "a net of your own"),
        ("lenet6", {}, "did you mean lenet5"),
    ],
)
def test_what_the_page_cannot_train_is_refused_by_the_layer_s_name(name, options, says):
    with pytest.raises(UserError, match=says):
        plan(name, **options)


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (nn.GELU(), "layer 1: gelu; expected ReLU"),
        (nn.Dropout2d(), "layer 1: expected nn.Dropout"),
        (nn.BatchNorm2d(4, momentum=0.5), "layer 1: expected nn.BatchNorm2d"),
        (nn.Conv2d(4, 4, 1, groups=2), "layer 1: its groups or dilation"),
    ],
)
def test_so_is_a_layer_that_it_cannot_go_back_through(layer, says):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 5), layer, nn.Flatten(), nn.Linear(4 * 24 * 24, 10))
    torch.manual_seed(0)
    for each in net:
        if hasattr(each, "reset_parameters"):
            each.reset_parameters()
    with pytest.raises(UserError, match=says):
        plan_module(net, NetSpec(name="own"), SHAPE, CLASSES)


def test_weights_that_begin_otherwise_are_refused():
    net = residual()
    with torch.no_grad():
        net.second.weight *= 2
    with pytest.raises(UserError, match="second: it does not begin as PyTorch's layers do"):
        plan_module(net, NetSpec(name="own"), SHAPE, CLASSES)
