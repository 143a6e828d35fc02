"""Shapes that do not fit: the layer, what came in, what it wanted."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab import UserError
from cnnlab.anatomy import describe


class Net(nn.Module):
    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        for part in self.children():
            x = part(x)
        return x


class Adds(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, stride=2)

    def forward(self, x):
        y = self.conv(x)
        return y + x


class Joins(Adds):
    def forward(self, x):
        return torch.cat([self.conv(x), x], 1)


class Views(nn.Module):
    def forward(self, x):
        return F.relu(x).view(x.shape[0], 7, -1)


@pytest.mark.parametrize(
    ("net", "parts"),
    [
        (
            Net(a=nn.Conv2d(1, 8, 3), b=nn.Conv2d(16, 8, 3)),
            ["layer b (Conv2d)", "got 8×8×8", "wanted 16 channels", "in_channels to 8"],
        ),
        (Net(a=nn.Conv2d(1, 8, 12)), ["layer a (Conv2d)", "got 1×10×10", "wanted at least 12×12"]),
        (Net(a=nn.Conv2d(1, 8, 5, padding=1, dilation=3)), ["layer a (Conv2d)", "wanted at least 11×11"]),
        (
            Net(a=nn.Flatten(), b=nn.Linear(99, 10)),
            ["layer b (Linear)", "got 100 values", "wanted 99", "in_features to 100"],
        ),
        (Net(a=nn.Conv2d(1, 8, 3), b=nn.BatchNorm2d(4)), ["layer b (BatchNorm2d)", "got 8×8×8", "wanted 4 channels"]),
        (Net(a=nn.MaxPool2d(8), b=nn.MaxPool2d(2)), ["layer b (MaxPool2d)", "got 1×1×1", "wanted at least 2×2"]),
        (Net(a=nn.Flatten(), b=nn.Conv2d(1, 8, 3)), ["layer b (Conv2d)", "got 100", "wanted maps (C, H, W)"]),
        (Adds(), ["Adds's add", "got 3×4×4 and 1×10×10", "equal shapes"]),
        (Joins(), ["Joins's cat", "3×4×4, 1×10×10", "along dim 1 only"]),
        (Views(), ["Views's view", "got 1×10×10", "invalid for input of size 200"]),
        (Net(a=nn.Embedding(3, 3)), ["layer a (Embedding)", "got "]),
    ],
)  # fmt: skip
def test_the_error_names_layer_got_and_wanted(net, parts):
    with pytest.raises(UserError) as error:
        describe(net, (1, 10, 10))
    text = str(error.value)
    assert "\n" not in text
    for part in ["on images of 1×10×10", *parts]:
        assert part in text


def test_an_error_of_the_nets_own_is_passed_on():
    class Refuses(nn.Module):
        def forward(self, x):
            raise ValueError("odd sides only")

    with pytest.raises(UserError, match="Refuses: its forward failed on images of 1×4×4: ValueError: odd sides only"):
        describe(Refuses(), (1, 4, 4))


def test_an_error_that_the_net_handles_is_not_the_end():
    class Tries(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 2), nn.Linear(16, 2)

        def forward(self, x):
            x = x.flatten(1)
            try:
                return self.a(x)
            except RuntimeError:
                return self.b(x)

    assert describe(Tries(), (1, 4, 4)).layers[-1].output_shape == (2,)
