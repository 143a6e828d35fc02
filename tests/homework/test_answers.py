"""Right answers of every type are taken, wrong ones refused with a reason, and nothing that is handed over raises."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab import SimpleCNN
from cnnlab.homework import (
    Feedback,
    check_comparison,
    check_feature_maps,
    check_measured,
    check_net,
    check_output_size,
    check_parameters,
    check_same_net,
)


class Net(nn.Module):
    """A convolution and a dense layer, with a function after each."""

    def __init__(self, hidden=torch.relu, end=lambda x: x, convolve=lambda conv, x: conv(x)):
        super().__init__()
        self.conv, self.dense = nn.Conv2d(1, 4, 3), nn.Linear(4 * 26 * 26, 10)
        self.hidden, self.end, self.convolve = hidden, end, convolve

    def forward(self, x):
        return self.end(self.dense(self.hidden(self.convolve(self.conv, x)).flatten(1)))


def without_gradient(conv, x):
    with torch.no_grad():
        return conv(x)


def frozen():
    net = Net()
    net.conv.weight.requires_grad_(False)
    return net


def zeroed():
    net = Net()
    nn.init.zeros_(net.dense.weight)
    return net


def write_over(conv, x):
    return conv(x.add_(1))


def size(answer):
    return check_output_size(answer, size=28, kernel_size=3)


def count(answer):
    return check_parameters(answer, nn.Conv2d(32, 64, 3))


GOOD, OTHER = ([0.90, 0.95, 0.97], [0.91, 0.96, 0.962]), ([0.92, 0.97, 0.999], [0.92, 0.95, 0.952])


def compare(training, validation=GOOD[1]):
    good = {"training": OTHER[0], "validation": OTHER[1]}
    return check_comparison(
        {"a": {"training": training, "validation": validation}, "b": good}, needs=("a", "b"), images=500
    )


def conv_relu(x):
    return torch.where(x > 0, x, torch.zeros(()))


WHOLE = [int, float, np.int64, np.int32, np.uint16, np.float32, np.array, torch.tensor, Fraction, Decimal]
WHOLE += [lambda n: torch.tensor(float(n)), lambda n: torch.tensor([n]), lambda n: np.array([n])]
CURVES = [list, tuple, np.array, torch.tensor, lambda v: [torch.tensor(x) for x in v], lambda v: [*np.float32(v)]]
NONLINEAR = [torch.relu, F.leaky_relu, F.gelu, F.silu, F.elu, torch.tanh, torch.sigmoid, nn.Softsign(), nn.PReLU()]
NONLINEAR += [lambda x: torch.maximum(x, torch.zeros(())), lambda x: x.clamp(min=0), lambda x: x * (x > 0), conv_relu]
NONLINEAR += [abs, torch.square, lambda x: F.hardtanh(x), lambda x: F.softplus(x), nn.ReLU(inplace=True)]

RIGHT = [
    *((size, make(26)) for make in WHOLE),
    *((count, make(18496)) for make in WHOLE),
    *((compare, make(GOOD[0])) for make in CURVES),
    (compare, [1.0000001, 1, 1]),
    *((check_net, Net(hidden)) for hidden in NONLINEAR),
    (check_net, zeroed()),
    (check_net, Net(end=F.leaky_relu)),
]
WRONG = [
    *((size, wrong, "one number") for wrong in ("26", None, [26], True, np.bool_(True), 26j, float("nan"))),
    *((size, wrong, "one number") for wrong in (float("inf"), torch.tensor([26, 26]), b"26", {})),
    (size, np.int64(25), "+ 1 is missing"),
    (size, torch.tensor(25.5), "whole rows"),
    *((count, wrong, "whole number") for wrong in ("18496", None, True, float("nan"), 7.5, [18496], nn.Conv2d)),
    (count, np.int64(18432), "biases are missing"),
    (compare, ["a", "b", "c"], "expected a number"),
    (compare, [None] * 3, "expected a number"),
    (compare, "abc", "expected a list"),
    (compare, [], "expected a list"),
    (compare, (x for x in GOOD[0]), "expected a list"),
    (compare, range(10**12), "one for each epoch"),
    (compare, torch.rand(3, 2), "one number for each"),
    (compare, [0.9, float("nan"), 0.9], "break down"),
    (compare, [0.9, float("inf"), 0.9], "break down"),
    (compare, [0.9, -0.1, 0.9], "goes down"),
    (compare, [2.3, 0.4, 0.2], "percent or losses"),
    (compare, [0.7, 0.5, 0.38], "losses"),
    (check_net, Net(lambda x: x), "nonlinear"),
    (check_net, Net(lambda x: 3 * x + 1), "nonlinear"),
    (check_net, Net(lambda x: x, torch.relu), "never below 0"),
    (check_net, Net(torch.relu, torch.relu), "never below 0"),
    (check_net, Net(lambda x: x, F.leaky_relu), "nonlinear"),
    (check_net, Net(torch.relu, torch.sigmoid), "between 0 and 1"),
    (check_net, Net(torch.relu, torch.tanh), "between -1 and 1"),
    (check_net, Net(end=lambda x: x.softmax(1)), "softmax"),
    (check_net, Net(end=lambda x: x.log_softmax(1)), "softmax"),
    (check_net, Net(end=lambda x: x / 0), "NaN"),
    (check_net, Net(end=lambda x: None), ""),
    (check_net, Net(end=lambda x: (x, x)), "tuple"),
    (check_net, Net(end=lambda x: {"logits": x}), "dict"),
    (check_net, frozen(), "frozen"),
    (check_net, Net(convolve=without_gradient), "no gradient"),
    (check_net, Net(convolve=lambda conv, x: conv(x).detach()), "no gradient"),
    (check_net, Net(convolve=write_over), "changes the images"),
    (lambda it: check_same_net(it, SimpleCNN()), SimpleCNN, "the class"),
    (lambda it: check_same_net(it, SimpleCNN()), 3, "expected a torch.nn.Module"),
    (lambda it: check_measured(it, needs=("a", "b"), images=10), 3, "expected a dict"),
    (lambda it: check_measured(it, needs=("a",), images="x"), {"a": 1}, "images is 'x'"),
]


def named(row):
    return f"{row[0].__name__}-{type(row[1]).__name__}"


@pytest.mark.parametrize(("check", "answer"), RIGHT, ids=map(named, RIGHT))
def test_a_right_answer_is_taken_whatever_its_type(check, answer):
    feedback = check(answer)
    assert feedback.is_right is True, str(feedback)


@pytest.mark.parametrize(("check", "answer", "says"), WRONG, ids=map(named, WRONG))
def test_a_wrong_answer_is_refused_with_its_mistake(check, answer, says):
    feedback = check(answer)
    assert feedback.is_right is False
    assert says in str(feedback)


class Hostile:
    def _raise(self, *_):
        raise ZeroDivisionError("from the answer's own code")

    __repr__ = __eq__ = __len__ = __iter__ = __hash__ = __bool__ = __contains__ = __getitem__ = _raise


def odd_objects():
    cycle: list = []
    cycle.append(cycle)
    plain = [None, True, 0, -1, 10**5000, 1e308, "", "x" * 10**6, b"", object(), type, int, len, Hostile, Hostile()]
    plain += [cycle, set(), {1: 2}, range(10**12), iter([]), (x for x in ()), np.array([Hostile()], dtype=object)]
    plain += [np.array([]), torch.empty(0), torch.empty(2, device="meta"), nn.Module(), nn.LazyLinear(3), nn.ReLU()]
    plain += [nn.Linear(2, 2, device="meta"), Net(end=lambda x: Hostile()), Net(end=lambda x: exit(3)), Exception]
    return plain + [{"a": each, "b": each} for each in plain] + [[each] for each in plain]


def test_nothing_that_is_handed_over_raises():
    net, images = SimpleCNN(), torch.randn(2, 1, 28, 28)
    for odd in odd_objects():
        for check in (
            size,
            count,
            compare,
            check_net,
            lambda it: check_comparison(it, needs=("a", "b"), images=500),
            lambda it: check_comparison({}, needs=it, images=it),
            lambda it: check_measured(it, needs=("a", "b"), images=500),
            lambda it: check_same_net(it, net),
            lambda it: check_same_net(net, it),
            lambda it: check_parameters(3, it),
            lambda it: check_feature_maps(it, net, images),
            lambda it: check_feature_maps({}, it, it),
            lambda it: check_feature_maps({"features.0": it, "features.4": it}, net, images),
        ):
            feedback = check(odd)
            assert isinstance(feedback, Feedback)
            assert feedback.is_right is not True or odd is net
            assert str(feedback)
