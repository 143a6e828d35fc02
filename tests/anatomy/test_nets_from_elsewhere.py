"""Windows in the batch, tokens, fused attention, recurrent layers, constants, lazy and scripted nets."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cnnlab import UserError
from cnnlab.anatomy import describe
from cnnlab.anatomy.batch import for_one_image
from cnnlab.anatomy.verify import verify_fields
from cnnlab.homework import check_net


class Does(nn.Module):
    """A net of some layers and a function of it and the images."""

    def __init__(self, does, **parts):
        super().__init__()
        self.does = does
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.does(self, x)


def counted(net, shape):
    """Multiply-adds for one image, by the flop counter with attention written out."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        net.eval()(torch.zeros(1, *shape, requires_grad=True))
    return counter.get_total_flops() / 2


# Windows folded into the batch.


def in_windows(s, x):
    x = torch.relu(s.conv(x))
    n, c, h, w = x.shape
    x = x.view(n, c, h // 7, 7, w // 7, 7).permute(0, 2, 4, 3, 5, 1).reshape(-1, 49, c)
    x = s.head(torch.relu(s.win(x)).flatten(1))
    return x.view(n, -1, 10).mean(1)


def windows():
    return Does(in_windows, conv=nn.Conv2d(1, 8, 3, padding=1), win=nn.Linear(8, 4), head=nn.Linear(4 * 49, 10))


def test_windows_in_the_batch_are_counted_all_and_shown_first():
    anatomy = describe(windows())
    assert anatomy.layer("win").output_shape == (16, 49, 4)
    assert anatomy.layer("win").macs == 16 * 49 * 8 * 4
    assert anatomy.layer("mean").output_shape == (10,)
    assert anatomy.macs == counted(windows(), (1, 28, 28))
    assert all(check.outside == 0 for check in verify_fields(windows(), rounds=1))


def test_a_net_of_windows_is_a_right_answer():
    assert check_net(windows()).is_right


@pytest.mark.parametrize("tokens", [2, 4, 6])
def test_tokens_before_the_batch_are_no_windows(tokens):
    """(tokens, N, values), as nn.Transformer wants them, however many tokens there are."""
    net = Does(lambda s, x: s.each(x.flatten(2).permute(2, 0, 1)).mean(0), each=nn.Linear(3, 5))
    anatomy = describe(net, (3, 1, tokens))
    assert anatomy.layer("each").output_shape == (tokens, 5)
    assert anatomy.macs == tokens * 15


def test_the_batch_is_where_the_size_changes_with_it():
    assert for_one_image((8, 3), 2, (12, 3), 3) == (4, 3)
    assert for_one_image((8, 2, 5), 2, (8, 3, 5), 3) == (8, 5)
    assert for_one_image((4, 5), 2, (4, 5), 3) == (4, 5)
    assert for_one_image((2, 5), 2) == (5,)
    assert for_one_image((7, 2, 5), 2) == (7, 5)


# Tokens.


class Tokens(nn.Module):
    """16 patches and one token more, a dense layer on each."""

    def __init__(self, extra=1):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 7, stride=7)
        self.token = nn.Parameter(torch.randn(1, extra, 8))
        self.each = nn.Linear(8, 16)
        self.answer = nn.Linear(16, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1)
        return self.answer(self.each(x).relu().mean(dim=1))


@pytest.mark.parametrize("extra", [1, 16])
def test_tokens_put_before_the_patches_move_them(extra):
    """16 more: as many as there are patches, so that the places would still divide."""
    checks = verify_fields(Tokens(extra), rounds=1)
    assert {check.layer for check in checks} >= {"patch", "cat", "each"}
    assert all(check.outside == 0 for check in checks)
    assert describe(Tokens(extra)).layer("cat").receptive_field.kind == "upper bound"


# Products in one function.


def test_fused_attention_is_counted_as_it_is_written_out():
    def attends(s, x):
        q, k, v = s.qkv(s.patch(x).flatten(2).transpose(1, 2)).chunk(3, -1)
        return F.scaled_dot_product_attention(q, k[:, :5], v[:, :5, :3]).mean(1)

    net = Does(attends, patch=nn.Conv2d(1, 8, 7, 7), qkv=nn.Linear(8, 24))
    anatomy = describe(net)
    assert anatomy.layer("scaled_dot_product_attention").macs == 16 * 5 * (8 + 3)
    assert anatomy.macs == counted(net, (1, 28, 28))


@pytest.mark.parametrize(
    "options", [{}, {"batch_first": True}, {"add_bias_kv": True, "add_zero_attn": True}, {"kdim": 4, "vdim": 6}]
)
def test_multi_head_attention_is_counted_with_its_projections(options):
    def attends(s, x):
        x = s.patch(x).flatten(2)
        x = x.transpose(1, 2) if options.get("batch_first") else x.permute(2, 0, 1)
        keys, values = (x[..., : options.get(which, 8)] for which in ("kdim", "vdim"))
        return s.heads(x, keys, values, need_weights=False)[0].mean(1 if options.get("batch_first") else 0)

    net = Does(attends, patch=nn.Conv2d(1, 8, 7, 7), heads=nn.MultiheadAttention(8, 2, **options))
    assert describe(net).macs == counted(net, (1, 28, 28))


def test_an_encoder_of_pytorchs_is_counted_by_hand():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    net = Does(
        lambda s, x: s.layer(s.patch(x).flatten(2).transpose(1, 2)).mean(1), patch=nn.Conv2d(1, 8, 7, 7), layer=layer
    )
    by_hand = 16 * 8 * 49 + 3 * 16 * 8 * 8 + 2 * 16 * 16 * 8 + 16 * 8 * 8 + 2 * 16 * 8 * 16
    assert describe(net).macs == by_hand == counted(net, (1, 28, 28))


RECURRENT = {
    "LSTM": (nn.LSTM(28, 32, batch_first=True), 28 * 4 * 32 * (28 + 32)),
    "GRU": (nn.GRU(28, 8, 2, batch_first=True, bidirectional=True), 28 * 2 * (24 * (28 + 8) + 24 * (16 + 8))),
    "RNN": (nn.RNN(28, 8, nonlinearity="relu", batch_first=True), 28 * 8 * (28 + 8)),
    "projected": (nn.LSTM(28, 8, proj_size=4, batch_first=True, bias=False), 28 * (32 * (28 + 4) + 4 * 8)),
}


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_recurrent_layers_multiply_their_matrices_at_every_step(name):
    layer, by_hand = RECURRENT[name]
    read = describe(Does(lambda s, x: s.read(x[:, 0])[0][:, -1], read=layer)).layer("read")
    assert read.macs == by_hand
    assert read.macs_arithmetic.startswith("28·(")


def test_recurrent_cells_and_packed_sequences_too():
    def steps(s, x):
        hidden = None
        for row in x[:, 0].unbind(1):
            hidden = s.cell(row, hidden)
        return hidden

    def packed(s, x):
        rows = nn.utils.rnn.pack_padded_sequence(x[:, 0], torch.tensor([28] * len(x)), batch_first=True)
        return s.read(rows)[1][-1]

    assert describe(Does(steps, cell=nn.GRUCell(28, 8))).macs == 28 * 24 * (28 + 8)
    assert describe(Does(packed, read=nn.GRU(28, 8, batch_first=True))).macs == 28 * 24 * (28 + 8)


def test_a_bilinear_form():
    net = Does(lambda s, x: s.both(x[:, 0, 0], x[:, 0, 1]), both=nn.Bilinear(28, 28, 10))
    assert describe(net).layer("both").macs == 10 * 28 * (28 + 1)


def test_what_is_not_counted_is_said():
    net = Does(lambda s, x: torch.cdist(x.flatten(1), s.points), points=nn.Parameter(torch.randn(10, 784)))
    anatomy = describe(net)
    assert anatomy.macs == 0
    assert any("cdist" in note and "not counted" in note for note in anatomy.notes)


def test_products_of_constants_are_counted_once():
    net = Does(
        lambda s, x: s.conv(x) + s.of_constant(s.constant),
        conv=nn.Conv2d(1, 4, 3, padding=1),
        of_constant=nn.Conv2d(2, 4, 1),
        constant=nn.Parameter(torch.randn(1, 2, 28, 28)),
    )
    anatomy = describe(net)
    assert anatomy.layer("of_constant").macs == 4 * 784 * 2
    assert anatomy.layer("of_constant").inputs == ()
    assert anatomy.layer("add").receptive_field.kind == "exact"
    assert anatomy.macs == counted(net, (1, 28, 28))
    assert anatomy.notes == ()


def test_a_constant_repeated_for_every_image_counts_for_each():
    net = Does(
        lambda s, x: s.dense(s.query.expand(len(x), -1)) + x.mean((1, 2, 3))[:, None],
        dense=nn.Linear(6, 5),
        query=nn.Parameter(torch.randn(1, 6)),
    )
    anatomy = describe(net)
    assert (anatomy.layer("dense").macs, anatomy.layer("dense").output_shape) == (30, (5,))


# Channels that see different pixels.


def side_by_side(s, x):
    return s.mix(torch.cat([s.small(x), s.large(x)], dim=1))


def branches(mix):
    return Does(side_by_side, small=nn.Conv2d(1, 2, 1), large=nn.Conv2d(1, 2, 3, padding=1), mix=mix)


def test_channels_of_several_branches_see_different_pixels_until_they_are_mixed():
    kinds = {layer.name: layer.receptive_field.kind for layer in describe(branches(nn.Conv2d(4, 2, 1))).layers}
    assert kinds == {"small": "exact", "large": "exact", "cat": "upper bound", "mix": "exact"}
    for apart in (nn.Conv2d(4, 4, 3, groups=4), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.InstanceNorm2d(4)):
        assert describe(branches(apart)).layer("mix").receptive_field.kind == "upper bound"
    for together in (nn.LayerNorm([4, 28, 28]), nn.GroupNorm(1, 4), nn.Sequential(nn.Flatten(), nn.Linear(3136, 3))):
        assert describe(branches(together)).layers[-1].receptive_field.kind == "exact"


def test_channels_of_nothing_put_beside_others_see_nothing():
    """The shortcut of ResNets for CIFAR: every second pixel, zeros for the channels that are missing."""
    net = Does(lambda s, x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)))
    assert describe(net).layers[-1].receptive_field.kind == "upper bound"


@pytest.mark.parametrize("sides", [(0, 0, 1, 2, 3, 0), (0, 0, -1, 0, 0, 2), (1, 2, 3, 0)])
def test_maps_with_channels_last_are_padded_where_they_lie(sides):
    def padded(s, x):
        x = F.pad(s.conv(x).permute(0, 2, 3, 1), sides)
        return s.after(x.permute(0, 3, 1, 2)[:, :2])

    net = Does(padded, conv=nn.Conv2d(1, 2, 3), after=nn.Conv2d(2, 1, 3))
    checks = verify_fields(net, (1, 9, 9), rounds=3)
    assert {check.layer for check in checks} >= {"conv", "pad", "after"}
    assert all(check.is_filled for check in checks if check.layer != "after" or len(sides) == 6), checks
    assert all(check.outside == 0 for check in checks)


def test_equal_branches_side_by_side_are_exact():
    net = Does(side_by_side, small=nn.Conv2d(1, 2, 3), large=nn.Conv2d(1, 2, 3), mix=nn.ReLU())
    assert {layer.receptive_field.kind for layer in describe(net).layers} == {"exact"}


def test_a_channel_taken_of_several_branches_may_see_less():
    net = Does(
        lambda s, x: torch.cat([s.small(x), s.large(x)], dim=1)[:, :2],
        small=nn.Conv2d(1, 2, 1),
        large=nn.Conv2d(1, 2, 3, padding=1),
    )
    assert describe(net).layers[-1].receptive_field.kind == "upper bound"
    assert describe(nn.Sequential(net, nn.Conv2d(2, 1, 1))).layers[-1].receptive_field.kind == "upper bound"


def test_shuffled_channels_are_mixed_by_the_next_convolution():
    def shuffled(s, x):
        x = torch.cat([s.small(x), s.large(x)], dim=1)
        n, c, h, w = x.shape
        return s.mix(x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w))

    net = Does(shuffled, small=nn.Conv2d(1, 2, 1), large=nn.Conv2d(1, 2, 3, padding=1), mix=nn.Conv2d(4, 2, 1))
    kinds = [layer.receptive_field.kind for layer in describe(net).layers]
    assert kinds == ["exact", "exact", *["upper bound"] * 4, "exact"]


# Lazy layers, scripts.


def test_lazy_layers_are_made_on_a_copy():
    torch.manual_seed(0)
    lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(10))
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(2704, 10))
    state = torch.get_rng_state()
    anatomy, expected = describe(lazy), describe(plain)
    assert torch.equal(torch.get_rng_state(), state)
    assert [(layer.output_shape, layer.parameters) for layer in anatomy.layers] == [
        (layer.output_shape, layer.parameters) for layer in expected.layers
    ]
    assert (anatomy.parameters, anatomy.trained_parameters, anatomy.macs) == (
        expected.parameters, expected.trained_parameters, expected.macs
    )  # fmt: skip
    assert isinstance(lazy[0].weight, nn.UninitializedParameter)


def test_lazy_layers_that_no_image_reaches_are_said():
    net = Does(lambda s, x: s.used(x), used=nn.Conv2d(1, 2, 3), spare=nn.LazyLinear(3))
    with pytest.raises(UserError, match=r"spare\.weight.*leave them out"):
        describe(net)


def test_scripted_and_traced_nets_are_refused_in_one_line():
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(2704, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        nets = torch.jit.script(plain), torch.jit.trace(copy.deepcopy(plain), torch.zeros(1, 1, 28, 28))
    for net in nets:
        with pytest.raises(UserError, match=r"Sequential is scripted or traced.*it was made from"):
            describe(net)


def test_a_compiled_net_is_the_net_itself():
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())
    assert describe(torch.compile(plain)).layers[0].name == "0"
