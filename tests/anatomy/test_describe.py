"""What `describe` says of whole nets, against the lesson, torchinfo and PyTorch's flop counter."""

from __future__ import annotations

import copy
import json

import pytest
import torch
import torchinfo
from tests.anatomy.ten_nets import TEN_NETS
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlab import UserError
from cnnlab.anatomy import describe
from cnnlab.nets import LeNet5, SimpleCNN
from cnnlab.nets.resolve import lenet5_1998


@pytest.fixture(params=TEN_NETS)
def case(request):
    make, shape = TEN_NETS[request.param]
    torch.manual_seed(0)
    return make().eval(), shape


# The lesson's two nets.


def test_lenet5_has_the_lessons_shapes_and_61706_parameters():
    anatomy = describe(LeNet5())
    shapes = [layer.output_shape for layer in anatomy.layers if layer.type in ("Conv2d", "MaxPool2d", "Linear")]
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]
    assert anatomy.parameters == 61_706
    assert [layer.parameters for layer in anatomy.layers if layer.parameters] == [156, 2_416, 48_120, 10_164, 850]


def test_simple_cnn_has_421834_parameters_with_batch_norms_affine():
    anatomy = describe(SimpleCNN())
    assert anatomy.parameters == 421_834
    norms = [layer.parameters for layer in anatomy.layers if layer.type == "BatchNorm2d"]
    assert norms == [64, 128]
    assert sum(layer.parameters for layer in anatomy.layers) == 421_834


def test_lenet5_fields_by_hand():
    fields = [layer.receptive_field for layer in describe(LeNet5()).layers if layer.type in ("Conv2d", "MaxPool2d")]
    assert [(field.size, field.jump, field.start) for field in fields] == [
        (5, 1, -2),
        (6, 2, -2),
        (14, 2, -2),
        (16, 4, -2),
    ]
    assert {field.kind for field in fields} == {"exact"}


def test_arithmetic_is_filled_in():
    first, *_ = describe(LeNet5()).layers
    assert first.size_arithmetic == ("⌊(28+2·2−5)/1⌋+1 = 28",)
    assert first.parameters_arithmetic == "6·(1·5·5)+6 = 156"
    assert first.macs_arithmetic == "6·28·28·(1·5·5) = 117,600"
    assert first.field_arithmetic == ("1+(5−1)·1 = 5",)
    assert first.dense_equivalent_parameters == 784 * 4704 + 4704
    assert first.activation_bytes == 6 * 28 * 28 * 4


@pytest.mark.parametrize("name", TEN_NETS)
def test_every_formula_shown_is_true(name):
    """The left side of each line, computed, is its right side, and that is the layer's number."""
    make, shape = TEN_NETS[name]
    for layer in describe(make(), shape).layers:
        for text, number in ((layer.parameters_arithmetic, layer.parameters), (layer.macs_arithmetic, layer.macs)):
            if text and "=" in text:
                assert computed(text) == [number, number], f"{layer.name}: {text}"
        for text, side in zip(layer.size_arithmetic, layer.output_shape[1:], strict=False):
            assert computed(text.split("(the last")[0]) == [side, side], f"{layer.name}: {text}"
        sizes = (
            layer.receptive_field.size
            if isinstance(layer.receptive_field.size, tuple)
            else [layer.receptive_field.size]
        )
        for text, size in zip(layer.field_arithmetic, sizes, strict=False):
            assert computed(text) == [size, size], f"{layer.name}: {text}"


def computed(text: str) -> list[float]:
    plain = text.replace("·", "*").replace("−", "-").replace(",", "").replace("⌉", ")").replace("⌋", ")")
    plain = plain.replace("⌊", "__import__('math').floor(").replace("⌈", "__import__('math').ceil(")
    return [eval(side) for side in plain.split("=")]


# Others that count.


def test_parameters_and_shapes_are_torchinfos(case):
    net, shape = case
    anatomy = describe(net, shape)
    summary = torchinfo.summary(net, input_size=(2, *shape), depth=20, verbose=0)
    assert anatomy.parameters == summary.total_params
    theirs = [
        (info.class_name, tuple(info.output_size[1:]), info.num_params)
        for info in summary.summary_list
        if info.is_leaf_layer and not info.contains_lazy_param
    ]
    ours = [(layer.type, layer.output_shape, layer.parameters) for layer in anatomy.layers if layer.type in dir(nn)]
    assert sorted(ours) == sorted(theirs)


def test_multiply_adds_are_the_flop_counters_halved(case):
    net, shape = case
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *shape))
    anatomy = describe(net, shape)
    assert anatomy.macs == counter.get_total_flops() / 2
    by_module = {name.partition(".")[2]: sum(flops.values()) / 2 for name, flops in counter.get_flop_counts().items()}
    for layer in anatomy.layers:
        if layer.type in ("Conv2d", "Linear"):
            assert layer.macs == by_module[layer.name], layer.name


def test_products_without_a_formula_of_ours_are_counted():
    class Attention(nn.Module):
        def forward(self, x):
            x = x.squeeze(1)
            return torch.einsum("nij,nkj->nik", x, x) @ x

    with FlopCounterMode(display=False) as counter:
        Attention()(torch.zeros(1, 1, 6, 5))
    assert describe(Attention(), (1, 6, 5)).macs == counter.get_total_flops() / 2 > 0


# What the record promises.


def test_nothing_about_the_net_changes(case):
    net, shape = case
    net.train()
    next(net.parameters()).requires_grad_(False)
    before, modes = copy.deepcopy(net.state_dict()), [module.training for module in net.modules()]
    hooks = [len(module._forward_hooks) for module in net.modules()]
    random_state = torch.get_rng_state()
    describe(net, shape)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert [len(module._forward_hooks) for module in net.modules()] == hooks
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [parameter.requires_grad for parameter in net.parameters()].count(False) == 1
    assert all(parameter.grad is None for parameter in net.parameters())


def test_json_keeps_the_contract(case):
    net, shape = case
    document = json.loads(json.dumps(describe(net, shape).to_json()))
    assert {"input", "parameters", "macs", "layers"} <= set(document)
    assert document["input"] == list(shape)
    for layer in document["layers"]:
        assert {
            "name", "type", "output_shape", "parameters", "macs", "receptive_field", "dense_equivalent_parameters"
        } <= set(layer)  # fmt: skip
        assert set(layer["receptive_field"]) == {"size", "jump", "start", "kind"}
        assert layer["receptive_field"]["kind"] in ("exact", "upper bound")


def test_names_are_unique_and_inputs_come_before(case):
    net, shape = case
    known = {"input"}
    for layer in describe(net, shape).layers:
        assert layer.name not in known
        assert set(layer.inputs) <= known
        known.add(layer.name)


def test_the_1998_nets_parts_are_seen():
    anatomy = describe(lenet5_1998())
    assert anatomy.parameters == sum(parameter.numel() for parameter in lenet5_1998().parameters())
    assert anatomy.unused_parameters == ()
    table = next(layer for layer in anatomy.layers if layer.parameters == 1_516)  # the paper's figure for C3
    assert table.output_shape == (16, 10, 10)


def test_it_prints_as_a_table():
    text = str(describe(LeNet5()))
    assert "61,706 parameters, 416,520 multiply-adds" in text
    assert "16×10×10" in text


def test_what_can_be_there_only_once_is_shared_with_the_copy():
    net = nn.Linear(2, 2)
    net.numbers = (i for i in range(3))  # a generator refuses to be copied
    assert describe(nn.Sequential(net), (1, 2, 2)).parameters == 6


def test_a_net_that_cannot_be_copied_is_said():
    class Alone(nn.Linear):
        def __deepcopy__(self, memo):
            raise TypeError("there is one of me")

    with pytest.raises(UserError, match=r"cannot be copied \(TypeError: there is one of me\)"):
        describe(nn.Sequential(Alone(2, 2)), (1, 2, 2))
