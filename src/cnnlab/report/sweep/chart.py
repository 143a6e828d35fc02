"""Accuracy against what it costs: every point of a sweep, and the front that none of them lies beyond."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from cnnlab.experiments.sweep import Point
from cnnlab.numbers import duration, percent, short_count
from cnnlab.report import charts

#: With up to this many points each one's number is written beside it; with more only those of the front.
NUMBERED = 16

NAMES = {"parameters": "parameters", "macs": "multiply-adds for one image", "train_time_s": "training time of a run"}

#: Where a point's number may stand, in CSS pixels from its middle; and the room that the number itself takes.
_PLACES = ((-9, 9), (9, 9), (-9, -9), (9, -9), (-18, 0), (18, 0))
_ROOM = (9, 10)


def cost_chart(points: Sequence[Point], cost: str) -> Markup:
    """Draw validation accuracy against a cost; points: in the order of the page's table, which gives their numbers.

    Counts are drawn on a log axis, times on a plain one from 0. A point without any accuracy is left out.
    """
    numbered = [(number, point) for number, point in enumerate(points, start=1) if point.end != "diverged"]
    with charts.drawing():
        figure = charts.blank(290)
        axes = charts.panel(figure, left=50, bottom=44, right=18, top=14)
        _scale(axes, [point for _, point in numbered], cost)
        front = sorted((point for _, point in numbered if cost in point.front), key=lambda one: getattr(one, cost))
        x = [getattr(point, cost) for point in front]
        y = [_mean(point) for point in front]
        axes.step([*x, axes.get_xlim()[1]], [*y, y[-1]], where="post", color=charts.VALIDATION, alpha=0.75)
        for _, point in reversed(numbered):
            _mark(axes, point, cost)
        few = len(numbered) <= NUMBERED
        _number(axes, [(number, point) for number, point in numbered if few or cost in point.front], cost)
        return charts.inline_svg(figure, name=f"front-{cost.replace('_', '-')}", label=_label(front, cost))


def accuracies(points: Sequence[Point]) -> tuple[float, float]:
    """Where the axis of accuracies begins and ends: a point as far below the fronts as they are high lies outside."""
    fronts = [value for point in points if point.front for value in point.validation]
    lowest = min(value for point in points for value in point.validation)
    low, high = min(fronts), max(value for point in points for value in point.validation)
    floor = max(lowest, low - max(high - low, 0.01))
    margin = 0.08 * max(high - floor, 0.01)
    return floor - margin, high + margin


def _scale(axes: Axes, points: Sequence[Point], cost: str) -> None:
    costs = [getattr(point, cost) for point in points]
    if cost == "train_time_s":
        axes.set_xlim(0, 1.12 * max(costs))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.xaxis.set_major_formatter(lambda time_s, _: f"{time_s:g}\u00a0s")
    else:
        axes.set_xscale("log")
        axes.set_xlim(min(costs) / 1.35, 1.5 * max(costs))
        few = max(costs) < 30 * min(costs)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
        axes.xaxis.set_major_formatter(lambda number, _: short_count(number))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", which="minor", size=0)
    axes.set_ylim(*accuracies(points))
    axes.set_xlabel(NAMES[cost])
    charts.percent_axis(axes.yaxis)


def _mark(axes: Axes, point: Point, cost: str) -> None:
    x, y = _place(axes, point, cost)
    is_front = cost in point.front
    color = charts.VALIDATION if is_front else charts.MUTED
    if len(point.validation) > 1:
        ends = (max(min(point.validation), axes.get_ylim()[0]), max(point.validation))
        axes.plot([x, x], ends, color=color, linewidth=1.2, alpha=0.5)
    axes.plot(
        [x],
        [y],
        marker="o" if y == _mean(point) else "v",
        markersize=7 if is_front else 5.5,
        markerfacecolor=charts.PAGE if point.end == "pruned" else color,
        markeredgecolor=color,
        markeredgewidth=1.3,
        linestyle="none",
        clip_on=False,
    )


def _number(axes: Axes, numbered: Sequence[tuple[int, Point]], cost: str) -> None:
    """Write each point's number where it is nearest to no other point and no other number."""
    marks = [axes.transData.transform(_place(axes, point, cost)) for _, point in numbered]
    taken = [(float(x), float(y)) for x, y in marks]
    for (number, point), (left, bottom) in zip(numbered, marks, strict=True):
        places = [(left + right, bottom + up) for right, up in _PLACES]
        free = ((x, y) for x, y in places if not any(abs(x - a) < _ROOM[0] and abs(y - b) < _ROOM[1] for a, b in taken))
        place = next(free, places[0])
        taken.append(place)
        x, y = axes.transData.inverted().transform(place)
        axes.text(
            x,
            y,
            str(number),
            ha="center",
            va="center",
            color=charts.INK if cost in point.front else charts.MUTED,
            fontsize=11,
            fontweight="bold" if number == 1 else "normal",
            clip_on=False,
        )


def _place(axes: Axes, point: Point, cost: str) -> tuple[float, float]:
    """Where a point lies; one far behind lies on the chart's edge."""
    return getattr(point, cost), max(_mean(point), axes.get_ylim()[0])


def _label(front: Sequence[Point], cost: str) -> str:
    write = duration if cost == "train_time_s" else short_count
    steps = "; ".join(f"{point.name}: {percent(_mean(point), 2)} at {write(getattr(point, cost))}" for point in front)
    return f"Validation accuracy against {NAMES[cost]}. The front, from cheap to dear: {steps}."


def _mean(point: Point) -> float:
    return sum(point.validation) / len(point.validation)
