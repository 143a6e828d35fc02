"""Channels last in memory: the same numbers, and no trap for a net that calls `view`."""

from __future__ import annotations

import pytest
import torch
from tests.new_runs import plan_of
from torch import nn

import cnnlab
from cnnlab import UserError
from cnnlab.data import load
from cnnlab.evaluation import logits
from cnnlab.nets import LeNet5, SimpleCNN
from cnnlab.nets.layout import channels_last, runs_channels_last


class Tutorial(nn.Module):
    """As many a tutorial writes it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 14 * 14, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv(x).relu(), 2)
        return self.fc(x.view(-1, 4 * 14 * 14))


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k@200")


def test_one_channel_is_stored_last_too():
    images = torch.rand(3, 1, 5, 7)
    stored = channels_last(images)
    assert torch.equal(stored, images)
    assert stored.stride() == (35, 1, 7, 1)
    assert nn.Conv2d(1, 2, 3)(stored).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("make", [SimpleCNN, LeNet5, Tutorial])
def test_answers_are_those_of_the_net_itself(make, data):
    torch.manual_seed(0)
    net = make().eval()
    images = data.test.images[:300]
    x = (images.float() / 255 - data.mean[0]) / data.std[0]
    with torch.no_grad():
        expected = net(x)
    torch.testing.assert_close(logits(net, images, mean=data.mean, std=data.std), expected, rtol=1e-5, atol=1e-5)


def test_a_net_that_calls_view_trains_by_the_default_recipe(data):
    net = Tutorial()
    assert not runs_channels_last(net, data.image_shape)
    assert runs_channels_last(SimpleCNN(), data.image_shape)
    training = cnnlab.recipe("fast", net, data, epochs=1)
    assert not training.channels_last
    assert cnnlab.recipe("fast", SimpleCNN(), data, epochs=1).channels_last
    assert cnnlab.train(net, data, training).epochs[0].validation_accuracy > 0.1


def test_a_net_that_calls_view_is_not_asked_for_channels_last(data, tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "import torch.nn as nn\nclass Own(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.c = nn.Conv2d(1, 2, 3)\n        self.f = nn.Linear(2 * 26 * 26, 10)\n"
        "    def forward(self, x):\n        return self.f(self.c(x).view(x.shape[0], -1))\n"
    )
    with pytest.raises(UserError, match=r"expected reshape or nn\.Flatten"):
        plan_of(data, f"{path}:Own", changes={"channels_last": True}).meet(data, 0)
