"""Accuracy against what it costs: every point of a sweep, and the front that none of them lies beyond."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from cnnlab.experiments.sweep import Point
from cnnlab.report import charts
from cnnlab.report.numbers import duration, percent
from cnnlab.report.sweep_words import short_count

#: Up to so many points each one's number is written beside it; of more only those of the front.
NUMBERED = 16

NAMES = {"parameters": "parameters", "macs": "multiply-adds for one image", "train_time_s": "training time of a run"}


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
        for number, point in numbered:
            _mark(axes, number, point, cost, is_labelled=len(numbered) <= NUMBERED or cost in point.front)
        return charts.inline_svg(figure, name=f"front-{cost.replace('_', '-')}", label=_label(front, cost))


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
    complete = [value for point in points if point.end == "complete" for value in point.validation]
    lowest = min(value for point in points for value in point.validation)
    # Points far behind would press the others together: they lie on the chart's edge.
    reach = max(max(complete) - min(complete), 0.01)
    floor = max(lowest, min(complete) - 2 * reach)
    margin = 0.08 * (max(complete) - floor)
    axes.set_ylim(floor - margin, max(complete) + margin)
    axes.set_xlabel(NAMES[cost])
    charts.percent_axis(axes.yaxis)


def _mark(axes: Axes, number: int, point: Point, cost: str, *, is_labelled: bool) -> None:
    x, y = getattr(point, cost), _mean(point)
    is_front, is_pruned = cost in point.front, point.end == "pruned"
    color = charts.VALIDATION if is_front else charts.MUTED
    bottom = axes.get_ylim()[0]
    faint = 0.6 if is_pruned else 1.0
    if len(point.validation) > 1:
        ends = (max(min(point.validation), bottom), max(point.validation))
        axes.plot([x, x], ends, color=color, linewidth=1.2, alpha=0.5)
    axes.plot(
        [x],
        [max(y, bottom)],
        marker="o" if y >= bottom else "v",
        markersize=7 if is_front else 5.5,
        markerfacecolor="none" if is_pruned else color,
        markeredgecolor=color,
        markeredgewidth=1.3,
        alpha=faint,
        linestyle="none",
        clip_on=False,
    )
    if is_labelled:
        axes.annotate(
            str(number),
            (x, max(y, bottom)),
            xytext=(-6, 5),
            textcoords="offset points",
            ha="right",
            color=charts.INK if is_front else charts.MUTED,
            fontsize=11,
            fontweight="bold" if number == 1 else "normal",
        )


def _label(front: Sequence[Point], cost: str) -> str:
    write = duration if cost == "train_time_s" else short_count
    steps = "; ".join(f"{point.name}: {percent(_mean(point), 2)} at {write(getattr(point, cost))}" for point in front)
    return f"Validation accuracy against {NAMES[cost]}. The front, from cheap to dear: {steps}."


def _mean(point: Point) -> float:
    return sum(point.validation) / len(point.validation)
