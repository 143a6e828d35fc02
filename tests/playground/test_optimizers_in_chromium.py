"""The page's optimizers take torch.optim's steps, and what one weight's step shows is that same step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.browser

STEPS, WEIGHTS, RATE = 12, 6, 0.05
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "momentum": lambda groups, lr: torch.optim.SGD(groups, lr=lr, momentum=0.9),
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}

# The first half of the weights is decayed, the second is not.
TAKE = """
  const [settings, start, gradients] = given;
  const { update, opened } = await module("optimizers.js");
  const half = start.length / 2;
  const weights = Float64Array.from(start);
  const [first, second] = [new Float64Array(start.length), new Float64Array(start.length)];
  const opens = [];
  gradients.forEach((row, step) => {
    opens.push(row.map((g, i) => opened(settings, step + 1, weights[i], g, first[i], second[i], i < half)));
    const g = Float64Array.from(row);
    update(settings, step + 1, weights, g, first, second, 0, half, true);
    update(settings, step + 1, weights, g, first, second, half, start.length, false);
    opens.at(-1).forEach((open, i) => Object.assign(open, { updated: weights[i], states: [first[i], second[i]] }));
  });
  return opens;
"""


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_twelve_steps_are_those_of_torch_optim_in_float64(
    in_modules: Callable[..., Any], name: str, decay: float
) -> None:
    rng = np.random.default_rng(3)
    start = rng.normal(size=WEIGHTS)
    gradients = rng.normal(size=(STEPS, WEIGHTS)) * [1, 1e-3, 1e-9, 1, 1e-3, 0]
    decayed, others = (torch.tensor(half, requires_grad=True) for half in np.split(start, 2))
    optimizer = OPTIMIZERS[name](
        [{"params": [decayed], "weight_decay": decay}, {"params": [others], "weight_decay": 0.0}], lr=RATE
    )
    settings = {"optimizer": name, "learningRate": RATE, "weightDecay": decay}
    found = in_modules(TAKE, [settings, start.tolist(), gradients.tolist()])
    for gradient, opens in zip(gradients, found, strict=True):
        decayed.grad, others.grad = (torch.tensor(half) for half in np.split(gradient, 2))
        optimizer.step()
        expected = torch.cat([decayed, others]).tolist()
        assert [each["updated"] for each in opens] == pytest.approx(expected, rel=1e-13, abs=1e-15)
        assert [each["weight"] for each in opens] == pytest.approx(expected, rel=1e-13, abs=1e-15)
        for each in opens:
            if name != "sgd":
                assert each["first"] == pytest.approx(each["states"][0], rel=1e-14)
            assert each["second"] == pytest.approx(each["states"][1], rel=1e-14)
            assert each["shrunk"] - each["step"] == each["weight"]
            assert each["step"] == pytest.approx(RATE * each["correctedFirst"] / each["denominator"], rel=1e-14)
