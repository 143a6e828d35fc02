"""The page's gradients of every layer and weight are PyTorch's in float64, and so are its steps."""

from __future__ import annotations

from typing import Any

import pytest
from numpy.linalg import norm
from tests.playground.eight_nets import (
    EIGHT_NETS,
    Batch,
    by_pytorch,
    in_page,
    largest_deviation,
    steps_by_pytorch,
    steps_in_page,
)

from cnnlab.data import load
from cnnlab.playground.images import page_images
from cnnlab.playground.settings import Settings

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", EIGHT_NETS)
def test_gradients_of_every_layer_and_weight_are_those_of_pytorch_in_float64(in_modules: Any, name: str) -> None:
    case = EIGHT_NETS[name]
    planned = case.planned(name)
    batch = Batch.noise(5, case.shape)
    expected = by_pytorch(planned, batch)
    kind, found = in_page(in_modules, planned, batch)
    assert kind != "plain"
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert set(found.layers) == {layer["name"] for layer in planned.layers}
    deviations = largest_deviation(found, expected)
    assert {name: each for name, each in deviations.items() if not each < 1e-5} == {}


@pytest.mark.parametrize(("optimizer", "rate", "steps"), [("sgd", 0.01, 100), ("adam", 1e-3, 10)])
def test_weights_after_steps_of_two_workers_are_those_of_pytorch(
    in_modules: Any, optimizer: Any, rate: float, steps: int
) -> None:
    # Not 100 of Adam: a ReLU that falls the other way in the last bit leads PyTorch's float32 from its float64, too.
    images = page_images(load("mnist-5k@400"))
    planned = EIGHT_NETS["lenet5"].planned("lenet5")
    settings = Settings(optimizer=optimizer, learning_rate=rate, images=400)
    found = steps_in_page(in_modules, planned, images, settings, steps)
    expected = steps_by_pytorch(planned, images, settings, steps)
    for name, weights in expected.items():
        assert norm(found[name] - weights) < 1e-3 * norm(weights), name
