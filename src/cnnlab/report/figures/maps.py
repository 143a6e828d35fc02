"""A claim's pictures of numbers: small ones cell by cell, large ones as images, with tint, outline and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from cnnlab.figures import Map, Maps
from cnnlab.numbers import true_minus
from cnnlab.report import pictures

#: Cells up to which each is drawn for itself.
_CELLS = 100

#: Tint of marked pixels, as opaque as this.
_TINT = 0.55


@dataclass(frozen=True)
class DrawnMap:
    """A picture and what stands under it."""

    title: str
    picture: Markup


def draw_maps(figure: Maps) -> list[DrawnMap]:
    """Draw every map of a figure."""
    return [DrawnMap(one.title, _draw(one)) for one in figure.maps]


def _draw(one: Map) -> Markup:
    height, width = one.values.shape
    body = _cells(one) if one.values.size <= _CELLS else _image(_picture(one), width, height)
    body += f'<rect class="frame" width="{width}" height="{height}"/>'
    if one.marks is not None:
        body += _image(pictures.two_hues(one.marks * _TINT, scale=1), width, height)
    if one.box is not None:
        top, left, rows, columns = one.box
        body += f'<rect class="box" x="{left}" y="{top}" width="{columns}" height="{rows}"/>'
    return Markup(
        f'<svg class="map" role="img" aria-label="{escape(one.title)}" viewBox="0 0 {width} {height}">{body}</svg>'
    )


def _picture(one: Map) -> str:
    if one.kind == "gray":
        return pictures.photograph(np.rint(255 * np.clip(one.values, 0, 1)).astype(np.uint8)[None])
    return pictures.two_hues(one.values, scale=one.scale)


def _image(address: str, width: int, height: int) -> str:
    return f'<image class="pixels" href="{address}" width="{width}" height="{height}"/>'


def _cells(one: Map) -> str:
    parts = []
    for (row, column), value in np.ndenumerate(one.values):
        hue = pictures.POSITIVE if value > 0 else pictures.NEGATIVE
        strength = min(1.0, abs(value) / one.scale)
        parts.append(
            f'<rect class="cell" x="{column}" y="{row}" width="1" height="1" fill="rgb{hue}" '
            f'fill-opacity="{strength:.2f}"/>'
        )
        if one.has_numbers:
            says = true_minus(f"{value:g}")
            parts.append(f'<text x="{column + 0.5}" y="{row + 0.66}">{says}</text>')
    return "".join(parts)
