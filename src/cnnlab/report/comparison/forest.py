"""The forest plot: every variant's paired difference to the baseline, its interval, and what each seed says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from cnnlab.experiments.compare import Comparison
from cnnlab.numbers import points, true_minus

#: Per cent of the width that stay free on either side, so that marks at the ends are whole.
MARGIN = 4.0


@dataclass(frozen=True)
class ForestRow:
    """A variant's marks; positions in per cent of the plot's width. is_distinct: better or worse, all corrected for."""

    name: str
    mean: float
    low: float | None
    high: float | None
    seeds: tuple[float, ...]
    is_distinct: bool
    figures: str


@dataclass(frozen=True)
class ForestPlot:
    """Rows above an axis of points. ticks: position and what it says. label: what a screen reader says."""

    rows: list[ForestRow]
    ticks: list[tuple[float, str]]
    zero: float
    label: str

    @property
    def has_distinct(self) -> bool:
        """Whether any variant is better or worse."""
        return any(row.is_distinct for row in self.rows)

    @property
    def has_indistinct(self) -> bool:
        """Whether any variant is neither."""
        return not all(row.is_distinct for row in self.rows)


def forest_plot(comparison: Comparison) -> ForestPlot:
    """Place the differences of test accuracy on one axis, which begins and ends where the marks do."""
    compared = [(one, one.difference) for one in comparison.variants if one.difference is not None]
    values = [0.0]
    for _, difference in compared:
        values += [*difference.differences, difference.mean]
        values += [end for end in (difference.low, difference.high) if end is not None]
    lowest, highest = min(values), max(values)
    if highest - lowest < 1e-9:  # all equal: any axis does
        lowest, highest = -0.001, 0.001

    def place(value: float) -> float:
        return round(MARGIN + (100 - 2 * MARGIN) * (value - lowest) / (highest - lowest), 2)

    rows = []
    sentences = []
    for one, difference in compared:
        low, high = difference.low, difference.high
        figures = points(difference)
        rows.append(
            ForestRow(
                name=one.variant.name,
                mean=place(difference.mean),
                low=None if low is None else place(low),
                high=None if high is None else place(high),
                seeds=tuple(map(place, difference.differences)),
                is_distinct=one.verdict is not None and one.verdict.kind in ("better", "worse"),
                figures=figures,
            )
        )
        sentences.append(f"{one.variant.name}: {figures}")
    what = "with 95 % intervals" if len(comparison.seeds) > 1 else "one seed, so without intervals"
    return ForestPlot(
        rows=rows,
        ticks=[(place(tick / 100), _tick(tick)) for tick in _ticks(100 * lowest, 100 * highest)],
        zero=place(0),
        label=f"Difference of test accuracy to the baseline in points, {what}. {'; '.join(sentences)}.",
    )


def _ticks(low: float, high: float) -> list[float]:
    found = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in np.asarray(found) if low <= tick <= high]


def _tick(points: float) -> str:
    text = f"{round(points, 6):+g}"
    return "0" if float(text) == 0 else true_minus(text)
