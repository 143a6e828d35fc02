"""A claim's measures along x: every seed a thin line or a dot, their mean a thick one."""

from __future__ import annotations

import re
from statistics import mean

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from cnnlab.figures import Lines, Series
from cnnlab.numbers import percent, true_minus
from cnnlab.report import charts

#: Colour and marker of the first series, the second, and so on.
LOOKS = (
    (charts.REMEASURED, "s"),
    (charts.VALIDATION, "D"),
    (charts.SEEN, "o"),
    (charts.INK, "^"),
)

#: Places of x up to which each value has a mark.
_FEW = 12


def draw_lines(figure: Lines, *, name: str) -> Markup:
    """The chart. name: prefixed to its ids."""
    is_named = isinstance(figure.x[0], str)
    x = [float(i) for i in range(len(figure.x))] if is_named else [float(one) for one in figure.x]
    with charts.drawing():
        canvas = charts.blank(250)
        axes = charts.panel(
            canvas, left=84 if figure.log_y else 58, bottom=44 if figure.x_label else 26, right=16, top=14
        )
        for series, (color, marker) in zip(figure.series, LOOKS, strict=False):
            if is_named:
                _cases(axes, x, series, color, marker)
            else:
                _curve(axes, x, series, color, marker)
        _frame(axes, figure, x)
        _levels(axes, figure)
        return charts.inline_svg(canvas, name=name, label=_label(figure))


def _means(series: Series) -> list[float]:
    return [mean(column) for column in zip(*series.values, strict=True)]


def _curve(axes: Axes, x: list[float], series: Series, color: str, marker: str) -> None:
    means, shape = _means(series), marker if len(x) <= _FEW else ""
    if series.shape == "steps":
        axes.step(x, means, where="post", color=color, linewidth=1.7)
    elif series.shape == "dots":
        axes.plot(x, means, color=color, linestyle="none", marker=marker, markersize=4, clip_on=False)
    elif len(series.values) == 1:
        axes.plot(x, means, color=color, marker=shape, markerfacecolor=color, clip_on=False)
    else:
        for of_seed in series.values:
            axes.plot(x, of_seed, color=color, linewidth=0.8, alpha=0.55, clip_on=False)
            if shape:
                axes.plot(x, of_seed, color=color, linestyle="none", marker=".", markersize=4, alpha=0.7, clip_on=False)
        axes.plot(x, means, color=color, linewidth=2.4, marker=shape, markerfacecolor=color, clip_on=False)
    if series.low is not None and series.high is not None:
        axes.fill_between(x, series.low, series.high, color=color, alpha=0.18, linewidth=0)


def _cases(axes: Axes, x: list[float], series: Series, color: str, marker: str) -> None:
    thin = 0.9 if len(series.values) > 1 else 1.7
    for of_seed in series.values:
        axes.plot(x, of_seed, color=color, linewidth=thin, alpha=0.5, clip_on=False)
        axes.plot(x, of_seed, color=color, linestyle="none", marker=marker, markersize=4.5, alpha=0.75, clip_on=False)
    if len(series.values) > 1:
        for place, value in zip(x, _means(series), strict=True):
            axes.plot((place - 0.14, place + 0.14), (value, value), color=color, linewidth=3, clip_on=False)


def _frame(axes: Axes, figure: Lines, x: list[float]) -> None:
    if figure.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    if isinstance(figure.x[0], str):
        axes.set_xlim(-0.45, len(x) - 0.55)
        names = [re.sub(" |(?<=-)", "\n", str(one), count=1) if len(x) > 2 else str(one) for one in figure.x]
        axes.set_xticks(x, names, fontsize=11 if len(x) > 3 else 12)
        if len(x) > 2:
            _room_for_two_lines(axes)
    elif figure.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_locator(FixedLocator(x) if len(x) <= 7 else LogLocator(numticks=8))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(lambda value, _: true_minus(f"{value:,g}"))
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    axes.grid(visible=False, axis="x")
    axes.margins(y=0.08)
    if figure.is_share:
        values = [value for series in figure.series for of_seed in series.values for value in of_seed]
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, 0.0) if min(values) >= 0 else low, min(high, 1.0) if max(values) <= 1 else high)
        charts.percent_axis(axes.yaxis)
    elif not figure.log_y:
        axes.yaxis.set_major_formatter(lambda value, _: true_minus(f"{value:,g}"))
    else:
        axes.yaxis.set_major_formatter(lambda value, _: _in_words(value))


def _in_words(value: float) -> str:
    """1e8 → `100 million`."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{value / size:,.0f} {word}"
    return f"{value:,.0f}"


def _room_for_two_lines(axes: Axes) -> None:
    left, bottom, width, height = axes.get_position().bounds
    axes.set_position((left, bottom + 0.06, width, height - 0.06))


def _levels(axes: Axes, figure: Lines) -> None:
    low, high = axes.get_ylim()
    for value, _ in figure.levels:
        low, high = min(low, value), max(high, value)
        axes.axhline(value, color=charts.MUTED, linewidth=1.2, linestyle=(0, (3, 2.5)), zorder=0)
    margin = 0.06 * (high - low) if not figure.log_y else 0.0
    if figure.levels:
        axes.set_ylim(min(low, min(one for one, _ in figure.levels) - margin), high)


def _label(figure: Lines) -> str:
    def says(value: float) -> str:
        return percent(value) if figure.is_share else f"{value:,.4g}"

    ends = [
        f"{series.name}: {says(_means(series)[0])} at {figure.x[0]}, {says(_means(series)[-1])} at {figure.x[-1]}"
        for series in figure.series
    ]
    return f"{figure.title}. {'; '.join(ends)}."
