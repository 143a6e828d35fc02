"""The class's accuracies on a line: each with its interval, and nobody ahead of anybody whose interval overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from cnnlab.classroom.results import ClassResults, MeasuredNet, StudentResult
from cnnlab.numbers import SPACE, accuracy, interval

#: Per cent of the width that stay free on either side, so that marks at the ends are whole.
MARGIN = 3.0


@dataclass(frozen=True)
class StripRow:
    """A student's best net; mean, low, high: places in per cent of the width. overlaps: with how many others."""

    one: StudentResult
    mean: float
    low: float
    high: float
    figures: str
    overlaps: int


@dataclass(frozen=True)
class Accuracies:
    """The rows, highest first; ticks: places and what they say.

    first: how many, from the highest on, have intervals that all overlap one another. apart, pairs: pairs of students
    whose intervals do not overlap, of all pairs. images: smallest and largest number that a net was measured on.
    """

    rows: list[StripRow]
    ticks: list[tuple[float, str]]
    first: int
    apart: int
    pairs: int
    images: tuple[int, int]


def accuracies(results: ClassResults) -> Accuracies | None:
    """Place everybody's best net; None where none was measured."""
    found = [(one, *measured) for one in results.results if (measured := _measured(one.best)) is not None]
    if not found:
        return None
    found.sort(key=lambda each: -each[2])  # stable: who is equal stays in the class's own order
    lowest = min(low for *_, low, _ in found)
    highest = max(high for *_, high in found)
    if highest - lowest < 1e-9:
        lowest, highest = lowest - 0.001, highest + 0.001

    def place(value: float) -> float:
        return round(MARGIN + (100 - 2 * MARGIN) * (value - lowest) / (highest - lowest), 2)

    lows, highs = np.array([low for *_, low, _ in found]), np.array([high for *_, high in found])
    overlap = (lows[:, None] <= highs) & (lows <= highs[:, None])
    rows = [
        StripRow(
            one,
            place(share),
            place(low),
            place(high),
            f"{accuracy(share, net.images)} [{interval(low, high, net.images)}]",
            int(overlap[at].sum()) - 1,
        )
        for at, (one, net, share, low, high) in enumerate(found)
    ]
    # Intervals overlap one another, each two of them, where all of them share a point.
    together = np.maximum.accumulate(lows) <= np.minimum.accumulate(highs)
    pairs = len(found) * (len(found) - 1) // 2
    images = [net.images for _, net, *_ in found]
    return Accuracies(
        rows=rows,
        ticks=[(place(tick / 100), f"{tick:g}{SPACE}%") for tick in _ticks(100 * lowest, 100 * highest)],
        first=len(found) if together.all() else int(together.argmin()),
        apart=pairs - (int(overlap.sum()) - len(found)) // 2,
        pairs=pairs,
        images=(min(images), max(images)),
    )


def _measured(net: MeasuredNet | None) -> tuple[MeasuredNet, float, float, float] | None:
    if net is None or net.accuracy is None or net.low is None or net.high is None:
        return None
    return net, net.accuracy, net.low, net.high


def _ticks(low: float, high: float) -> list[float]:
    found = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [round(float(tick), 6) for tick in np.asarray(found) if low <= tick <= high]
