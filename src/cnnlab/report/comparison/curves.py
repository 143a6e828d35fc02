"""Learning curves over seeds: training and validation accuracy and their gap, on the same axes for every variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cnnlab.experiments.compare import Comparison
from cnnlab.numbers import percent, signed_points, true_minus
from cnnlab.report import charts
from cnnlab.training.loop import Epoch

#: The epochs of each of a variant's runs, in the seeds' order.
Curves = Sequence[Sequence[Epoch]]
_FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class VariantCurves:
    """A variant's two charts. epochs: fewest and most that its seeds trained."""

    name: str
    accuracy: Markup
    gap: Markup
    epochs: tuple[int, int]


@dataclass(frozen=True)
class _Measure:
    """One measure of a variant: a line a seed, of as many epochs as it trained."""

    seeds: list[_FloatArray]

    @property
    def shared(self) -> _FloatArray:
        """(seeds, epochs): the epochs that every seed trained."""
        epochs = min(map(len, self.seeds))
        return np.stack([seed[:epochs] for seed in self.seeds])

    @property
    def last(self) -> float:
        """The mean over seeds of what each came to."""
        return float(np.mean([seed[-1] for seed in self.seeds]))


def comparison_curves(comparison: Comparison, curves: Sequence[Curves]) -> list[VariantCurves]:
    """Draw every variant's curves; curves: those of `comparison.variants`, in their order."""
    training = [_Measure([_line(run, "remeasured_accuracy") for run in runs]) for runs in curves]
    validation = [_Measure([_line(run, "validation_accuracy") for run in runs]) for runs in curves]
    gaps = [
        _Measure([seen - unseen for seen, unseen in zip(one.seeds, other.seeds, strict=True)])
        for one, other in zip(training, validation, strict=True)
    ]
    most = max(len(run) for runs in curves for run in runs)
    low, high = _reach([*training, *validation])
    # Shares end at 1; lines may lie on the frame, where they are drawn whole.
    accuracy_range = (max(0.0, low - 0.06 * (high - low)), min(1.0, high + 0.06 * (high - low)))
    low, high = _reach(gaps)
    low, high = min(low, 0.0), max(high, 0.0)
    gap_range = (low - 0.08 * (high - low), high + 0.08 * (high - low))
    found = []
    for index, (figures, runs) in enumerate(zip(comparison.variants, curves, strict=True)):
        name = figures.variant.name
        found.append(
            VariantCurves(
                name=name,
                accuracy=_accuracy_chart(
                    training[index],
                    validation[index],
                    validation[0] if index else None,
                    limits=accuracy_range,
                    most=most,
                    id=f"accuracy-{index}",
                    name=name,
                ),
                gap=_gap_chart(
                    gaps[index],
                    gaps[0] if index else None,
                    limits=gap_range,
                    most=most,
                    id=f"gap-{index}",
                    name=name,
                ),
                epochs=(min(map(len, runs)), max(map(len, runs))),
            )
        )
    return found


def _line(run: Sequence[Epoch], measure: str) -> _FloatArray:
    return np.array([getattr(epoch, measure) for epoch in run], dtype=np.float64)


def _reach(measures: Sequence[_Measure]) -> tuple[float, float]:
    """The lowest and highest of all values, at least a point apart."""
    values = np.concatenate([seed for measure in measures for seed in measure.seeds])
    low, high = float(values.min()), float(values.max())
    return min(low, high - 0.01), high


def _accuracy_chart(
    training: _Measure,
    validation: _Measure,
    baseline: _Measure | None,
    *,
    limits: tuple[float, float],
    most: int,
    id: str,
    name: str,
) -> Markup:
    with charts.drawing():
        figure = charts.blank(190)
        axes = charts.panel(figure, left=50, bottom=40, right=14, top=10)
        _draw_baseline(axes, baseline)
        _draw(axes, training, charts.REMEASURED, "s")
        _draw(axes, validation, charts.VALIDATION, "D")
        _frame(axes, limits, most)
        charts.percent_axis(axes.yaxis)
        label = (
            f"{name}: accuracy by epoch, mean and range over seeds. After the last epoch "
            f"{percent(training.last)} on training images, {percent(validation.last)} on validation."
        )
        return charts.inline_svg(figure, name=id, label=label)


def _gap_chart(
    gap: _Measure, baseline: _Measure | None, *, limits: tuple[float, float], most: int, id: str, name: str
) -> Markup:
    with charts.drawing():
        figure = charts.blank(190)
        axes = charts.panel(figure, left=50, bottom=40, right=14, top=10)
        axes.axhline(0, color=charts.MUTED, linewidth=1)
        _draw_baseline(axes, baseline)
        _draw(axes, gap, charts.INK, "o")
        _frame(axes, limits, most)
        axes.yaxis.set_major_formatter(lambda share, _: true_minus(f"{round(100 * share, 6):g}"))
        label = (
            f"{name}: gap between training and validation accuracy by epoch, mean and range over seeds. "
            f"After the last epoch {signed_points(gap.last)} points."
        )
        return charts.inline_svg(figure, name=id, label=label)


def _draw(axes: Axes, measure: _Measure, color: str, marker: str) -> None:
    shared = measure.shared
    x = np.arange(1, shared.shape[1] + 1)
    if len(measure.seeds) > 1:
        low, high = shared.min(axis=0), shared.max(axis=0)
        if len(x) > 1:
            axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0, clip_on=False)
        else:
            axes.vlines(x, low, high, color=color, alpha=0.35, linewidth=6, clip_on=False)
    axes.plot(
        x,
        shared.mean(axis=0),
        color=color,
        marker=marker if len(x) <= 20 else "",
        markersize=4,
        markerfacecolor=color,
        clip_on=False,
    )
    # A mean over fewer seeds than before would jump for that reason alone: from here on each seed is itself.
    for seed in measure.seeds:
        if len(seed) > len(x):
            axes.plot(np.arange(len(x), len(seed) + 1), seed[len(x) - 1 :], color=color, linewidth=0.8, clip_on=False)


def _draw_baseline(axes: Axes, measure: _Measure | None) -> None:
    if measure is not None:
        mean = measure.shared.mean(axis=0)
        marker = "o" if len(mean) == 1 else ""
        axes.plot(
            np.arange(1, len(mean) + 1),
            mean,
            color=charts.MUTED,
            linewidth=1.4,
            linestyle=(0, (1.5, 2)),
            marker=marker,
            markerfacecolor="none",
            clip_on=False,
        )


def _frame(axes: Axes, limits: tuple[float, float], most: int) -> None:
    margin = 0.5 if most == 1 else min(0.5, 0.04 * (most - 1))
    axes.set_xlim(1 - margin, most + margin)
    axes.set_ylim(*limits)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.set_xlabel("epoch")
    axes.grid(visible=False, axis="x")
