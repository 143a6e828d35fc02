"""An effect on a line: its interval, its seeds, and where the verdict turns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from cnnlab.claims.entry import ClaimEntry
from cnnlab.numbers import rounded, true_minus
from cnnlab.report.claims.words import effect_interval, sample

#: Per cent of the width that stay free on either side, so that marks at the ends are whole.
MARGIN = 5.0


@dataclass(frozen=True)
class Strip:
    """Positions in per cent of the width. boundary: where the verdict turns. ticks: position and what it says."""

    effect: float
    low: float | None
    high: float | None
    seeds: tuple[float, ...]
    boundary: tuple[float, ...]
    ticks: list[tuple[float, str]]
    label: str


def strip(entry: ClaimEntry) -> Strip | None:
    """Place a claim's effect; None where there is neither an interval nor a value a seed."""
    ends, seeds, boundary = entry.interval or [], entry.by_seed, entry.boundary
    if not ends and not seeds:
        return None
    scale: Callable[[float], float] = math.log if entry.is_ratio else float
    values = [scale(one) for one in (entry.effect, *ends, *seeds, *boundary)]
    lowest, highest = min(values), max(values)
    if highest - lowest < 1e-9:
        lowest, highest = lowest - 1, highest + 1

    def place(value: float) -> float:
        return round(MARGIN + (100 - 2 * MARGIN) * (scale(value) - lowest) / (highest - lowest), 2)

    turns = " and ".join(f"{one:g}" for one in boundary)
    return Strip(
        effect=place(entry.effect),
        low=place(ends[0]) if ends else None,
        high=place(ends[1]) if ends else None,
        seeds=tuple(map(place, seeds)),
        boundary=tuple(map(place, boundary)),
        ticks=[(place(tick), true_minus(f"{tick:g}")) for tick in _ticks(lowest, highest, entry.is_ratio)],
        label=f"{rounded(entry.effect)} {effect_interval(entry)} {entry.unit}, {sample(entry)}; "
        f"the verdict turns at {turns}.",
    )


def _ticks(low: float, high: float, is_ratio: bool) -> list[float]:
    if is_ratio:
        powers = (
            base * 10.0**power
            for power in range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
            for base in ((1, 3) if high - low < math.log(1e3) else (1,))
        )
        return [one for one in powers if low - 1e-9 <= math.log(one) <= high + 1e-9]
    found = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [round(float(tick), 9) for tick in np.asarray(found) if low - 1e-9 <= tick <= high + 1e-9]
