"""The faster views compute the same function."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.errors import UserError
from cnnlab.nets import MLP, ConvNet, LeNet5, SimpleCNN
from cnnlab.training.execution import central, find_crop, quick_view, require_crop
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
    kinds = [type(layer).__name__ for layer in view.features]
    assert kinds[kinds.index("MaxPool2d") + 1] == "ReLU", "the view really differs"
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
    assert any(isinstance(module, NormPoolRelu) for module in view.modules()), "the view really differs"
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
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Tanh(), nn.MaxPool2d(2), nn.ReLU())
    assert quick_view(other) is other, "only a ReLU right before a max pool may be swapped"
    wide = nn.Sequential(nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(3, stride=2))
    assert not any(isinstance(module, NormPoolRelu) for module in quick_view(wide).modules())


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
