"""Two changes at once: the effects are those of a regression, and the words say which way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cnnlab.config import NetSpec
from cnnlab.experiments.two_by_two import both, two_by_two
from cnnlab.experiments.variants import VARIANTS
from cnnlab.runs.plan import Plan

CELLS = {(False, False): "baseline", (True, False): "a", (False, True): "b", (True, True): "a + b"}


def design(test, gap=None):
    return two_by_two(("a", "b"), CELLS, test, gap or test, test_images=10_000)


def random_cells(seed, effect=(0.0, 0.0, 0.0)):
    rng = np.random.default_rng(seed)
    base = 0.9 + 0.01 * rng.standard_normal(6)
    a, b, together = effect
    return {
        (x, y): tuple(base + a * x + b * y + together * (x and y) + 0.001 * rng.standard_normal(6)) for x, y in CELLS
    }


def test_effects_are_the_coefficients_of_a_regression_on_coded_factors():
    cells = random_cells(3, effect=(0.01, -0.02, 0.005))
    rows, values = [], []
    for (x, y), seeds in cells.items():
        for seed, value in enumerate(seeds):
            # ±½ coding makes a coefficient the difference between both levels; a column a seed takes the seeds out.
            rows.append([x - 0.5, y - 0.5, (x - 0.5) * (y - 0.5), *np.eye(6)[seed]])
            values.append(value)
    coefficients = np.linalg.lstsq(np.array(rows, dtype=float), np.array(values), rcond=None)[0][:3]
    effects = design(cells).effects
    assert [effect.on_test.mean for effect in effects] == pytest.approx(list(coefficients))
    within = np.subtract(cells[True, True], cells[False, True]) - np.subtract(cells[True, False], cells[False, False])
    assert effects[2].on_test.p == pytest.approx(stats.ttest_1samp(within, 0).pvalue)


def test_no_interaction_is_found_where_there_is_none_and_one_where_there_is():
    additive = design(random_cells(1, effect=(0.01, 0.01, 0.0)))
    assert [effect.words.split()[0] for effect in additive.effects[:2]] == ["better", "better"]
    assert not additive.effects[2].words.startswith("together")
    more = design(random_cells(1, effect=(0.0, 0.0, 0.02))).effects[2]
    assert more.name == "a × b"
    assert more.words.startswith("together more than the sum of both, by ")
    assert design(random_cells(1, effect=(0.0, 0.0, -0.02))).effects[2].words.startswith("together less than the sum")


def test_one_seed_decides_nothing():
    one = {cell: values[:1] for cell, values in random_cells(0, effect=(0.1, 0.1, 0.1)).items()}
    assert {effect.words for effect in design(one).effects} == {
        "one seed says nothing about a difference: run at least 2"
    }


def test_both_makes_both_changes():
    base = Plan(net=NetSpec(name="simple-cnn"), data="mnist-5k")
    plan = both(VARIANTS["no-dropout"], VARIANTS["weight-decay"]).change(base)
    assert plan.net.options["dropout"] == 0
    assert plan.changes == {"optimizer": "adamw", "weight_decay": 1.0}
    twice = both(VARIANTS["no-dropout"], VARIANTS["no-batchnorm"])
    assert twice.change(base) == VARIANTS["plain"].change(base)
    assert twice.name == "no-dropout + no-batchnorm"
