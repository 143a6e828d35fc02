"""A claim's figures, drawn: charts with a legend and a note on what their marks are, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from cnnlab.figures import Bars, Figure, Lines, Maps, Series
from cnnlab.report.figures.bars import draw_bars
from cnnlab.report.figures.lines import LOOKS, draw_lines
from cnnlab.report.figures.maps import DrawnMap, draw_maps

#: What a matplotlib marker looks like in a legend of 34 × 12 pixels.
_MARKS = {
    "s": '<path d="M13.5 2.5h7v7h-7z" fill="currentColor"/>',
    "D": '<path d="M17 1.5l4.5 4.5-4.5 4.5-4.5-4.5z" fill="currentColor"/>',
    "o": '<circle cx="17" cy="6" r="3.5" fill="currentColor"/>',
    "^": '<path d="M17 2l4.5 8h-9z" fill="currentColor"/>',
}
_LEVEL = Markup(
    '<svg width="34" height="12" aria-hidden="true">'
    '<path d="M0 6H34" stroke="var(--muted)" stroke-width="1.5" stroke-dasharray="4 3"/></svg>'
)
_VARIABLES = ("--remeasured", "--validation", "--seen", "--ink")


@dataclass(frozen=True)
class DrawnFigure:
    """A figure for the page: one chart, or several maps. legend: mark and name; note: what the marks are."""

    title: str
    chart: Markup | None = None
    maps: Sequence[DrawnMap] = ()
    legend: list[tuple[Markup, str]] = field(default_factory=list)
    note: str = ""
    is_signed: bool = False


def draw_figures(figures: Sequence[Figure]) -> list[DrawnFigure]:
    """Draw a finding's figures, in their order. The same figures give the same markup."""
    return [_draw(figure, f"figure-{number}") for number, figure in enumerate(figures)]


def _draw(figure: Figure, name: str) -> DrawnFigure:
    if isinstance(figure, Maps):
        is_signed = any(one.kind == "signed" and one.values.size > 100 for one in figure.maps)
        return DrawnFigure(figure.title, maps=draw_maps(figure), is_signed=is_signed)
    if isinstance(figure, Bars):
        legend = [(_legend_bar(i), says) for i, says in enumerate(figure.series)]
        return DrawnFigure(figure.title, chart=draw_bars(figure, name=name), legend=legend)
    legend = [(_legend_line(i, one), one.name) for i, one in enumerate(figure.series)]
    if len(figure.series) == 1 and len(figure.series[0].values) > 1:
        legend = []  # the title says what it is
    legend += [(_LEVEL, says) for _, says in figure.levels if says]
    return DrawnFigure(figure.title, chart=draw_lines(figure, name=name), legend=legend, note=_note(figure))


def _note(figure: Lines) -> str:
    seeds = max(len(series.values) for series in figure.series)
    parts = []
    if seeds > 1:
        mean = "short bars: means" if isinstance(figure.x[0], str) else "thick: mean"
        parts.append(f"Thin: each of {seeds} seeds; {mean}.")
    if any(series.low is not None for series in figure.series):
        parts.append("Band: 95\u00a0% interval.")
    return " ".join(parts)


def _legend_bar(i: int) -> Markup:
    return Markup(
        f'<svg width="20" height="12" style="color: var({_VARIABLES[i]})" aria-hidden="true">'
        '<rect width="20" height="12" fill="currentColor"/></svg>'
    )


def _legend_line(i: int, series: Series) -> Markup:
    line = "" if series.shape == "dots" else '<path d="M0 6H34" stroke="currentColor" stroke-width="2"/>'
    mark = "" if series.shape == "steps" else _MARKS[LOOKS[i][1]]
    return Markup(
        f'<svg width="34" height="12" style="color: var({_VARIABLES[i]})" aria-hidden="true">{line}{mark}</svg>'
    )
