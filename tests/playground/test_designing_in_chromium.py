"""A conv-net designed in the page is the net that Python makes of the same settings, layer for layer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnlab.config import NetSpec
from cnnlab.errors import UserError
from cnnlab.playground.nets import PlannedNet, plan_net

pytestmark = pytest.mark.browser

SIMPLE_CNN = {
    "widths": [32, 64],
    "kernelSize": 3,
    "convsPerBlock": 1,
    "batchNorm": True,
    "hidden": 128,
    "pool": "max",
}

DESIGNED = """const { designed } = await module("designing.js");
return given.map(([design, dropout, shape, classes]) => {
  try {
    return designed(design, dropout, shape, classes);
  } catch (error) {
    return `${error.constructor.name}: ${error.message}`;
  }
});"""


def designs(count: int) -> list[list[Any]]:
    """(design, dropout, image shape, classes): the lesson's SimpleCNN, and others drawn at random."""
    rng = np.random.default_rng(2)
    drawn: list[list[Any]] = [[SIMPLE_CNN, 0.5, [1, 28, 28], 10]]
    for _ in range(count):
        design = {
            "widths": rng.integers(1, 9, rng.integers(1, 4)).tolist(),
            "kernelSize": int(rng.integers(1, 7)),
            "convsPerBlock": int(rng.integers(1, 3)),
            "batchNorm": bool(rng.integers(2)),
            "hidden": int(rng.integers(2)) * int(rng.integers(1, 20)),
            "pool": str(rng.choice(["max", "average", "stride", "none"])),
        }
        shape = [int(rng.integers(1, 4)), int(rng.integers(4, 30)), int(rng.integers(4, 30))]
        drawn.append([design, float(rng.integers(10)) / 10, shape, int(rng.integers(2, 12))])
    return drawn


def python_net(design: dict[str, Any], dropout: float, shape: list[int], classes: int) -> PlannedNet:
    options = {
        "widths": tuple(design["widths"]),
        "kernel_size": design["kernelSize"],
        "convs_per_block": design["convsPerBlock"],
        "batch_norm": design["batchNorm"],
        "dropout": dropout,
        "hidden": design["hidden"],
        "pool": design["pool"],
    }
    return plan_net(NetSpec(name="conv-net", options=options), (shape[0], shape[1], shape[2]), classes)


def refusal(case: list[Any]) -> str | None:
    """What Python says of a design that is no net."""
    try:
        python_net(*case)
    except UserError as error:
        return f"UserError: {error}"
    return None


def test_designs_are_the_nets_that_python_makes(in_modules: Callable[..., Any]) -> None:
    cases = designs(60)
    refusals = 0
    for case, found in zip(cases, in_modules(DESIGNED, cases), strict=True):
        if refused := refusal(case):
            assert found == refused
            refusals += 1
            continue
        expected = json.loads(json.dumps(python_net(*case).to_page()))
        assert found == expected | {"weights": None, "run": None, "proof": None}
    assert 3 < refusals < 40, "too small images are among them"


def test_a_designs_initial_weights_are_pythons(in_modules: Callable[..., Any]) -> None:
    for case in [case for case in designs(5) if refusal(case) is None]:
        drawn = in_modules(
            """const { designed } = await module("designing.js");
            const { initialWeights } = await module("initial.js");
            return [...initialWeights(designed(...given), 0)].slice(-200);""",
            case,
        )
        assert drawn == python_net(*case).numbers()[-200:].tolist()


def test_what_is_no_design_is_refused_in_pythons_words(in_modules: Callable[..., Any]) -> None:
    wrong = [{"widths": []}, {"widths": [0]}, {"widths": [4, 0]}, {"kernelSize": 0}, {"convsPerBlock": 0}]
    wrong += [{"hidden": -1}, {"pool": "median"}]
    cases = [[SIMPLE_CNN | change, 0.5, [1, 28, 28], 10] for change in wrong]
    for case, found in zip(cases, in_modules(DESIGNED, cases), strict=True):
        assert found == refusal(case)
        assert found.startswith("UserError: conv-net: got ")
