"""From a matplotlib figure to an inline SVG that wears the page's colours and font.

Colours are drawn as sentinels and replaced by the page's CSS variables, so that one drawing serves light and dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Generator
from contextlib import contextmanager

import matplotlib.style
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# No sentinel is black: matplotlib leaves black out of what it writes.
INK, MUTED, GRID, PAGE = "#010203", "#020304", "#030405", "#070809"
SEEN, REMEASURED, VALIDATION = "#040506", "#050607", "#060708"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAGE: "--page",
    SEEN: "--seen",
    REMEASURED: "--remeasured",
    VALIDATION: "--validation",
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cnnlab",
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
    "text.color": INK,
    "figure.facecolor": "none",
    "lines.linewidth": 1.7,
    "lines.markersize": 5,
}


#: CSS pixels of a chart: a phone shows it at nearly this size, so that its text stays readable.
WIDTH = 380


@contextmanager
def drawing() -> Generator[None]:
    """The charts' settings, whatever the user's own matplotlib says; both are as before afterwards."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


def blank(height: float) -> Figure:
    """An empty figure of WIDTH by that many CSS pixels."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    return figure


def panel(figure: Figure, left: float, bottom: float, right: float, top: float) -> Axes:
    """Axes with margins in CSS pixels, the same for any content, so that neighbouring charts line up."""
    width, height = figure.get_size_inches() * 72
    return figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, 1 - (top + bottom) / height))


def inline_svg(figure: Figure, *, name: str, label: str) -> Markup:
    """The figure as an `<svg>` for the body of a page. Call it within `drawing()`.

    name: prefixed to all ids, so that figures of one page cannot take each other's. label: what a screen reader says.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # matplotlib's own style names every element (`*`): inline it would reach the whole page.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    ids = re.findall(r' id="([^"]+)"', svg)
    used = set(re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', svg))
    for found in dict.fromkeys(ids):
        if any(found in pair for pair in used):
            svg = re.sub(rf'(id="|url\(#|href="#){re.escape(found)}(?=["\)])', rf"\g<1>{name}-{found}", svg)
        else:
            svg = svg.replace(f' id="{found}"', "")
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r"font: (?:\d+ )?([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    for sentinel, variable in _VARIABLES.items():
        svg = svg.replace(sentinel, f"var({variable})")
    view_box = re.search(r'viewBox="[^"]+"', svg)
    assert view_box is not None  # matplotlib always writes one
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    opening = f'<svg class="chart" role="img" aria-label="{escape(label)}" {view_box.group()}>'
    return Markup(re.sub(r"^<svg[^>]*>", lambda _: opening, svg).strip())


def percent_axis(axis: Axis) -> None:
    """Write shares as `95 %` and `97.5 %`, as the text does."""
    axis.set_major_formatter(lambda share, _: f"{round(100 * share, 6):g}\u00a0%")
