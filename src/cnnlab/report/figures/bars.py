"""A claim's bars: a group for every row, each bar with its number."""

from __future__ import annotations

from markupsafe import Markup

from cnnlab.figures import Bars
from cnnlab.report import charts
from cnnlab.report.figures.lines import LOOKS

#: CSS pixels of a bar and of the room between two groups.
_BAR, _BETWEEN = 15, 32


def draw_bars(figure: Bars, *, name: str) -> Markup:
    """The chart. name: prefixed to its ids."""
    group = _BAR * len(figure.series) + _BETWEEN
    height = group * len(figure.rows) + 6
    most = max(value for values in figure.values for value in values)
    with charts.drawing():
        canvas = charts.blank(height)
        axes = charts.panel(canvas, left=2, bottom=2, right=74, top=2)
        for i, row in enumerate(figure.rows):
            top = i * group + 20
            axes.text(0, top - 4, row, va="bottom", fontsize=12)
            for j, values in enumerate(figure.values):
                middle = top + _BAR * (j + 0.5)
                axes.barh(middle, values[i], height=_BAR - 2, color=LOOKS[j][0])
                axes.text(values[i] + 0.015 * most, middle, f"{values[i]:,.0f}", va="center", fontsize=11)
        axes.set_xlim(0, most)
        axes.set_ylim(height - 4, 0)
        axes.axis("off")
        words = "; ".join(
            f"{row}: "
            + ", ".join(f"{says} {values[i]:,.0f}" for says, values in zip(figure.series, figure.values, strict=True))
            for i, row in enumerate(figure.rows)
        )
        return charts.inline_svg(canvas, name=name, label=f"{figure.title}. {words}.")
