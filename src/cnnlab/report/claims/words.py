"""How claims' pages write a claim's effect, and what they say of a verdict that is not `supported`."""

from __future__ import annotations

import math

from cnnlab.claims.entry import ClaimEntry, Interval
from cnnlab.claims.judging import Control
from cnnlab.experiments.statistics import MANY
from cnnlab.numbers import SPACE, rounded, signed, true_minus


def effect(entry: ClaimEntry | Control) -> str:
    """What was measured, with its interval where there is one: `8.00 [3.76, 12.24]`, without the unit."""
    return f"{rounded(entry.effect)} {effect_interval(entry)}".strip()


def effect_interval(entry: ClaimEntry | Control) -> str:
    """`[3.76, 12.24]`, or nothing where there is none."""
    if entry.interval is None:
        return ""
    low, high = (_end(end) for end in entry.interval)
    return f"[{low},{SPACE}{high}]"


def sample(entry: ClaimEntry) -> str:
    """`n = 3 seeds`, `n = 7,680 cases`."""
    of = entry.n_of if entry.n != 1 else entry.n_of.removesuffix("s")
    return f"n{SPACE}={SPACE}{entry.n:,}{SPACE}{of}"


def corrected(entry: ClaimEntry) -> str:
    """The interval corrected for the family of claims, with its level: `[3.76, 12.24] at 99.4 %`; nothing without."""
    found = entry.corrected
    if found is None or found.interval is None:
        return ""
    low, high = (_end(end) for end in found.interval)
    return f"[{low},{SPACE}{high}] at {100 * found.level:.1f}{SPACE}%"


def why_not_supported(entry: ClaimEntry) -> list[str]:
    """Why a verdict is not `supported`: sentences that follow from the entry's figures."""
    if entry.verdict == "supported":
        return []
    passed = [control.what for control in entry.controls if control.verdict == "supported"]
    if passed:
        return [f"The same rule also passes where the statement is false ({'; '.join(passed)}): it says nothing here."]
    if entry.interval is None:
        if entry.verdict == "not supported" or entry.n_of != "seeds":
            return [f"The effect is {rounded(entry.effect)} {entry.unit}, and the rule below asks for more."]
        return ["One seed says nothing about how much the next one differs: at least two are needed."]
    ends, least = entry.interval, entry.smallest
    lies = _where(entry, ends)
    if entry.verdict == "not supported":
        beside = "" if least is None else f" {rounded(least.effect)} is the smallest effect that matters."
        return [f"The figures speak against the statement: {lies}.{beside}"]
    sentences = [f"{lies[:1].upper()}{lies[1:]}: it leaves both answers open."]
    if not _reaches_across(entry, ends):
        sentences = [f"{lies[:1].upper()}{lies[1:]}, but the rule below asks for more."]
    return [*sentences, *_seeds(entry, ends)]


def _seeds(entry: ClaimEntry, ends: Interval) -> list[str]:
    """How the seeds lie, and how many would settle the effect that was seen."""
    boundary, by_seed, needed = entry.boundary, entry.by_seed, entry.seeds_to_settle
    sentences = []
    if len(boundary) == 1 and by_seed and _reaches_across(entry, ends):
        above = sum(one > boundary[0] for one in by_seed)
        many = f"All {above}" if above == len(by_seed) else f"Of {len(by_seed)} seeds {above or 'none'}"
        seeds = " seeds lie" if above == len(by_seed) else " lie" if above > 1 else " lies"
        sentences.append(f"{many}{seeds} above {_end(boundary[0])}.")
    if needed is not None:
        low, high = needed
        many = f"{low:,} to {high:,}" if high is not None else f"{low:,} or more (perhaps over {MANY:,})"
        sentences.append(f"To settle the effect that was seen would take {many} seeds, as far as these can tell.")
    return sentences


def _reaches_across(entry: ClaimEntry, ends: Interval) -> bool:
    low, high = ends
    return any(low <= one <= high for one in _turns(entry))


def _turns(entry: ClaimEntry) -> list[float]:
    """Effects between which the verdict lies open: none at all, and the smallest that matters."""
    least = entry.smallest
    return [*entry.boundary, *([least.effect] if least is not None and len(entry.boundary) == 1 else [])]


def _where(entry: ClaimEntry, ends: Interval) -> str:
    low, high = ends
    turns = _turns(entry)
    text = f"95{SPACE}% interval {effect_interval(entry)}"
    crossed = [_end(one) for one in turns if low <= one <= high]
    if crossed:
        return f"the {text} reaches across {' and '.join(crossed)}"
    side = "above" if low > max(turns) else "below" if high < min(turns) else "between"
    if side == "between":
        return f"the whole {text} lies between {' and '.join(_end(one) for one in sorted(turns))}"
    return f"the whole {text} lies {side} {_end(max(turns) if side == 'above' else min(turns))}"


def _end(value: float) -> str:
    """An end of an interval, or a boundary: whole numbers without decimals where they are boundaries."""
    if value == 0 or (math.isfinite(value) and value == int(value) and abs(value) < 1000):
        return signed(value, 0)
    return true_minus(f"{value:,.2f}")
