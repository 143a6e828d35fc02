"""What the walk sees of nets that are more than modules in a row."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.anatomy import describe


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.twice = nn.Conv2d(4, 4, 3, padding=1)
        self.tied = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.tied.weight = self.twice.weight
        self.spare = nn.Linear(3, 3)

    def forward(self, x):
        return self.tied(self.twice(self.twice(self.conv(x)))).sum((1, 2, 3))


def test_a_shared_parameter_counts_once():
    anatomy = describe(Shared(), (1, 8, 8))
    assert [layer.name for layer in anatomy.layers] == ["conv", "twice", "twice_1", "tied", "sum"]
    assert [layer.parameters for layer in anatomy.layers] == [40, 148, 0, 0, 0]
    assert anatomy.layer("tied").shared == ("twice",)
    assert anatomy.unused_parameters == ("spare.weight", "spare.bias")
    assert anatomy.parameters == sum(parameter.numel() for parameter in Shared().parameters())


class Standardised(nn.Conv2d):
    def forward(self, x):
        weight = (self.weight - self.weight.mean()) / self.weight.std()
        return F.conv2d(x, weight, self.bias)


def test_parameters_reach_a_layer_through_what_is_computed_from_them():
    (layer,) = describe(nn.Sequential(Standardised(1, 2, 3)), (1, 5, 5)).layers
    assert (layer.name, layer.parameters, layer.macs) == ("0.conv2d", 20, 2 * 9 * 9)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.from_numpy(x.detach().numpy() ** 2)

    @staticmethod
    def backward(ctx, *gradients):
        (x,) = ctx.saved_tensors
        return 2 * x * gradients[0]


class Opaque(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(2 * 36, 10)

    def forward(self, x):
        return self.fc(torch.flatten(Square.apply(self.conv(x)), 1))


def test_what_cannot_be_seen_is_said_and_the_rest_is_still_there():
    anatomy = describe(Opaque(), (1, 8, 8))
    assert [layer.type for layer in anatomy.layers] == ["Conv2d", "opaque", "flatten", "Linear"]
    assert anatomy.layers[1].output_shape == (2, 6, 6)
    assert anatomy.layers[1].receptive_field.kind == "upper bound"
    assert any("cannot be seen" in note for note in anatomy.notes)
    assert anatomy.macs == 2 * 36 * 9 + 720


class Doubled(nn.Module):
    """Nothing in its attributes: torch.jit takes a list for a function of its own that had the same id and is gone."""

    def forward(self, x):
        return 2 * x


def test_a_script_is_opaque():
    net = nn.Sequential(torch.jit.script(Doubled()), nn.Flatten(), nn.Linear(64, 3))
    anatomy = describe(net, (1, 8, 8))
    assert [layer.type for layer in anatomy.layers] == ["opaque", "Flatten", "Linear"]
    assert anatomy.outputs == ("2",)


class Undecided(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        x = self.conv(x)
        if x.mean() > 100:
            return x
        return F.relu(x).amax((2, 3))


def test_a_way_that_depends_on_values_is_said_and_followed():
    anatomy = describe(Undecided(), (1, 8, 8))
    assert [layer.name for layer in anatomy.layers] == ["conv", "relu", "amax"]
    assert len(anatomy.notes) == 1
    assert "looks at values (if at test_walk.py:" in anatomy.notes[0]


class Spoken(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        a, b = y.chunk(2, 1)
        out = torch.zeros_like(y)
        out[:, :2] = a * 2
        out[:, 2:] = -b
        return {"sum": out + y, "first": (a - 1).flatten(1)}


def test_operators_in_place_writes_and_several_answers():
    anatomy = describe(Spoken(), (1, 6, 6))
    assert [layer.type for layer in anatomy.layers] == [
        "Conv2d", "chunk", "mul", "setitem", "neg", "setitem", "add", "sub", "flatten",
    ]  # fmt: skip
    assert anatomy.outputs == ("add", "flatten")
    assert anatomy.layer("add").inputs == ("setitem_1", "conv")


def test_one_name_for_all_ways_to_say_it():
    class Ways(nn.Module):
        def forward(self, x):
            x = x + 1
            x = torch.add(x, 1)
            x = x.add(1)
            x = x.add_(1)
            x += 1
            return F.relu(torch.relu(x.relu()))

    assert [layer.type for layer in describe(Ways(), (1, 3, 3)).layers] == ["add"] * 5 + ["relu"] * 3


def test_identity_and_dropout_are_layers_and_take_no_memory():
    anatomy = describe(nn.Sequential(nn.Identity(), nn.Dropout(), nn.ReLU(inplace=True), nn.ReLU()), (1, 4, 4))
    assert [layer.type for layer in anatomy.layers] == ["Identity", "Dropout", "ReLU", "ReLU"]
    assert [layer.activation_bytes for layer in anatomy.layers] == [0, 0, 0, 64]


def test_a_net_keeps_to_its_own_device_and_precision():
    net = nn.Sequential(nn.Conv2d(1, 2, 3)).double()
    (layer,) = describe(net, (1, 5, 5)).layers
    assert layer.activation_bytes == 2 * 9 * 8
