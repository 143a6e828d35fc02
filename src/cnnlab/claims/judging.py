"""From a difference over seeds to a verdict: by the smallest effect that matters, never by significance alone.

A difference here is turned so that it is positive where the statement says so, in the unit of the claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10
from typing import Literal

from cnnlab.experiments.statistics import Difference, seeds_range

VerdictWord = Literal["supported", "not supported", "undecided"]


@dataclass(frozen=True)
class Smallest:
    """The smallest effect that matters, in a short word for the claim's unit, and why; written down before any run.

    is_ratio: whether effects are factors (1: none); the value is one, too, and intervals are taken of logarithms.
    """

    value: float
    unit: str
    reason: str
    is_ratio: bool = False


@dataclass(frozen=True)
class Judged:
    """A difference in a claim's unit, and what the claim's rule makes of it.

    effect, interval (95 %, None with one seed), by_seed: in the unit; factors where the claim measures ratios.
    difference: the same as the statistics took it: logarithms (base 10) of factors.
    """

    effect: float
    interval: tuple[float, float] | None
    by_seed: tuple[float, ...]
    verdict: VerdictWord
    difference: Difference

    @property
    def n(self) -> int:
        """Seeds that the difference was measured on."""
        return self.difference.n


@dataclass(frozen=True)
class Control:
    """The claim's rule on something for which the statement is false: it must not say `supported` there.

    what: that something, in words. verdict: what the rule said. effect, interval, n: in the claim's unit.
    """

    what: str
    effect: float
    interval: tuple[float, float] | None
    n: int
    verdict: VerdictWord

    @classmethod
    def of(cls, what: str, judged: Judged) -> Control:
        """A control that is a difference over seeds, as the claim itself is."""
        return cls(what, judged.effect, judged.interval, judged.n, judged.verdict)


@dataclass(frozen=True)
class Where:
    """The effect over a factor on which it is thought to depend: where the statement holds.

    factor: its name with its unit. places: its values and what came out there. decides_at: the value at which the
    claim's verdict is taken.
    """

    factor: str
    places: tuple[tuple[float, Judged], ...]
    decides_at: float

    @property
    def deciding(self) -> Judged:
        """What the claim's verdict is taken from."""
        return dict(self.places)[self.decides_at]

    @property
    def words(self) -> str:
        """The verdict at every place, in one sentence."""
        by_verdict: dict[str, list[str]] = {}
        for at, judged in self.places:
            by_verdict.setdefault(judged.verdict, []).append(f"{at:,g}")
        parts = [f"{verdict} at {', '.join(places)}" for verdict, places in by_verdict.items()]
        return f"Over {self.factor}: {'; '.join(parts)}."


def judge(difference: Difference, smallest: Smallest, *, scale: float = 1.0) -> Judged:
    """Apply the rule of every claim that is a difference.

    difference: positive where the statement says so. scale: of the claim's unit in the difference's, 100 for points of
    accuracies. For a ratio the difference is one of log₁₀.

    supported: the interval excludes no effect, on the statement's side, and the effect is at least the smallest that
    matters. not supported: the interval excludes the smallest effect that matters. Else undecided, as one seed is.
    """
    scaled = _scaled(difference, scale)
    least = log10(smallest.value) if smallest.is_ratio else smallest.value
    verdict: VerdictWord = "undecided"
    if scaled.low is not None and scaled.high is not None:
        if scaled.low > 0 and scaled.mean >= least:
            verdict = "supported"
        elif scaled.high < least:
            verdict = "not supported"
    return _judged(scaled, verdict, is_ratio=smallest.is_ratio)


def judge_alike(difference: Difference, within: Smallest, *, scale: float = 1.0) -> Judged:
    """Apply the rule of a claim that two things are alike: the whole interval lies within ± the smallest that matters.

    not supported: it lies outside. Else undecided.
    """
    scaled = _scaled(difference, scale)
    verdict: VerdictWord = "undecided"
    if scaled.low is not None and scaled.high is not None:
        if max(-scaled.low, scaled.high) < within.value:
            verdict = "supported"
        elif scaled.low > within.value or scaled.high < -within.value:
            verdict = "not supported"
    return _judged(scaled, verdict, is_ratio=False)


def all_of(verdicts: Sequence[VerdictWord]) -> VerdictWord:
    """The verdict of a statement with several parts: supported where all are, not supported where one is not."""
    if "not supported" in verdicts:
        return "not supported"
    return "undecided" if "undecided" in verdicts else "supported"


def controlled(verdict: VerdictWord, *controls: Control) -> VerdictWord:
    """The claim's verdict beside its controls': a rule that something else passes, too, supports nothing."""
    is_passed = any(control.verdict == "supported" for control in controls)
    return "undecided" if verdict == "supported" and is_passed else verdict


def seeds_to_settle(judged: Judged, *, boundary: float = 0.0) -> tuple[int, int | None] | None:
    """The range of seeds that would tell the effect that was seen from ±`boundary` (`statistics.seeds_range`).

    None with one seed, and where the measured difference lies on the boundary itself.
    """
    difference = judged.difference
    distance = abs(abs(difference.mean) - boundary)
    if difference.standard_deviation is None or distance == 0:
        return None
    return seeds_range(difference.standard_deviation, distance, n=difference.n)


def _scaled(difference: Difference, scale: float) -> Difference:
    def times(value: float | None) -> float | None:
        return None if value is None else scale * value

    assert scale > 0
    return replace(
        difference,
        differences=tuple(scale * one for one in difference.differences),
        mean=scale * difference.mean,
        low=times(difference.low),
        high=times(difference.high),
        standard_deviation=times(difference.standard_deviation),
    )


def _judged(scaled: Difference, verdict: VerdictWord, *, is_ratio: bool) -> Judged:
    def shown(value: float) -> float:
        return 10**value if is_ratio else value

    ends = None if scaled.low is None or scaled.high is None else (shown(scaled.low), shown(scaled.high))
    return Judged(shown(scaled.mean), ends, tuple(map(shown, scaled.differences)), verdict, scaled)
