"""From a paired difference to a claim's verdict, and to what its page shows of it."""

from __future__ import annotations

from typing import Literal

from cnnlab.claims.claim import VerdictWord
from cnnlab.experiments.statistics import Difference, seeds_needed


def decided(difference: Difference, *, expected: Literal["positive", "negative"]) -> VerdictWord:
    """`supported` when the interval lies on the expected side of 0, `not supported` on the other, else `undecided`.

    One seed decides nothing.
    """
    if difference.low is None or difference.high is None:
        return "undecided"
    is_above, is_below = difference.low > 0, difference.high < 0
    if not is_above and not is_below:
        return "undecided"
    return "supported" if is_above == (expected == "positive") else "not supported"


def alike(difference: Difference, *, within: float) -> VerdictWord:
    """`supported` when the interval lies within ±`within`, `not supported` when it lies outside, else `undecided`."""
    if difference.low is None or difference.high is None:
        return "undecided"
    if max(-difference.low, difference.high) < within:
        return "supported"
    return "not supported" if difference.low > within or difference.high < -within else "undecided"


def points(difference: Difference, *, sign: int = 1) -> tuple[float, float] | None:
    """The interval in points (hundredths), turned round where `sign` is -1."""
    if difference.low is None or difference.high is None:
        return None
    low, high = sorted((sign * 100 * difference.low, sign * 100 * difference.high))
    return low, high


def by_seed(difference: Difference, *, scale: float = 100) -> tuple[float, ...]:
    """Every seed's difference times `scale`: in points, unless it says otherwise."""
    return tuple(scale * one for one in difference.differences)


def seeds_to_settle(difference: Difference, *, boundary: float = 0.0) -> int | None:
    """About how many seeds would show on which side of ±`boundary` a difference lies, if it is what was measured.

    Four times out of five, by `seeds_needed`. None with one seed, and where the measured difference lies on the
    boundary itself.
    """
    distance = abs(abs(difference.mean) - boundary)
    if difference.standard_deviation is None or distance == 0:
        return None
    return seeds_needed(difference.standard_deviation, distance)
