"""What tells unlike images, in the explorer's page: rounded, found again, and left out where the page lacks a layer."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.explorer.test_explorer_page import carried, stored
from torch import nn

from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.explorer.likeness import LARGEST, WholeNumbers, likeness
from cnnlab.explorer.reference import activations
from cnnlab.explorer.translation import translate
from cnnlab.features.penultimate import features_layer
from cnnlab.features.unlike import fit


def whole_numbers(page: str) -> np.ndarray:
    """The page's block of them, put together from its two halves."""
    text = re.search(r'<script type="text/plain" id="unlike">(.*?)</script>', page, re.DOTALL)[1]
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8).reshape(2, -1)
    return np.ascontiguousarray(planes.T).view("<i2").ravel()


@pytest.fixture(scope="module")
def lenet(explored):
    made = explored("lenet5")
    fitted = fit(made.net, made.data)
    return made, fitted, explorer_page([ExploredRun(made.run, made.net, fitted)], made.data)


def test_the_page_holds_what_was_fitted_to_a_step_of_a_32767th(lenet):
    _, fitted, page = lenet
    record, numbers, _ = carried(page.html)
    told, whole = record["nets"][0]["unlike"], whole_numbers(page.html)
    for name in ("middle", "spread", "sums"):
        assert np.array_equal(stored(told[name], numbers), getattr(fitted, name).numpy()), name
    for name, expected in (
        ("means", fitted.pixel_means),
        ("components", fitted.pixel_components),
        ("neighbours", fitted.neighbours),
    ):
        at, shape, step = told[name]["from"], told[name]["shape"], told[name]["step"]
        found = whole[at : at + expected.numel()].reshape(shape) * step
        assert step == pytest.approx(float(expected.abs().max()) / LARGEST)
        assert np.abs(found - expected.numpy()).max() <= step / 2 * 1.0001, name
    assert told["features"] == "classifier.6", "the last dense layer"


def test_it_adds_half_a_megabyte_and_nothing_where_nothing_was_fitted(lenet):
    made, _, page = lenet
    bare = explorer_page([ExploredRun(made.run, made.net)], made.data)
    assert 0.2e6 < len(page.html) - len(bare.html) < 0.6e6
    record, _, _ = carried(bare.html)
    assert record["nets"][0]["unlike"] is None
    assert len(whole_numbers(bare.html)) == 0
    assert bare.notes == page.notes == ()


def test_two_nets_share_the_pixels_of_their_data(lenet):
    made, fitted, _ = lenet
    other = replace(fitted, neighbours=fitted.neighbours.flip(0))
    both = [ExploredRun(made.run, made.net, each) for each in (fitted, other)]
    record, _, _ = carried(explorer_page(both, made.data).html)
    one, two = (net["unlike"] for net in record["nets"])
    assert one["components"] == two["components"]
    assert one["neighbours"]["from"] != two["neighbours"]["from"]


def test_whole_numbers_of_nothing_but_zeros():
    numbers = WholeNumbers()
    assert numbers.add(torch.zeros(2, 3)) == {"from": 0, "shape": [2, 3], "step": 0.0}
    assert numbers.content() == bytes(12)


class Twice(nn.Module):
    """A linear layer that runs twice, the answer's one last."""

    def __init__(self) -> None:
        super().__init__()
        self.square, self.head = nn.Linear(10, 10), nn.Linear(784, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.square(self.square(self.head(x.flatten(1)).relu()).relu())


class Functional(nn.Module):
    """A layer that hands its weights to a function, as anatomy sees it: still one of PyTorch's."""

    def __init__(self) -> None:
        super().__init__()
        self.head = Halved(784, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.flatten(1))


class Halved(nn.Linear):
    """Its product is of half of what it gets: not the features that a hook sees."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return F.linear(input * 0.5, self.weight, self.bias)


def of_page(net: nn.Module, data) -> tuple[dict | None, str | None]:
    """What the page of an untrained net would hold, and the path of the layer that shows the features."""
    net, images, record = net.eval(), data.test.images[:3], data
    translated = translate(net, data.image_shape, len(data.classes))
    values = activations(net, translated, images, data.mean, data.std)
    path = features_layer(net, images[:1], mean=data.mean, std=data.std)
    return likeness(fit(net, data), net, translated, values, images, record, WholeNumbers()), path


def test_of_a_layer_that_runs_twice_the_last_run_counts(lenet):
    told, path = of_page(Twice(), lenet[0].data)
    assert path == "square"
    assert told["features"] == "square_1"
    assert told["neighbours"]["shape"][1] == 10


def test_features_that_the_page_does_not_compute_leave_it_out(lenet):
    told, path = of_page(Functional(), lenet[0].data)
    assert path == "head"
    assert told is None


def test_a_page_without_them_says_so_in_a_note(lenet, monkeypatch):
    made, fitted, _ = lenet
    monkeypatch.setattr("cnnlab.explorer.likeness.features_layer", lambda *_, **__: "features.0")
    page = explorer_page([ExploredRun(made.run, made.net, fitted)], made.data)
    (note,) = page.notes
    assert note.startswith("lenet5: no layer of the page gives the features")


def test_a_net_without_features_is_told_by_two_scores(lenet):
    made, fitted, _ = lenet
    two = replace(fitted, neighbours=None, middle=fitted.middle[::2], spread=fitted.spread[::2])
    record, _, _ = carried(explorer_page([ExploredRun(made.run, made.net, two)], made.data).html)
    told = record["nets"][0]["unlike"]
    assert (told["scores"], told["features"], told["neighbours"]) == (["answer", "pixels"], None, None)
