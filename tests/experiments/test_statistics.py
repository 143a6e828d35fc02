"""Oracles: scipy.stats, closed testing by brute force, simulation, ordinary least squares."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import astuple
from itertools import combinations, product

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cnnlab.experiments.statistics import (
    MANY,
    factorial,
    holm,
    holm_levels,
    paired_difference,
    sampling_error,
    seeds_needed,
    seeds_range,
    spread,
)
from cnnlab.experiments.verdicts import verdict

IMAGES = 4096
#: Steps of 1/4096 are exact in binary, so that what should be equal is equal to the last bit.
accuracies = st.integers(0, IMAGES).map(lambda right: right / IMAGES)
matched = st.lists(st.tuples(accuracies, accuracies), min_size=1, max_size=8)
chances = st.floats(0, 1)
unhurried = settings(deadline=None, derandomize=True)


# --- spread and sampling error


def test_spread_of_a_sample():
    values = [0.97, 0.981, 0.975, 0.99]
    found = spread(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-15)
    assert found.standard_deviation == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert (found.lowest, found.highest, found.n) == (0.97, 0.99, 4)


def test_spread_of_one_seed_has_no_deviation():
    assert astuple(spread([0.9])) == (0.9, None, 0.9, 0.9, 1)


def test_equal_values_have_exactly_no_spread():
    # np.std([0.1] * 3) is 1.7e-17.
    assert astuple(spread([0.1] * 3)) == (0.1, 0.0, 0.1, 0.1, 3)


@pytest.mark.parametrize("values", [[], [0.9, math.nan], [math.inf]])
def test_spread_refuses(values):
    with pytest.raises(ValueError, match=r"no values|value \d is"):
        spread(values)


@pytest.mark.parametrize(("accuracy", "images"), [(0.98, 10_000), (0.5, 1), (0.0, 10), (1.0, 10)])
def test_sampling_error_is_the_binomials(accuracy, images):
    assert sampling_error(accuracy, images) == pytest.approx(scipy.stats.binom(images, accuracy).std() / images)


def test_a_paired_difference_has_less_sampling_error():
    """The docstring's formula, and its claim, on test sets drawn 4,000 times; 5 % is three standard errors of a √."""
    both, only_a, only_b, images = 0.96, 0.012, 0.008, 2000
    counts = np.random.default_rng(0).multinomial(images, [both, only_a, only_b, 1 - both - only_a - only_b], 4000)
    simulated = ((counts[:, 1] - counts[:, 2]) / images).std()
    assert simulated == pytest.approx(math.sqrt((only_a + only_b - (only_a - only_b) ** 2) / images), rel=0.05)
    assert simulated < 0.6 * math.hypot(sampling_error(both + only_a, images), sampling_error(both + only_b, images))


@pytest.mark.parametrize(("accuracy", "images"), [(1.01, 10), (-0.1, 10), (math.nan, 10), (0.5, 0)])
def test_sampling_error_refuses(accuracy, images):
    with pytest.raises(ValueError, match=r"accuracy lies|test set of"):
        sampling_error(accuracy, images)


# --- paired difference


@pytest.mark.parametrize("n", [2, 3, 5, 30])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_paired_difference_is_scipys_paired_t(n, level):
    rng = np.random.default_rng(n)
    baseline = rng.normal(0.97, 0.01, n)
    variant = baseline + rng.normal(0.002, 0.003, n)
    oracle = scipy.stats.ttest_rel(variant, baseline)
    interval = oracle.confidence_interval(level)
    found = paired_difference(variant, baseline, level=level, resolution=1e-4)
    assert found.differences == tuple(variant - baseline)
    assert (found.n, found.level) == (n, level)
    assert found.mean == pytest.approx(np.mean(variant - baseline), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-9)
    assert found.standard_deviation == pytest.approx(np.std(variant - baseline, ddof=1), rel=1e-9)


def test_one_seed_has_a_difference_and_no_more():
    found = paired_difference([0.75], [0.5])
    assert astuple(found) == ((0.25,), 0.25, None, None, None, None, 0.95)
    assert found.n == 1


def test_equal_differences_are_as_wide_as_two_roundings():
    """The oracle simulates the rounding: two uniforms of width 1/images; 2 % is ten standard errors of 20,000 draws."""
    found = paired_difference([0.75, 0.5, 0.625], [0.5, 0.25, 0.375], resolution=0.01)
    draws = np.random.default_rng(1).uniform(-0.005, 0.005, (20_000, 2))
    assert found.standard_deviation == pytest.approx((draws[:, 0] - draws[:, 1]).std(), rel=0.02)
    half_width = scipy.stats.t(2).ppf(0.975) * found.standard_deviation / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.25 - half_width, 0.25 + half_width))
    statistic = 0.25 / (found.standard_deviation / math.sqrt(3))
    assert found.p == pytest.approx(2 * scipy.stats.t(2).sf(statistic))


def test_the_floor_leaves_wider_differences_alone():
    pair = [0.75, 0.5, 0.625], [0.5, 0.375, 0.375]
    assert paired_difference(*pair, resolution=1e-4) == paired_difference(*pair)


@pytest.mark.parametrize(("step", "p"), [(0.0, 1.0), (0.25, 0.0)])
def test_equal_differences_of_a_measure_without_steps(step, p):
    found = paired_difference([0.5 + step, 0.25 + step], [0.5, 0.25])
    assert (found.low, found.high, found.standard_deviation, found.p) == (step, step, 0.0, p)


@pytest.mark.parametrize(
    ("variant", "baseline", "options", "words"),
    [
        ([0.9, 0.8], [0.9], {}, "seeds do not match: 2 against 1 values"),
        ([], [], {}, "no values"),
        ([0.9, math.nan], [0.9, 0.8], {}, "value 1 is nan"),
        ([0.9, 0.8], [math.inf, 0.8], {}, "value 0 is inf"),
        ([0.9, 0.8], [0.9, 0.8], {"level": 95}, "level lies between 0 and 1, not 95"),
        ([0.9, 0.8], [0.9, 0.8], {"resolution": -1e-4}, "resolution is at least 0"),
        ([0.9, 0.8], [0.9, 0.8], {"resolution": math.nan}, "resolution is at least 0"),
    ],
)
def test_paired_difference_refuses(variant, baseline, options, words):
    with pytest.raises(ValueError, match=words):
        paired_difference(variant, baseline, **options)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """4,000 experiments of 4 seeds, accuracies on 10,000 images; ±1.4 points are four standard errors of a 95 %."""
    rng = np.random.default_rng(2)
    truth = 0.0017
    luck = rng.normal(0.97, 0.004, (4000, 4))
    baseline = np.round(luck + rng.normal(0, 0.001, luck.shape), 4)
    variant = np.round(luck + truth + rng.normal(0, 0.001, luck.shape), 4)
    found = [paired_difference(*pair, resolution=1e-4) for pair in zip(variant, baseline, strict=True)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered == pytest.approx(0.95, abs=0.014)


@unhurried
@given(matched)
def test_swapping_the_two_mirrors_difference_and_verdict(pairs):
    variant, baseline = zip(*pairs, strict=True)
    there = paired_difference(variant, baseline, resolution=1 / IMAGES)
    back = paired_difference(baseline, variant, resolution=1 / IMAGES)
    assert back.mean == -there.mean
    assert (back.p, back.standard_deviation) == (there.p, there.standard_deviation)
    if there.n > 1:
        assert (back.low, back.high) == (-there.high, -there.low)
    flip = {"better": "worse", "worse": "better"}
    one, other = verdict(there), verdict(back)
    assert other.kind == flip.get(one.kind, one.kind)
    if one.kind in flip:
        assert other.words == one.words.replace(one.kind, other.kind)
    assert verdict(there, higher_is_better=False).kind == other.kind


@unhurried
@given(matched, st.integers(-IMAGES, IMAGES).map(lambda step: step / IMAGES))
def test_what_a_seed_adds_to_both_does_not_count(pairs, shift):
    variant, baseline = zip(*pairs, strict=True)
    moved = paired_difference([v + shift for v in variant], [b + shift for b in baseline], resolution=1 / IMAGES)
    assert moved == paired_difference(variant, baseline, resolution=1 / IMAGES)


@pytest.mark.parametrize("level", [0.5, 0.9875])
def test_an_interval_at_another_level_is_the_one_measured_there(level):
    rng = np.random.default_rng(7)
    variant, baseline = rng.normal(0.97, 0.01, 5), rng.normal(0.97, 0.01, 5)
    interval = scipy.stats.ttest_rel(variant, baseline).confidence_interval(level)
    found = paired_difference(variant, baseline).at(level)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found == paired_difference(variant, baseline, level=level)


def test_one_seed_has_no_interval_at_any_level():
    assert paired_difference([0.75], [0.5]).at(0.99) == paired_difference([0.75], [0.5], level=0.99)
    with pytest.raises(ValueError, match="level lies"):
        paired_difference([0.75, 0.5], [0.5, 0.75]).at(1)


# --- Holm


def closed_testing(p_values: list[float]) -> list[float]:
    """Adjust by the closure of Bonferroni: the largest p of every intersection that a hypothesis takes part in."""
    k = len(p_values)
    subsets = [subset for size in range(1, k + 1) for subset in combinations(range(k), size)]
    bonferroni = {subset: min(1.0, len(subset) * min(p_values[i] for i in subset)) for subset in subsets}
    return [max(p for subset, p in bonferroni.items() if i in subset) for i in range(k)]


def test_holm_by_hand():
    # Sorted: 0.005 · 4, 0.01 · 3, 0.03 · 2, and 0.04 · 1, which may not be below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_passes_none_through_uncounted():
    assert holm([0.02, None, 0.5, None]) == [0.04, None, 0.5, None]
    assert holm([None]) == [None]
    assert holm([]) == []


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_refuses(p):
    with pytest.raises(ValueError, match="p value lies in 0–1"):
        holm([0.5, p])


@unhurried
@given(st.lists(chances, min_size=1, max_size=6))
def test_holm_is_closed_testing(p_values):
    assert holm(p_values) == closed_testing(p_values)


@unhurried
@given(st.lists(chances, min_size=1, max_size=30))
def test_holm_keeps_order_and_bounds(p_values):
    adjusted = holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    in_order = [adjusted[i] for i in np.argsort(p_values, kind="stable")]
    assert in_order == sorted(in_order)


def test_holm_levels_by_hand():
    # Five comparisons, one of them not run. In order: 0.005 < 0.05/5 and 0.012 < 0.05/4 are noticed, 0.03 > 0.05/3 is
    # not, and there Holm stops, so 0.04 has that level too though it is the fourth: 0.05/2 would be its own.
    found = holm_levels([0.03, 0.005, 0.04, 0.012], 5)
    assert found == pytest.approx([1 - 0.05 / 3, 1 - 0.05 / 5, 1 - 0.05 / 3, 1 - 0.05 / 4], rel=1e-12)
    assert holm_levels([0.001, None], 2, level=0.9) == pytest.approx([0.95, 0.9])
    assert holm_levels([0.2], 1) == pytest.approx([0.95])
    assert holm_levels([], 3) == []


@unhurried
@given(st.lists(st.lists(accuracies, min_size=3, max_size=3), min_size=1, max_size=5), st.integers(0, 3))
def test_an_interval_at_its_holm_level_is_clear_of_zero_where_holm_says_so(family, not_run):
    found = [paired_difference(values, [0.5] * 3, resolution=1 / IMAGES) for values in family]
    p_values = [one.p for one in found]
    adjusted = holm([*p_values, *[1.0] * not_run])[: len(found)]
    for one, p, level in zip(found, adjusted, holm_levels(p_values, len(found) + not_run), strict=True):
        if abs(p - 0.05) > 1e-9:
            shown = one.at(level)
            assert (shown.low > 0 or shown.high < 0) == (p < 0.05)


@pytest.mark.parametrize(
    ("p_values", "comparisons", "options"), [([0.1, 0.2], 1, {}), ([1.1], 1, {}), ([0.1], 1, {"level": 95})]
)
def test_holm_levels_refuse(p_values, comparisons, options):
    with pytest.raises(ValueError, match=r"a family of 1|p value lies|level lies"):
        holm_levels(p_values, comparisons, **options)


# --- seeds needed


def simulated_power(n: int, ratio: float, level: float) -> float:
    samples = np.random.default_rng(n).normal(ratio, 1, (8000, n))
    return float((scipy.stats.ttest_1samp(samples, 0, axis=1).pvalue < 1 - level).mean())


@pytest.mark.parametrize(
    ("deviation", "effect", "level", "power"),
    [(1, 0.5, 0.95, 0.8), (0.002, 0.002, 0.95, 0.8), (0.001, 0.003, 0.95, 0.9), (1, 0.8, 0.99, 0.5), (3, 1, 0.8, 0.7)],
)
def test_seeds_needed_have_the_power_and_one_less_has_not(deviation, effect, level, power):
    """Against 8,000 simulated experiments; 0.02 is at least 3.5 standard errors of their share."""
    needed = seeds_needed(deviation, effect, level=level, power=power)
    assert simulated_power(needed, effect / deviation, level) > power - 0.02
    assert simulated_power(needed - 1, effect / deviation, level) < power + 0.02


@pytest.mark.parametrize("ratio", [0.15, 0.3, 0.7, 1.5, 4])
def test_seeds_needed_is_the_first_of_a_walk_along_noncentral_t(ratio):
    n, power = 1, 0.0
    while power < 0.8:
        n += 1
        critical = scipy.stats.t(n - 1).ppf(0.975)
        oracle = scipy.stats.nct(n - 1, math.sqrt(n) * ratio)
        power = oracle.sf(critical) + oracle.cdf(-critical)
    assert seeds_needed(1, ratio) == n


def test_seeds_needed_is_two_at_least_and_ends_at_extremes():
    assert seeds_needed(0, 0.001) == 2
    assert seeds_needed(1e-300, 0.001) == 2
    # Nothing but V decides here: (Z + shift) / √V is above the critical 6.4e6 in 17 % of draws with two seeds. scipy's
    # noncentral t and F are nan.
    assert seeds_needed(1e-6, 1, level=1 - 1e-7, power=0.17) == 2
    assert seeds_needed(1e-6, 1, level=1 - 1e-7, power=0.18) == 3
    # With so many seeds t is normal.
    z = scipy.stats.norm(0, 1)
    shift = scipy.optimize.brentq(lambda x: z.sf(z.ppf(0.975) - x) + z.cdf(z.ppf(0.025) - x) - 0.8, 1, 5)
    assert seeds_needed(1, 1e-6) == pytest.approx((shift / 1e-6) ** 2, rel=1e-7)


@unhurried
@given(st.floats(0.001, 20), st.floats(1, 3))
@example(0.1875, 2.0)  # scipy's noncentral t is nan at 4 to 8 seeds
def test_more_noise_takes_more_seeds(noise, more):
    assert seeds_needed(noise * more, 1) >= seeds_needed(noise, 1)


@pytest.mark.parametrize(
    ("deviation", "effect", "options"),
    [
        (-1, 1, {}),
        (math.nan, 1, {}),
        (math.inf, 1, {}),
        (1, 0, {}),
        (1, -1, {}),
        (1, 1, {"level": 1}),
        (1, 1, {"power": 1}),
    ],
)
def test_seeds_needed_refuses(deviation, effect, options):
    with pytest.raises(ValueError, match=r"standard deviation is|effect to notice|level lies|power lies"):
        seeds_needed(deviation, effect, **options)


# --- the range of seeds


@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("ratio", [0.25, 0.8, 2])
def test_the_range_holds_the_true_number_as_often_as_it_says(n, ratio):
    """300 experiments; 81 % to 93 % as the docstring has it, and three standard errors beyond."""
    needed = seeds_needed(0.002, 0.002 * ratio)
    samples = np.random.default_rng(n).normal(0.002 * ratio, 0.002, (300, n))
    ranges = [seeds_range(float(one.std(ddof=1)), float(one.mean()), n=n) for one in samples]
    held = np.mean([low <= needed <= (high or math.inf) for low, high in ranges])
    assert 0.73 < held < 0.97


@pytest.mark.parametrize(
    ("n", "deviation", "effect", "coverage"), [(3, 1, 3, 0.8), (5, 0.002, 0.003, 0.9), (10, 1, -1, 0.5)]
)
def test_the_ends_of_the_range_are_those_of_noncentral_t(n, deviation, effect, coverage):
    seen = math.sqrt(n) * abs(effect) / deviation
    ends = [
        scipy.optimize.brentq(lambda shift, c=chance: scipy.stats.nct.cdf(seen, n - 1, shift) - c, 1e-3, 15)
        for chance in ((1 - coverage) / 2, (1 + coverage) / 2)
    ]
    expected = tuple(seeds_needed(1, shift / math.sqrt(n)) for shift in ends)
    assert seeds_range(deviation, effect, n=n, coverage=coverage) == expected


def test_with_a_thousand_seeds_the_range_is_the_effects_alone():
    """The deviation is known then; the effect's interval is the normal one, ± 1.28 standard errors."""
    reach = scipy.stats.norm.ppf(0.9) / math.sqrt(1000)
    low, high = seeds_range(1, 0.2, n=1000)
    assert low == pytest.approx(seeds_needed(1, 0.2 + reach), abs=2)
    assert high == pytest.approx(seeds_needed(1, 0.2 - reach), abs=4)


def test_the_range_has_no_upper_end_where_there_may_be_no_effect():
    # An interval at 80 % that contains 0 is one whose t lies within the 90 % quantile.
    edge = scipy.stats.t(4).ppf(0.9) / math.sqrt(5)
    assert seeds_range(1, 0.9 * edge, n=5)[1] is None
    assert seeds_range(1, 1.02 * edge, n=5)[1] is None, "beyond a thousand"
    assert seeds_range(1, 1.5 * edge, n=5)[1] <= MANY
    assert seeds_range(1, 0, n=5)[1] is None
    assert seeds_range(0, 0, n=5) == (2, None)


def test_without_any_deviation_two_seeds_do():
    assert seeds_range(0, 0.001, n=3) == (2, 2)


@pytest.mark.parametrize(
    ("deviation", "effect", "options"),
    [
        (-1, 1, {"n": 3}),
        (math.inf, 1, {"n": 3}),
        (1, math.nan, {"n": 3}),
        (1, 1, {"n": 1}),
        (1, 1, {"n": 3, "level": 1}),
        (1, 1, {"n": 3, "power": 0}),
        (1, 1, {"n": 3, "coverage": 80}),
    ],
)
def test_seeds_range_refuses(deviation, effect, options):
    with pytest.raises(ValueError, match=r"standard deviation is|effect is finite|at least 2 seeds|lies between"):
        seeds_range(deviation, effect, **options)


# --- 2×2


def residual(y: np.ndarray, columns: list[np.ndarray]) -> float:
    design = np.stack(columns, axis=1)
    return float(((y - design @ np.linalg.lstsq(design, y)[0]) ** 2).sum())


def test_factorial_is_effect_coded_least_squares():
    """Balanced data: the effects are twice (interaction: four times) the coefficients of ±1 columns.

    Their p values are those of a repeated-measures analysis of variance, F = t² over each effect's own error: the
    effect times seed.
    """
    n, rng = 5, np.random.default_rng(3)
    cells = {
        (a, b): 0.97 + 0.004 * a - 0.002 * b + 0.003 * a * b + rng.normal(0, 0.002, n)
        for a, b in product((False, True), repeat=2)
    }
    found = factorial(cells)

    y = np.concatenate(list(cells.values()))
    sign_a = np.repeat([1 if a else -1 for a, _ in cells], n)
    sign_b = np.repeat([1 if b else -1 for _, b in cells], n)
    seeds = [np.tile(row, 4) for row in np.eye(n)]
    base = [sign_a * 0 + 1, sign_a, sign_b, sign_a * sign_b]
    coefficients = np.linalg.lstsq(np.stack(base, axis=1), y)[0]
    means = (found.a.mean, found.b.mean, found.interaction.mean)
    assert means == pytest.approx(tuple(coefficients[1:] * [2, 2, 4]), rel=1e-9)

    for effect, column in zip((found.a, found.b, found.interaction), base[1:], strict=True):
        without = residual(y, seeds)
        with_effect = residual(y, [*seeds, column])
        with_error = residual(y, [*seeds, *(column * seed for seed in seeds)])
        ratio = (without - with_effect) / ((with_effect - with_error) / (n - 1))
        assert effect.p == pytest.approx(scipy.stats.f(1, n - 1).sf(ratio), rel=1e-6)


def test_main_effect_is_a_paired_difference_of_averages():
    rng = np.random.default_rng(4)
    cells = {cell: rng.normal(0.97, 0.01, 4) for cell in product((False, True), repeat=2)}
    found = factorial(cells, level=0.9)
    a = paired_difference(
        (cells[True, False] + cells[True, True]) / 2, (cells[False, False] + cells[False, True]) / 2, level=0.9
    )
    assert astuple(found.a)[1:] == pytest.approx(astuple(a)[1:])
    within = paired_difference(
        cells[True, True] - cells[False, True], cells[True, False] - cells[False, False], level=0.9
    )
    assert astuple(found.interaction)[1:] == pytest.approx(astuple(within)[1:])


def test_factorial_rounding_counts_every_cell_by_its_weight():
    """Four cells a seed, no spread: the floor against simulated rounding of every cell (2 % as above)."""
    found = factorial({cell: [0.5, 0.75] for cell in product((False, True), repeat=2)}, resolution=0.01)
    off, b, a, both = np.random.default_rng(5).uniform(-0.005, 0.005, (4, 20_000))
    assert found.a.standard_deviation == pytest.approx(((a + both) / 2 - (off + b) / 2).std(), rel=0.02)
    assert found.b.standard_deviation == pytest.approx(((b + both) / 2 - (off + a) / 2).std(), rel=0.02)
    assert found.interaction.standard_deviation == pytest.approx(((both - b) - (a - off)).std(), rel=0.02)


def test_factorial_refuses_an_incomplete_design():
    cells = {(False, False): [0.5], (True, False): [0.5], (False, True): [0.5]}
    with pytest.raises(ValueError, match="a 2×2 design has the cells"):
        factorial(cells)
    with pytest.raises(ValueError, match="a 2×2 design has the cells"):
        factorial({**cells, (2, True): [0.5]})
    with pytest.raises(ValueError, match="seeds do not match: 1 against 1 against 1 against 2"):
        factorial({**cells, (True, True): [0.5, 0.5]})


def test_importing_leaves_scipy_alone():
    code = (
        "import sys, cnnlab.experiments.statistics; print([m for m in ('scipy', 'numpy', 'torch') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
