"""The faster views compute the same function."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nets import MLP, ConvNet, LeNet5, SimpleCNN
from cnnlab.training.execution import central, find_crop, proven_view, quick_view, require_crop
from cnnlab.training.fused import NormPoolRelu
from cnnlab.training.state import lay_out


def gradients(net: nn.Module, view: nn.Module, x: torch.Tensor, y: torch.Tensor) -> list[torch.Tensor]:
    net.zero_grad()
    F.cross_entropy(view(x), y).backward()
    return [parameter.grad.clone() for parameter in net.parameters()]


@pytest.mark.parametrize("make", [LeNet5, lambda: ConvNet(widths=(4, 6), convs_per_block=2, batch_norm=False)])
def test_pool_before_relu_has_the_same_values_and_gradients(make):
    torch.manual_seed(0)
    net = make().eval()
    oracle = copy.deepcopy(net)
    view = quick_view(net)
    x, y = torch.randn(8, 1, 28, 28), torch.randint(0, 10, (8,))
    assert view.features.forward != net.features.forward, "the view really differs"
    for ours, theirs in zip(gradients(net, view, x, y), gradients(oracle, oracle, x, y), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("signs", ["positive", "mixed"])
@pytest.mark.parametrize("make", [SimpleCNN, lambda: ConvNet(widths=(4, 6, 8))])
def test_fused_layers_have_the_same_values_gradients_and_statistics(make, signs, layout):
    torch.manual_seed(0)
    net = make().double()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5 if signs == "positive" else -1.0, 2.0)
            nn.init.uniform_(module.bias, -1.0, 1.0)
    lay_out(net, layout)
    oracle = copy.deepcopy(net)
    view = quick_view(net)
    assert any(isinstance(layer, NormPoolRelu) for layer in view.features.forward.args[0]), "the view really differs"
    for _ in range(3):  # running averages must move alike, too
        x, y = torch.randn(8, 1, 28, 28).double(), torch.randint(0, 10, (8,))
        for ours, theirs in zip(gradients(net, view, x, y), gradients(oracle, oracle, x, y), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, oracle.state_dict()[name], rtol=1e-12, atol=1e-12, msg=name)
    view.eval()
    oracle.eval()
    torch.testing.assert_close(view(x), oracle(x), rtol=1e-12, atol=1e-12)


def test_a_view_leaves_the_net_and_other_orders_alone():
    net = SimpleCNN()
    before = [type(layer) for layer in net.features]
    quick_view(net)
    assert [type(layer) for layer in net.features] == before
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Tanh(), nn.MaxPool2d(2), nn.Sigmoid(), nn.ReLU())
    assert quick_view(other) is other, "only a ReLU right before a max pool may be swapped"
    wide = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(3, stride=2))
    assert not any(isinstance(layer, NormPoolRelu) for layer in quick_view(wide).forward.args[0])


def blank_border(net_input: int = 28, margin: int = 4) -> torch.Tensor:
    x = torch.zeros(4, 1, net_input, net_input)
    x[:, :, margin:-margin, margin:-margin] = torch.randn(4, 1, net_input - 2 * margin, net_input - 2 * margin)
    return x


def test_crop_of_a_dense_net_is_the_same_function_where_the_border_is_zero():
    torch.manual_seed(0)
    net = MLP().eval()
    crop = require_crop(net, (1, 28, 28), 20)
    x = blank_border()
    torch.testing.assert_close(crop.forward(net, central(x, 20)), net(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("make", "map_size", "seen"), [(SimpleCNN, (7, 7), (5, 5)), (LeNet5, (5, 5), (3, 3))])
def test_crop_uses_the_dense_columns_that_see_the_centre(make, map_size, seen):
    torch.manual_seed(0)
    net = make().eval()
    crop = require_crop(net, (1, 28, 28), 20)
    assert (crop.full, crop.seen) == (map_size, seen)
    x = torch.randn(2, 1, 20, 20)
    features = net.features(x)
    padded = F.pad(features, (1, 1, 1, 1))
    torch.testing.assert_close(crop.forward(net, x), net.classifier(padded), rtol=1e-5, atol=1e-5)


def test_crop_trains_the_columns_it_uses_and_no_others():
    net = SimpleCNN(dropout=0.0)
    crop = require_crop(net, (1, 28, 28), 20)
    crop.forward(net, torch.randn(4, 1, 20, 20)).sum().backward()
    grad = net.classifier[1].weight.grad.view(128, 64, 7, 7)
    assert grad[:, :, 1:6, 1:6].abs().sum() > 0
    grad[:, :, 1:6, 1:6] = 0
    assert grad.abs().sum() == 0


class Functional(nn.Module):
    """Pools and flattens without modules, so that the map before the dense layer cannot be seen."""

    def __init__(self):
        super().__init__()
        self.conv, self.dense = nn.Conv2d(1, 4, 3), nn.Linear(4 * 13 * 13, 10)

    def forward(self, x):
        return self.dense(F.max_pool2d(self.conv(x), 2).flatten(1))


def test_no_crop_where_it_cannot_be_right():
    net = SimpleCNN()
    modes = [module.training for module in net.modules()]
    assert find_crop(net, (1, 28, 28), 28) is None, "not smaller"
    assert find_crop(net, (1, 28, 28), 24) is None, "the 6×6 map of 24 pixels lies between the pixels of the 7×7 map"
    assert find_crop(Functional(), (1, 28, 28), 20) is None
    assert [module.training for module in net.modules()] == modes
    with pytest.raises(UserError, match="crop 20: the net cannot be trained on central crops"):
        require_crop(Functional(), (1, 28, 28), 20)


def test_slicing_indexing_and_iterating_see_the_layers_that_the_net_has():
    block = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
    view = quick_view(block)
    assert view.forward != block.forward
    assert list(view) == list(block)
    assert list(view[:3]) == list(block[:3])
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(view[:3](x), block[:3](x))


class Residual(nn.Module):
    """Uses a map again that its block's ReLU has changed in place."""

    def __init__(self, inplace):
        super().__init__()
        self.conv, self.block = nn.Conv2d(1, 4, 3), nn.Sequential(nn.ReLU(inplace), nn.MaxPool2d(2))
        self.dense = nn.Linear(4, 10)

    def forward(self, x):
        maps = self.conv(x)
        pooled = self.block(maps)
        return self.dense(pooled.mean((2, 3)) + maps.mean((2, 3)))


def test_a_view_is_used_only_where_it_computes_what_the_net_computes():
    torch.manual_seed(0)
    x = torch.randn(4, 1, 28, 28)
    assert proven_view(net := Residual(inplace=False), x, torch.float32) is not net
    assert proven_view(net := Residual(inplace=True), x, torch.float32) is net, (
        "the map that is used again would be another"
    )
    net = SimpleCNN()
    before, random, modes = copy.deepcopy(net.state_dict()), torch.get_rng_state(), [m.training for m in net.modules()]
    assert proven_view(net, x, torch.float32) is not net
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert [module.training for module in net.modules()] == modes
    assert all(parameter.grad is None for parameter in net.parameters())


def test_layers_with_hooks_see_what_they_see_in_the_net():
    block = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    block[1].register_forward_hook(lambda *_: None)
    assert quick_view(block) is block


class Flattens(nn.Module):
    """Flattens in an order of its own, after layers of its own."""

    def __init__(self, order=(0, 1, 2, 3), between=lambda maps: maps):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(4))
        self.dense, self.order, self.between = nn.Linear(4 * 49, 10), order, between

    def forward(self, x):
        return self.dense(F.dropout(self.between(self.conv(x)).permute(self.order).flatten(1), 0.5, self.training))


def test_a_crop_is_found_only_where_its_columns_are_those_that_see_it():
    for right in (Flattens(), Flattens(between=F.relu), SimpleCNN(), LeNet5(), MLP()):
        assert find_crop(right, (1, 28, 28), 20) is not None
    assert find_crop(Flattens((0, 1, 3, 2)), (1, 28, 28), 20) is not None, "a square's middle, turned over, is itself"
    for order in ((0, 2, 3, 1), (0, 3, 2, 1)):
        assert find_crop(Flattens(order), (1, 28, 28), 20) is None, order
    for between in (torch.sigmoid, lambda maps: F.adaptive_avg_pool2d(maps, 7)):
        assert find_crop(Flattens(between=between), (1, 28, 28), 20) is None
