"""Differences made by hand, and the words for them."""

from __future__ import annotations

import re
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.experiments.statistics import Difference, paired_difference, seeds_range
from cnnlab.experiments.verdicts import many_seeds, verdict

unhurried = settings(deadline=None, derandomize=True)


def hand_made(mean: float, low: float, high: float, *, n: int, p: float, deviation: float = 0.001) -> Difference:
    return Difference((mean,) * n, mean, low, high, deviation, p, 0.95)


@pytest.mark.parametrize(
    ("difference", "options", "kind", "words"),
    [
        (
            hand_made(0.0031, 0.0012, 0.0050, n=5, p=0.01),
            {},
            "better",
            "better by 0.31 points [0.12, 0.50], n = 5",
        ),
        (
            hand_made(-0.012, -0.016, -0.008, n=5, p=0.001),
            {},
            "worse",
            "worse by 1.20 points [0.80, 1.60], n = 5",
        ),
        (
            hand_made(-0.25, -0.3, -0.2, n=4, p=0.001),
            {"higher_is_better": False, "unit": "nats", "scale": 1, "settle": 0.01},
            "better",
            "better by 0.25 nats [0.20, 0.30], n = 4",
        ),
        (
            hand_made(0.0031, 0.00004, 0.0062, n=5, p=0.049),
            {},
            "better",
            "better by 0.310 points [0.004, 0.620], n = 5",
        ),
        (
            hand_made(0.0031, 0.00306, 0.00314, n=5, p=0.001),
            {},
            "better",
            "better by 0.310 points [0.306, 0.314], n = 5",
        ),
        (
            hand_made(0.0, -3e-9, 3e-9, n=3, p=1.0),
            {},
            "equivalent",
            "no difference that matters: within ±0.1 points, [−3e−07, 3e−07], n = 3",
        ),
        (
            hand_made(0.0005, -0.0027, 0.0037, n=3, p=0.6, deviation=0.0012),
            {},
            "not distinguishable",
            "not distinguishable with n = 3; the 0.05 points seen would take at least 9 seeds to settle",
        ),
        (
            hand_made(0.02, -0.11, 0.15, n=3, p=0.6, deviation=0.05),
            {},
            "not distinguishable",
            "not distinguishable with n = 3; the 2.00 points seen would take at least 9 seeds to settle",
        ),
        (
            hand_made(0.0008, -0.0002, 0.0018, n=20, p=0.1, deviation=0.00125),
            {},
            "not distinguishable",
            "not distinguishable with n = 20; the 0.08 points seen would take 21 to 81 seeds to settle",
        ),
        (
            hand_made(0.0001, -0.0003, 0.0005, n=8, p=0.5),
            {},
            "equivalent",
            "no difference that matters: within ±0.1 points, [−0.03, 0.05], n = 8",
        ),
        (
            hand_made(0.0005, 0.0002, 0.0008, n=8, p=0.001),
            {},
            "equivalent",
            "no difference that matters: within ±0.1 points, [0.02, 0.08], n = 8",
        ),
        (
            hand_made(0.0, -0.0, 0.0, n=3, p=1.0, deviation=0.0),
            {},
            "equivalent",
            "no difference that matters: within ±0.1 points, [0.00, 0.00], n = 3",
        ),
        (
            paired_difference([0.9], [0.8]),
            {},
            "undecided",
            "one seed says nothing about a difference: run at least 2",
        ),
    ],
)
def test_words_of_each_kind(difference, options, kind, words):
    assert astuple(verdict(difference, **options)) == (kind, words)


def test_correction_is_mentioned_only_where_it_decides():
    close = hand_made(0.0031, 0.0002, 0.0060, n=5, p=0.03, deviation=0.0023)
    assert verdict(close).kind == "better"
    assert verdict(close, adjusted_p=0.04, comparisons=4) == verdict(close)
    _, most = seeds_range(0.0023, 0.0031, n=5, level=1 - 0.05 / 4)
    assert most > seeds_range(0.0023, 0.0031, n=5)[1]
    assert astuple(verdict(close, adjusted_p=0.12, comparisons=4)) == (
        "not distinguishable",
        "not distinguishable with n = 5 after correction for 4 comparisons; "
        f"the 0.31 points seen would take 6 to {most} seeds to settle",
    )
    far = hand_made(0.0005, -0.0027, 0.0037, n=3, p=0.6, deviation=0.0013)
    assert "correction" not in verdict(far, adjusted_p=1.0, comparisons=4).words


@pytest.mark.parametrize("options", [{"adjusted_p": 0.1}, {"comparisons": 4}, {"settle": 0}, {"settle": -0.001}])
def test_verdict_refuses(options):
    with pytest.raises(ValueError, match=r"go together|matters is above 0"):
        verdict(hand_made(0.01, -0.01, 0.03, n=3, p=0.2), **options)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((4, 46), "4 to 46 seeds"),
        ((12, 12), "about 12 seeds"),
        ((12, 9), "about 12 seeds"),
        ((7, None), "at least 7 seeds"),
        ((1001, None), "more than 1,000 seeds"),
    ],
)
def test_a_range_of_seeds_in_words(ends, words):
    assert many_seeds(*ends) == words


def test_one_seed_is_undecided_among_many_comparisons():
    assert verdict(paired_difference([0.9], [0.8]), adjusted_p=None, comparisons=4).kind == "undecided"


@unhurried
@given(st.floats(-0.2, 0.2), st.floats(0, 0.1), st.booleans())
def test_an_end_reads_as_zero_only_where_it_is(mean, half_width, significant):
    """Of every verdict that shows an interval, down to the dust of float arithmetic."""
    low, high = mean - half_width, mean + half_width
    clear = low > 0 or high < 0
    found = verdict(hand_made(mean, low, high, n=50, p=0.001 if clear and significant else 0.5, deviation=1e-9))
    assert "-" not in found.words
    shown = re.search(r"\[(.+), (.+)\]", found.words)
    if found.kind == "not distinguishable":
        assert not shown
        return
    assert shown
    ends = [float(end.replace("−", "-")) for end in shown.groups()]
    turn = -1 if found.kind in ("better", "worse") and mean < 0 else 1
    expected = sorted((100 * turn * low, 100 * turn * high))
    assert list(np.sign(ends)) == list(np.sign(expected))
    assert ends == pytest.approx(expected, rel=0.5, abs=0.0051)
