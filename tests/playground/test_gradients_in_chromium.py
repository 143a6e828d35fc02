"""The page's gradients of every layer and weight are PyTorch's in float64, to a ten-thousandth of the largest."""

from __future__ import annotations

from typing import Any

import pytest
from tests.playground.eight_nets import EIGHT_NETS, Batch, by_pytorch, in_page, largest_deviation

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", EIGHT_NETS)
def test_gradients_of_every_layer_and_weight_are_those_of_pytorch_in_float64(in_modules: Any, name: str) -> None:
    case = EIGHT_NETS[name]
    planned = case.planned(name)
    batch = Batch.noise(5, case.shape)
    expected = by_pytorch(planned, batch)
    kind, found = in_page(in_modules, planned, batch)
    assert kind == "simd+fma"
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert set(found.layers) == {layer["name"] for layer in planned.layers}
    deviations = largest_deviation(found, expected)
    assert {name: each for name, each in deviations.items() if not each < 1e-4} == {}
