"""Nets of tokens, and of windows in the batch, looked at: a unit is a value of a dense layer at all its tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.anatomy.test_nets_from_elsewhere import Tokens, windows
from torch import nn

import cnnlab
from cnnlab.features.activations import feature_maps, units
from cnnlab.features.choosing import by_index
from cnnlab.features.looking import look, look_at_layer
from cnnlab.features.statistics import statistics
from cnnlab.report.look.tables import layer_view, stage_view


class Patches(nn.Module):
    """16 patches, a dense layer on each, and nothing besides."""

    def __init__(self):
        super().__init__()
        self.patch, self.each, self.answer = nn.Conv2d(1, 8, 7, stride=7), nn.Linear(8, 6), nn.Linear(6, 10)

    def forward(self, x):
        return self.answer(self.each(self.patch(x).flatten(2).transpose(1, 2)).relu().mean(dim=1))


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr("cnnlab.features.looking.MEASURED", 20)
    monkeypatch.setattr("cnnlab.features.looking.EMBEDDED", 20)
    monkeypatch.setattr("cnnlab.features.ascent.STEPS", 3)


@pytest.fixture(scope="module")
def data():
    return cnnlab.load("mnist-5k@100")


def test_a_unit_of_a_dense_layer_on_tokens_is_one_of_its_values():
    net, x = Tokens().eval(), torch.randn(5, 1, 28, 28)
    with torch.no_grad():
        tokens = torch.cat([net.token.expand(5, -1, -1), net.patch(x).flatten(2).transpose(1, 2)], dim=1)
        by_hand = net.each(tokens)
    found = units(net, x)
    torch.testing.assert_close(found["each"], by_hand.transpose(1, 2))
    torch.testing.assert_close(found["relu"], by_hand.relu().transpose(1, 2))
    torch.testing.assert_close(feature_maps(net, x)["each"], by_hand)
    figures = statistics(net, x)["each"]
    np.testing.assert_allclose(figures.unit_mean, by_hand.mean((0, 1)).double(), atol=1e-6)


def test_windows_in_the_batch_have_no_units():
    found = units(windows(), torch.randn(5, 1, 28, 28))
    assert {"conv", "relu", "mean"} <= set(found)
    assert "win" not in found
    assert all(len(values) == 5 for values in found.values())


@pytest.mark.parametrize("make", [Tokens, Patches, windows])
def test_a_net_is_looked_at_stage_by_stage(make, data):
    torch.manual_seed(0)
    found = look(make(), data, by_index(data.test, [1, 2]), []).look
    views = {stage.name: stage_view(found, stage, number=i) for i, stage in enumerate(found.stages)}
    if make is windows:
        assert list(views) == ["conv"]
        return
    assert list(views) == ["patch", "each", "answer"]
    assert views["each"].total == (16 if make is Tokens else 6)
    assert views["each"].has_maps
    cells = views["each"].rows[0][1]
    assert len(cells) == len(views["each"].units)
    shown = found.maps["relu"][0, found.exciting["each"].units[0]]
    assert cells[0].label.startswith("from 0.00 to ") or float(shown.min()) > 0


def test_where_a_token_lies_is_boxed(data):
    torch.manual_seed(0)
    found = look_at_layer(Patches(), data, by_index(data.test, [1]), "each")
    view = layer_view(found.look, found.layer, found.stage)
    best = found.look.exciting["each"].strongest
    token = int(best.places[0, 0, 0])
    picture = view.excited[0].images[0][0]
    assert f'<rect class="box" x="{7 * (token % 4)}" y="{7 * (token // 4)}" width="7" height="7"/>' in picture
