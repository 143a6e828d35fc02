"""How a verdict follows from a difference: by an effect that matters, beside a control, in a family."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cnnlab.claims.claim import Claim, found_over_seeds
from cnnlab.claims.family import FAMILY, corrected_intervals
from cnnlab.claims.judging import Control, Smallest, Where, all_of, controlled, judge, judge_alike, seeds_to_settle
from cnnlab.experiments.statistics import paired_difference

POINT = Smallest(1.0, "points", "a point")
TWICE = Smallest(2.0, "points", "twice", is_ratio=True)


def of(*values):
    return paired_difference(values, [0.0] * len(values))


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((2.0, 2.1, 2.2), "supported"),
        ((0.50, 0.51, 0.52), "not supported"),  # significant, and smaller than what matters
        ((-2.0, -2.1, -2.2), "not supported"),
        ((0.5, 1.0, 1.2), "undecided"),  # clear of 0, less than what matters, which it does not exclude
        ((3.0, -2.0, 4.0), "undecided"),
        ((3.0,), "undecided"),
    ],
)
def test_an_effect_is_supported_only_when_it_is_as_large_as_what_matters(values, verdict):
    judged = judge(of(*values), POINT)
    assert judged.verdict == verdict
    if len(values) > 1:
        reach = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
        assert judged.interval == pytest.approx((np.mean(values) - reach, np.mean(values) + reach))


def test_points_of_accuracies_are_a_hundred_times_the_difference():
    judged = judge(of(0.02, 0.03, 0.04), POINT, scale=100)
    assert judged.effect == pytest.approx(3.0)
    assert judged.by_seed == pytest.approx((2, 3, 4))
    assert judged.verdict == "undecided" if judged.interval[0] <= 0 else "supported"


@pytest.mark.parametrize(("factors", "verdict"), [((3, 3.1, 2.9), "supported"), ((1.1, 1.2, 1.15), "not supported")])
def test_a_ratio_is_judged_by_its_logarithm_and_shown_as_a_factor(factors, verdict):
    judged = judge(of(*map(math.log10, factors)), TWICE)
    assert judged.verdict == verdict
    assert judged.effect == pytest.approx(stats.gmean(factors))
    assert judged.by_seed == pytest.approx(factors)
    assert judged.interval[0] < judged.effect < judged.interval[1]


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((0.1, -0.1, 0.0), "supported"), ((3.0, 3.1, 3.2), "not supported"), ((0.0, 2.0, -2.0), "undecided")],
)
def test_alike_asks_for_the_whole_interval(values, verdict):
    assert judge_alike(of(*values), POINT).verdict == verdict


def control(verdict):
    return Control("something else", 2.0, (1.0, 3.0), 3, verdict)


def test_a_rule_that_its_control_passes_supports_nothing():
    assert controlled("supported", control("undecided"), control("not supported")) == "supported"
    assert controlled("supported", control("not supported"), control("supported")) == "undecided"
    assert controlled("not supported", control("supported")) == "not supported"
    found = found_over_seeds(
        judge(of(2.0, 2.1, 2.2), POINT), unit="points", says="So.", controls=(control("supported"),)
    )
    assert found.verdict == "undecided"


def test_a_statement_of_several_parts_holds_where_all_of_them_do():
    assert all_of(["supported", "supported"]) == "supported"
    assert all_of(["supported", "undecided"]) == "undecided"
    assert all_of(["undecided", "not supported"]) == "not supported"


def test_the_verdict_is_taken_at_the_place_that_was_named_and_the_others_are_said():
    where = Where("convolutions", ((2.0, judge(of(0.1, 0.2, 0.1), POINT)), (8.0, judge(of(2.0, 2.1, 2.2), POINT))), 8.0)
    assert where.deciding.verdict == "supported"
    assert where.words == "Over convolutions: not supported at 2; supported at 8."
    claim = Claim("depth", "It is so.", "nowhere", "statistical", "supported when", lambda _: None, POINT)
    found = found_over_seeds(where.deciding, unit="points", says="So.", controls=(), where=where)
    written = claim.entry(found, 1.0).to_json()["where"]
    assert [place["verdict"] for place in written["places"]] == ["not supported", "supported"]
    assert written["decides_at"] == 8


def test_seeds_to_settle_is_a_range_around_what_the_seen_effect_would_take():
    from cnnlab.experiments.statistics import seeds_needed

    judged = judge(of(1.0, 2.0, 1.4, 0.8), POINT)
    low, high = seeds_to_settle(judged)
    needed = seeds_needed(np.std(judged.by_seed, ddof=1), judged.effect)
    assert low <= needed
    assert high is None or needed <= high
    assert low != high
    assert seeds_to_settle(judge(of(1.0), POINT)) is None


# The family: Holm's correction over all claims of differences.


def entry(judged, name="memorise", **changes):
    claim = Claim(name, "It is so.", "nowhere", "statistical", "supported when", lambda _: None, POINT)
    found = found_over_seeds(judged, unit="points", says="So.", controls=(), **changes)
    return claim.entry(found, 1.0)


def test_intervals_are_corrected_for_the_whole_family_and_the_strictest_is_widest():
    strong, weak = judge(of(2.0, 2.1, 2.2, 2.1), POINT), judge(of(0.5, 2.0, -1.0, 3.0), POINT)
    corrected = corrected_intervals({"batchnorm-speed": entry(strong), "early-edges": entry(weak)})
    k = len(FAMILY)
    assert corrected["batchnorm-speed"].level == pytest.approx(1 - 0.05 / k)
    assert corrected["early-edges"].level == pytest.approx(1 - 0.05 / (k - 1))
    values = np.array(strong.by_seed)
    reach = stats.t.ppf(1 - 0.05 / k / 2, 3) * stats.sem(values)
    assert corrected["batchnorm-speed"].interval == pytest.approx([values.mean() - reach, values.mean() + reach])


def test_a_corrected_interval_of_a_factor_is_one_of_factors():
    judged = judge(of(*map(math.log10, (3.0, 3.5, 2.8))), TWICE)
    found = corrected_intervals({"batchnorm-lr": entry(judged, is_ratio=True)})["batchnorm-lr"].interval
    assert found[0] < judged.interval[0] < judged.effect < judged.interval[1] < found[1]
    assert found[0] * found[1] == pytest.approx(judged.effect**2)


def test_one_seed_has_no_corrected_interval_and_other_claims_are_no_part_of_the_family():
    one = judge(of(2.0), POINT)
    corrected = corrected_intervals({"early-edges": entry(one), "memorise": entry(one)})
    assert list(corrected) == ["early-edges"]
    assert corrected["early-edges"].of == len(FAMILY)
    assert corrected["early-edges"].level == pytest.approx(1 - 0.05 / 9)
    assert corrected["early-edges"].interval is None
