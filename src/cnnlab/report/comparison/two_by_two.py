"""A 2×2 design's figure: one change along the axis, the other as two lines; parallel lines would be no interaction."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from cnnlab.experiments.compare import Comparison
from cnnlab.experiments.two_by_two import TwoByTwo
from cnnlab.numbers import p_text, percent, points, unbroken
from cnnlab.report import charts


@dataclass(frozen=True)
class EffectRow:
    """An effect as the table shows it, differences in points."""

    name: str
    on_test: str
    on_gap: str
    adjusted_p: str
    words: str


@dataclass(frozen=True)
class DesignFigure:
    """The charts of both measures, the table's rows, and the names of the two changes."""

    factors: tuple[str, str]
    accuracy: Markup
    gap: Markup
    rows: list[EffectRow]


def design_figure(comparison: Comparison, design: TwoByTwo) -> DesignFigure:
    """Draw the four variants' test accuracy and gap, and write down the three effects."""
    by_name = {one.variant.name: one for one in comparison.variants}
    cells = {cell: by_name[name] for cell, name in design.cells.items()}
    return DesignFigure(
        factors=design.factors,
        accuracy=_chart(design, {cell: one.test for cell, one in cells.items()}, "test accuracy", id="design-test"),
        gap=_chart(design, {cell: one.gap for cell, one in cells.items()}, "gap", id="design-gap"),
        rows=[
            EffectRow(
                effect.name,
                points(effect.on_test),
                points(effect.on_gap),
                p_text(effect.adjusted_p),
                unbroken(effect.words),
            )
            for effect in design.effects
        ],
    )


def _chart(design: TwoByTwo, values: dict[tuple[bool, bool], tuple[float, ...]], measure: str, *, id: str) -> Markup:
    first, second = design.factors
    with charts.drawing():
        figure = charts.blank(230)
        axes = charts.panel(figure, left=58, bottom=34, right=14, top=12)
        lines = (
            (False, charts.MUTED, "o", (0, (1.5, 2)), -0.03),
            (True, charts.REMEASURED, "s", "-", 0.03),
        )
        for is_second, color, marker, style, aside in lines:
            places = [aside, 1 + aside]
            of_line = [values[False, is_second], values[True, is_second]]
            axes.plot(places, [mean(one) for one in of_line], color=color, marker=marker, linestyle=style, markersize=7)
            for place, one in zip(places, of_line, strict=True):
                axes.plot([place] * len(one), one, linestyle="", marker="o", markersize=3.5, color=color, alpha=0.45)
        axes.set_xlim(-0.25, 1.25)
        axes.set_xticks([0, 1], [f"without {first}", f"with {first}"])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        charts.percent_axis(axes.yaxis)
        axes.grid(visible=False, axis="x")
        means = "; ".join(
            f"{'with' if one else 'without'} {first}, {'with' if other else 'without'} {second}: "
            f"{percent(mean(values[one, other]), 2)}"
            for one, other in sorted(values)
        )
        return charts.inline_svg(figure, name=id, label=f"Mean {measure} of the four variants. {means}.")
