"""Typical mistakes in a net of one's own, each named; and a right net that is not complained about."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab import MLP, LeNet5, SimpleCNN
from cnnlab.homework import check_net, check_same_net


def written_by_hand(**changes):
    """The lesson's SimpleCNN, with one thing otherwise."""
    parts = {
        "norm": lambda channels: [nn.BatchNorm2d(channels)],
        "activation": nn.ReLU,
        "pool": lambda: nn.MaxPool2d(2),
        "dropout": 0.5,
        "end": [],
        "channels": 64,
    } | changes

    class Written(nn.Module):
        def __init__(self):
            super().__init__()
            act, pool, c = parts["activation"], parts["pool"], parts["channels"]
            self.features = nn.Sequential(
                *(nn.Conv2d(1, 32, 3, padding=1), *parts["norm"](32), act(), pool()),
                *(nn.Conv2d(32, c, 3, padding=1), *parts["norm"](c), act(), pool()),
            )
            self.classifier = nn.Sequential(
                *(nn.Flatten(), nn.Linear(c * 7 * 7, 128), nn.ReLU(), nn.Dropout(parts["dropout"])),
                *(nn.Linear(128, 10), *parts["end"]),
            )

        def forward(self, x):
            return parts.get("forward", lambda net, x: net.classifier(net.features(x)))(self, x)

    return Written()


def test_the_lesson_s_net_written_by_hand_is_the_library_s():
    mine, reference = written_by_hand(), SimpleCNN()
    before = {name: value.clone() for name, value in mine.state_dict().items()}
    feedback = check_same_net(mine, reference)
    assert feedback.is_right, str(feedback)
    assert "421,834" in str(feedback)
    assert mine.training
    assert reference.training
    assert all(torch.equal(value, before[name]) for name, value in mine.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"norm": lambda channels: []}, "SimpleCNN has features.1."),
        ({"channels": 48}, "is 48×32×3×3, that of SimpleCNN 64×32×3×3"),
        ({"dropout": 0.25}, "Dropout(p=0.25"),
        ({"pool": lambda: nn.AvgPool2d(2)}, "AvgPool2d"),
        ({"end": [nn.Softmax(dim=1)]}, "softmax"),
        ({"forward": lambda net, x: net.classifier(net.features(-x))}, "what forward does"),
        ({"forward": lambda net, x: net.classifier(net.features(x)).T}, "answers with 10×4"),
    ],
)
def test_a_net_that_is_another_is_told_where(changes, says):
    feedback = check_same_net(written_by_hand(**changes), SimpleCNN())
    assert feedback.is_right is False
    assert says in str(feedback)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [nn.Conv2d(1, 4, 3), nn.ReLU()]
        self.end = nn.Linear(4 * 26 * 26, 10)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.end(x.flatten(1))


class Unused(LeNet5):
    def __init__(self):
        super().__init__()
        self.more = nn.Conv2d(6, 6, 3)


class Restless(LeNet5):
    def forward(self, x):
        return super().forward(F.dropout(x))


class Mixing(LeNet5):
    def forward(self, x):
        return super().forward(x - x.mean(dim=0))


class Fixed(LeNet5):
    def forward(self, x):
        return super().forward(x.reshape(2, 1, 28, 28))


def conv(*end):
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 13 * 13, 10), *end)


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (LeNet5, "make a net of it"),
        ("a net", "expected a torch.nn.Module"),
        (Listed(), "self.blocks is a plain list"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 28 * 28, 10)), "2704"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2704, 10)), "channels"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2704, 11)), "expected (5, 10)"),
        (conv(nn.Softmax(dim=1)), "ends with a softmax"),
        (conv(nn.LogSoftmax(dim=1)), "ends with a softmax"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(2704, 10)), "nothing in it is nonlinear"),
        (MLP(), "no convolution"),
        (Unused(), "does not use more.weight"),
        (Restless(), "differently the second time"),
        (Mixing(), "others in its batch"),
        (Fixed(), "not on five or on one"),
    ],
)
def test_what_is_off_with_a_net_is_named(net, says):
    feedback = check_net(net)
    assert feedback.is_right is False
    assert says in str(feedback)


@pytest.mark.parametrize("net", [SimpleCNN(), LeNet5(), conv()], ids=["simple-cnn", "lenet5", "sequential"])
def test_a_net_in_which_nothing_is_off_is_described(net):
    state = torch.random.get_rng_state()
    feedback = check_net(net)
    assert feedback.is_right, str(feedback)
    count = sum(parameter.numel() for parameter in net.parameters())
    assert f"{count:,} parameters" in str(feedback)
    assert net.training
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_template_is_said_to_be_one():
    class MyCNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = ...

        def forward(self, x):
            return self.layers(x)

    for feedback in (check_net(MyCNN()), check_net(...), check_same_net(..., SimpleCNN())):
        assert feedback.is_right is None
