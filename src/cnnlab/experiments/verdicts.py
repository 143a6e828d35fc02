"""A difference over matched seeds, put into words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from cnnlab.experiments.statistics import MANY, Difference, seeds_range
from cnnlab.numbers import true_minus

Kind = Literal["better", "worse", "equivalent", "not distinguishable", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """A difference in a reader's words, and which kind of sentence it is."""

    kind: Kind
    words: str


def verdict(
    difference: Difference,
    *,
    adjusted_p: float | None = None,
    comparisons: int | None = None,
    higher_is_better: bool = True,
    unit: str = "points",
    scale: float = 100,
    settle: float = 0.001,
) -> Verdict:
    """Put a difference into words.

    adjusted_p and comparisons: what `holm` made of its p, and among how many; both or neither. The interval that is
    shown is not corrected. unit, scale: values are shown as value · scale, accuracies in points. settle: the smallest
    difference that matters to a reader, above 0, in the raw unit.

    Which kind, the first that holds:

    - undecided: one seed.
    - equivalent: the whole interval lies within ±settle, on whichever side of 0. It is the interval at `level` that is
      shown, wider than the one of two one-sided tests (Schuirmann 1987), so this is said a little less readily.
    - better, worse: p, adjusted where given, is below 1 − level. Figures count in the direction of the word.
    - not distinguishable: how many seeds the difference that was seen would take, from `seeds_range`, and more than
      there were; under a correction for k at the level of its strictest step, 1 − (1 − level) / k.

    Raises ValueError when only one of adjusted_p and comparisons is given, or settle is not above 0.
    """
    if not settle > 0:
        raise ValueError(f"the difference that matters is above 0, not {settle}")
    n, low, high, p = difference.n, difference.low, difference.high, difference.p
    if low is None or high is None or p is None or difference.standard_deviation is None:
        return Verdict("undecided", "one seed says nothing about a difference: run at least 2")
    if (adjusted_p is None) != (comparisons is None):
        raise ValueError("adjusted_p and comparisons go together")

    alpha = 1 - difference.level
    matters = f"{scale * settle:g} {unit}"
    if -settle <= low and high <= settle:
        return Verdict(
            "equivalent",
            f"no difference that matters: within ±{matters}, {_interval(scale * low, scale * high)}, n = {n}",
        )

    if (p if adjusted_p is None else adjusted_p) < alpha:
        upwards = difference.mean > 0
        kind: Kind = "better" if upwards == higher_is_better else "worse"
        ends = (scale * low, scale * high) if upwards else (-scale * high, -scale * low)
        size = _shown(scale * abs(difference.mean), _decimals(*ends))
        return Verdict(kind, f"{kind} by {size} {unit} {_interval(*ends)}, n = {n}")

    words = f"not distinguishable with n = {n}"
    if p < alpha:
        words += f" after correction for {comparisons} comparisons"
    size = scale * abs(difference.mean)
    seen = f"{_shown(size, _decimals(size))} {unit}"
    fewest, most = seeds_range(
        difference.standard_deviation, difference.mean, n=n, level=1 - alpha / (comparisons or 1)
    )
    words += f"; the {seen} seen would take {many_seeds(max(fewest, n + 1), most)} to settle"
    return Verdict("not distinguishable", words)


def many_seeds(fewest: int, most: int | None) -> str:
    """Put a range of seeds into words; most: None where it has no upper end, as in `seeds_range`."""
    if fewest > MANY:
        return f"more than {MANY:,} seeds"
    if most is None:
        return f"at least {fewest:,} seeds"
    return f"{fewest:,} to {most:,} seeds" if most > fewest else f"about {fewest:,} seeds"


def _interval(low: float, high: float) -> str:
    decimals = _decimals(low, high)
    return f"[{_shown(low, decimals)}, {_shown(high, decimals)}]"


def _decimals(low: float, high: float = 0.0) -> int:
    """Count the decimals that show both ends and the width with a digit that is not 0: 2 to 6."""
    smallest = min((abs(value) for value in (low, high, high - low) if value), default=1)
    return min(6, max(2, -math.floor(math.log10(smallest))))


def _shown(value: float, decimals: int) -> str:
    """Write a number with a true minus sign; what would read as 0 and is not becomes a power of ten."""
    text = f"{value:z.{decimals}f}"
    if value and float(text) == 0:
        text = f"{value:.0e}"
    return true_minus(text)
