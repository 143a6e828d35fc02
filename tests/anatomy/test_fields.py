"""Receptive fields against gradients: every pixel that a unit depends on, and no other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from tests.anatomy.ten_nets import TEN_NETS
from torch import nn

from cnnlab.anatomy import describe
from cnnlab.anatomy.verify import verify_fields

SLOW_TO_VERIFY = {"ResNet18"}


@pytest.mark.parametrize("name", [name for name in TEN_NETS if name not in SLOW_TO_VERIFY])
def test_fields_of_the_ten_nets_are_those_that_gradients_reach(name):
    make, shape = TEN_NETS[name]
    torch.manual_seed(1)
    checks = verify_fields(make(), shape)
    assert checks
    for check in checks:
        assert check.is_filled, check


@pytest.mark.slow
def test_fields_of_resnet18_are_those_that_gradients_reach():
    make, shape = TEN_NETS["ResNet18"]
    torch.manual_seed(1)
    checks = verify_fields(make(), shape)
    assert len(checks) > 20
    assert all(check.is_filled for check in checks)


def test_a_wrong_field_is_found_out(monkeypatch):
    """The check itself can fail: with strides forgotten, gradients reach outside."""
    from cnnlab.anatomy import field_rules

    original = field_rules.window_positions
    monkeypatch.setattr(field_rules, "window_positions", lambda i, o, K, s, p, d: original(i, o, K, 1, p, d))
    checks = verify_fields(nn.Sequential(nn.Conv2d(1, 2, 3, stride=2)), (1, 9, 9))
    assert checks[0].outside > 0


# Random nets: positive weights and pixels and no choosing, so that one gradient shows the whole field.


class Pad(nn.Module):
    def __init__(self, sides, mode):
        super().__init__()
        self.sides, self.mode = sides, mode

    def forward(self, x):
        return F.pad(x, self.sides, mode=self.mode)


class Cut(nn.Module):
    def __init__(self, top, left, step):
        super().__init__()
        self.top, self.left, self.step = top, left, step

    def forward(self, x):
        return x[:, :, self.top :, self.left :: self.step]


class Sum(nn.Module):
    """Two branches of one size, one convolved with a larger kernel."""

    def __init__(self, sides):
        super().__init__()
        self.one = nn.Conv2d(1, 1, sides[0], padding="same")
        self.two = nn.Conv2d(1, 1, sides[1], padding="same")

    def forward(self, x):
        return self.one(x) + self.two(x)


class Turn(nn.Module):
    def forward(self, x):
        return x.transpose(2, 3)


small = st.integers(1, 3)
pairs = st.tuples(small, small)
layers = st.one_of(
    st.builds(
        lambda K, s, p, d: nn.Conv2d(1, 1, K, stride=s, padding=p, dilation=d),
        pairs,
        pairs,
        st.tuples(*[st.integers(0, 2)] * 2),
        pairs,
    ),
    st.builds(lambda K, s: nn.AvgPool2d(K, stride=s), pairs, pairs),
    st.builds(lambda K: nn.AvgPool2d(K, ceil_mode=True), pairs),
    st.builds(lambda K, s: nn.ConvTranspose2d(1, 1, K, stride=s), pairs, pairs),
    st.builds(lambda h, w: nn.AdaptiveAvgPool2d((h, w)), st.integers(1, 5), st.integers(1, 5)),
    st.builds(lambda f: nn.Upsample(scale_factor=f), st.integers(1, 2)),
    st.builds(
        Pad, st.tuples(*[st.integers(0, 2)] * 4), st.sampled_from(["constant", "reflect", "replicate", "circular"])
    ),
    st.builds(Cut, st.integers(0, 2), st.integers(0, 2), st.integers(1, 2)),
    st.builds(Sum, st.tuples(st.sampled_from([1, 3]), st.sampled_from([1, 3, 5]))),
    st.builds(Turn),
    st.builds(lambda: nn.ReLU()),
    st.builds(lambda: nn.BatchNorm2d(1)),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(layers, min_size=1, max_size=5), st.integers(7, 10), st.integers(7, 10))
def test_every_units_field_in_random_nets(parts, height, width):
    net = nn.Sequential(*parts).double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.rand_like(parameter) + 0.1)
    images = (torch.rand(1, 1, height, width, dtype=torch.float64) + 0.5).requires_grad_()
    try:
        out = net(images)
    except (RuntimeError, ValueError):
        reject()  # the random layers do not fit each other
    assume(out.numel() and max(out.shape[2:]) <= 24)
    anatomy = describe(net, (1, height, width))
    layer = anatomy.layers[-1]
    is_turned = layer.field.rows.dim == 3
    for i in range(out.shape[3 if is_turned else 2]):
        for j in range(out.shape[2 if is_turned else 3]):
            unit = out[0, 0, j, i] if is_turned else out[0, 0, i, j]
            (gradient,) = torch.autograd.grad(unit, images, retain_graph=True)
            reached = (gradient[0, 0] != 0).numpy()
            if layer.receptive_field.kind == "exact":
                np.testing.assert_array_equal(
                    layer.field.of(i, j), rectangle(layer.receptive_field, i, j, height, width)
                )
            if layer.field.is_exact:
                np.testing.assert_array_equal(layer.field.of(i, j), reached)
            else:
                assert (layer.field.of(i, j) >= reached).all()


def rectangle(field, i, j, height, width):
    """Bool (H, W): the pixels that size, jump and start name."""
    seen = np.zeros((height, width), dtype=bool)
    (top, left), (h, w) = (
        (
            start + jump * position
            for start, jump, position in zip(pair(field.start), pair(field.jump), (i, j), strict=True)
        ),
        pair(field.size),
    )
    seen[max(0, top) : max(0, top + h), max(0, left) : max(0, left + w)] = True
    return seen


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


# Cases with a known answer.


def field_of(net, shape=(1, 28, 28)):
    return describe(net, shape).layers[-1].receptive_field


def test_gaps_of_dilation_make_an_upper_bound():
    field = field_of(nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2)))
    assert (field.size, field.kind) == (5, "upper bound")


def test_gaps_that_a_later_layer_fills_are_exact_again():
    field = field_of(nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2), nn.Conv2d(1, 1, 2)))
    assert (field.size, field.kind) == (6, "exact")


class Cross(nn.Module):
    """A row and a column: their union is a cross, and no rectangle."""

    def __init__(self):
        super().__init__()
        self.row, self.column = nn.Conv2d(1, 1, (1, 5), padding=(0, 2)), nn.Conv2d(1, 1, (5, 1), padding=(2, 0))

    def forward(self, x):
        return self.row(x) + self.column(x)


def test_branches_that_meet_crosswise_make_an_upper_bound():
    field = field_of(Cross())
    assert (field.size, field.jump, field.start, field.kind) == (5, 1, -2, "upper bound")


def test_a_branch_inside_another_is_exact():
    field = field_of(Sum((1, 5)))
    assert (field.size, field.kind) == (5, "exact")


def test_a_dense_layer_sees_what_the_map_before_it_sees():
    """Stride 2 leaves the last of 28 columns unread, and no dense layer brings it back."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(2 * 13 * 13, 3))
    field = field_of(net)
    assert (field.size, field.jump, field.start, field.kind) == (27, 0, 0, "exact")


def test_rows_and_columns_of_their_own():
    field = field_of(nn.Sequential(nn.Conv2d(1, 1, (3, 5), stride=(2, 1))))
    assert (field.size, field.jump, field.start) == ((3, 5), (2, 1), 0)


def test_channels_last_code_keeps_its_places():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.linear = nn.Conv2d(1, 4, 3), nn.LayerNorm(4), nn.Linear(4, 6)

        def forward(self, x):
            x = self.linear(self.norm(self.conv(x).permute(0, 2, 3, 1)))
            return x.permute(0, 3, 1, 2)

    field = field_of(Last())
    assert (field.size, field.jump, field.kind) == (3, 1, "exact")


def test_tokens_keep_their_patches_until_they_are_mixed():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch, self.mix, self.head = nn.Conv2d(1, 8, 7, 7), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            x = self.mix(self.patch(x).flatten(2).transpose(1, 2))
            return self.head(x.mean(1))

    fields = [layer.receptive_field for layer in describe(Tokens()).layers]
    assert [field.size for field in fields] == [7, 7, 7, 7, 28, 28]
    assert {field.kind for field in fields} == {"exact"}


def test_a_gate_that_sees_everything_makes_every_unit_see_everything():
    fields = {layer.name: layer.receptive_field for layer in describe(TEN_NETS["SqueezeExcite"][0]()).layers}
    assert fields["conv"].size == (3, 5)
    assert (fields["mul"].size, fields["mul"].kind) == (28, "exact")


def test_unknown_functions_may_see_everything():
    class Rolled(nn.Module):
        def forward(self, x):
            return torch.roll(x, 1, dims=2)

    field = field_of(Rolled())
    assert (field.size, field.kind) == (28, "upper bound")
