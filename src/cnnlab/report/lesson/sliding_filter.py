"""The lesson's sliding filter as a drawing that moves: an image, a kernel, and the feature map that fills in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from math import ceil, log10

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from cnnlab.formulas import conv2d
from cnnlab.numbers import signed
from cnnlab.report import svg
from cnnlab.report.pictures import NEGATIVE, POSITIVE, photograph, two_hues
from cnnlab.report.svg import SMALL, STRONG, length, text, text_width

#: Units: the longer side of the padded image, margins and gaps, a line of text.
_SIDE, _MARGIN, _GAP, _LINE = 196.0, 8, 24, 19
#: Units of the map's scale of colours.
_SCALE = 120
#: Decimals up to which numbers are written as they are.
_EXACT = 2
#: Height of a kernel's cell, and of a cell that holds a product and how it comes about.
_KERNEL_CELL, _PRODUCT_CELL = 36, 46
#: Full colour behind numbers: a share of what it is elsewhere, so that they stay readable.
_BEHIND_NUMBERS = 0.6
#: Milliseconds a position: at least, at most, and between them what makes a round take about the third number.
_QUICKEST_MS, _SLOWEST_MS, _ROUND_MS = 30, 500, 30_000

_Real = float | np.floating


@dataclass(frozen=True)
class _Sliding:
    """Image X (H, W), kernel K (K, K), feature map Y; the position whose sum is written out."""

    X: NDArray[np.floating]
    K: NDArray[np.floating]
    Y: NDArray[np.floating]
    stride: int
    padding: int

    @property
    def position(self) -> tuple[int, int]:
        """Where the map's value is furthest from 0 (the first such); in the middle if all are 0."""
        rows, columns = self.Y.shape
        at = int(np.abs(self.Y).argmax()) if self.Y.any() else (rows // 2) * columns + columns // 2
        return at // columns, at % columns

    @property
    def value(self) -> float:
        return float(self.Y[self.position])

    @property
    def padded(self) -> NDArray[np.floating]:
        return np.pad(self.X, self.padding)

    @property
    def window(self) -> NDArray[np.floating]:
        """The pixels (K, K) under the kernel at `position`; 0 in the padding."""
        row, column = (self.stride * at for at in self.position)
        return self.padded[row : row + len(self.K), column : column + len(self.K)]

    @property
    def decimals(self) -> int:
        """Decimals of the written sum: as many as its factors and products need, so that it can be followed."""
        return max(_decimals(values) for values in (self.X, self.K, self.window * self.K))

    @property
    def cell(self) -> float:
        """Units a pixel, in the image and in the map alike."""
        return _SIDE / max(self.padded.shape)

    @property
    def weight_width(self) -> float:
        """Units a cell of the kernel: as wide as its longest number."""
        decimals = _decimals(self.K)
        return max(38.0, max(text_width(_figure(w, decimals)) for w in self.K.flat) + 8)

    @property
    def titles(self) -> tuple[str, str, str]:
        """What stands above image, kernel and map."""
        image, kernel, feature_map = (
            f"{rows}×{columns}" for rows, columns in (self.X.shape, self.K.shape, self.Y.shape)
        )
        return f"image {image}", f"kernel {kernel}", f"feature map {feature_map}"

    @property
    def name(self) -> str:
        """A class of its own for the drawing's own movement: the same for the same drawing."""
        content = (
            repr((self.X.shape, self.K.shape, self.stride, self.padding)).encode() + self.X.tobytes() + self.K.tobytes()
        )
        return "cnnlab-slide-" + hashlib.sha256(content).hexdigest()[:10]


def sliding_filter(
    image: NDArray[np.floating], kernel: NDArray[np.floating], *, stride: int = 1, padding: int = 0
) -> str:
    """The drawing as one SVG: a window moves over the image and the feature map fills in, round and round.

    image: float (H, W); kernel: float (K, K), laid on as it is (a cross-correlation). Beneath, the sum of one position,
    the one whose value is furthest from 0, is written out product by product. It moves by CSS alone, stops under a
    pointer, and stands still, the map whole, for those who want less motion and in print. Raises ValueError where the
    kernel is larger than the padded image.
    """
    X, K = np.asarray(image, dtype=float), np.asarray(kernel, dtype=float)
    sliding = _Sliding(
        X, K, conv2d(X[None, None], K[None, None], stride=stride, padding=padding)[0, 0], stride, padding
    )
    image_title, kernel_title, map_title = sliding.titles
    kernel_left = _MARGIN + max(sliding.padded.shape[1] * sliding.cell, text_width(image_title, STRONG)) + _GAP
    map_left = kernel_left + max(len(K) * sliding.weight_width, text_width(kernel_title, STRONG)) + _GAP
    width = max(
        map_left + max(sliding.Y.shape[1] * sliding.cell, text_width(map_title, STRONG), _SCALE),
        _MARGIN + len(K) * _product_width(sliding),
        _MARGIN + text_width(_above(sliding)),
        _MARGIN + text_width(_below(sliding), STRONG),
    )
    body = [*_image(sliding), *_kernel(sliding, kernel_left), *_feature_map(sliding, map_left)]
    sum_top = 28 + max(sliding.padded.shape[0] * sliding.cell + 46, len(K) * _KERNEL_CELL) + _LINE
    products, height = _products(sliding, sum_top)
    return svg.drawing(
        f"cnnlab-slide {sliding.name}",
        width=width + _MARGIN,
        height=height,
        title=f"Sliding filter: {image_title}, {kernel_title}, {map_title}",
        description=f"The kernel visits every place of the image (stride {stride}, padding {padding}) and leaves one "
        f"value at each: the feature map. {_above(sliding)} {_sum_words(sliding)}.",
        style=_STYLE + _movement(sliding),
        body=[*body, *products],
    )


def by_hand(image: NDArray[np.floating], kernel: NDArray[np.floating]) -> Markup:
    """Where the lesson's script lets the reader slide the window and change the kernel; nothing without scripts.

    image: float (H, W), 0–1, of which two decimals are handed on; kernel: float (K, K).
    """
    record = {"image": np.round(image, 2).tolist(), "kernel": np.asarray(kernel, dtype=float).tolist()}
    return Markup('<div class="by-hand" hidden data-sliding="{}"></div>').format(json.dumps(record))


# The three pictures.


def _image(sliding: _Sliding) -> list[str]:
    X, cell, padding = sliding.X, sliding.cell, sliding.padding
    (H, W), (rows, columns) = X.shape, sliding.padded.shape
    low, high = float(X.min()), float(X.max())
    shades = _shades(X, low, high)
    address = photograph(shades[None])
    decimals = _decimals(np.array([low, high]))
    scale = f"black {_figure(low, decimals)}, white {_figure(high, decimals)}"
    return [
        text(_MARGIN, 18, sliding.titles[0], "strong"),
        f'<g transform="translate({_MARGIN} 28)">',
        f'<rect class="padding" width="{length(columns * cell)}" height="{length(rows * cell)}"/>',
        _picture(address, padding * cell, padding * cell, W * cell, H * cell),
        _grid(H, W, cell, padding * cell),
        _stated_frame(sliding, len(sliding.K) * cell, sliding.stride * cell),
        _moving_frame(len(sliding.K) * cell),
        "</g>",
        text(_MARGIN, 28 + rows * cell + _LINE, scale, "small muted"),
        *([text(_MARGIN, 28 + rows * cell + 2 * _LINE, f"padding {padding}: zeros", "small muted")] if padding else []),
    ]


def _kernel(sliding: _Sliding, left: float) -> list[str]:
    K, decimals, width = sliding.K, _decimals(sliding.K), sliding.weight_width
    most = float(np.abs(K).max())
    cells = [
        f'<g class="weight"><rect {_signed_fill(weight, most)} x="{length(left + v * width)}" '
        f'y="{28 + u * _KERNEL_CELL}" width="{length(width)}" height="{_KERNEL_CELL}"/>'
        + text(left + (v + 0.5) * width, 28 + (u + 0.5) * _KERNEL_CELL + 5, _figure(weight, decimals), "middle")
        + "</g>"
        for (u, v), weight in np.ndenumerate(K)
    ]
    return [text(left, 18, sliding.titles[1], "strong"), *cells]


def _feature_map(sliding: _Sliding, left: float) -> list[str]:
    Y, cell = sliding.Y, sliding.cell
    (rows, columns), most = Y.shape, float(np.abs(sliding.Y).max())
    scale = _figure(most, _decimals(Y))
    bottom = 28 + rows * cell
    ramp = two_hues(np.linspace(-most, most, 97)[None], scale=most)
    return [
        text(left, 18, sliding.titles[2], "strong"),
        f'<g transform="translate({length(left)} 28)">',
        _picture(two_hues(Y, scale=most), 0, 0, columns * cell, rows * cell),
        _covers(sliding),
        _grid(rows, columns, cell, 0),
        _stated_frame(sliding, cell, cell),
        "</g>",
        _picture(ramp, left, bottom + 10, _SCALE, 9),
        text(left, bottom + 35, f"−{scale}" if most else "0", "small muted"),
        text(left + _SCALE / 2, bottom + 35, "0", "small muted middle"),
        text(left + _SCALE, bottom + 35, f"+{scale}" if most else "0", "small muted end"),
    ]


def _picture(address: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<image href="{address}" x="{length(x)}" y="{length(y)}" width="{length(width)}" height="{length(height)}" '
        'preserveAspectRatio="none"/>'
    )


def _grid(rows: int, columns: int, cell: float, offset: float) -> str:
    """Lines between cells, where cells are large enough for lines."""
    if cell < 4:
        rows_drawn, columns_drawn = (0, rows), (0, columns)
    else:
        rows_drawn, columns_drawn = tuple(range(rows + 1)), tuple(range(columns + 1))
    across = "".join(f"M{length(offset)} {length(offset + i * cell)}h{length(columns * cell)}" for i in rows_drawn)
    down = "".join(f"M{length(offset + i * cell)} {length(offset)}v{length(rows * cell)}" for i in columns_drawn)
    return f'<path class="grid" d="{across}{down}"/>'


def _stated_frame(sliding: _Sliding, side: float, step: float) -> str:
    """A frame around the stated position, on a ground of its own so that it shows on black and on white."""
    row, column = sliding.position
    outside = 1.5  # around the cell, not over it
    place = (
        f'x="{length(column * step - outside)}" y="{length(row * step - outside)}" '
        f'width="{length(side + 2 * outside)}" height="{length(side + 2 * outside)}"'
    )
    return f'<g class="stated"><rect class="under" {place}/><rect class="over" {place}/></g>'


# The movement: `down` takes what it holds one row further each time that `across` has gone through a row.


def _moving_frame(side: float) -> str:
    place = f'width="{length(side)}" height="{length(side)}"'
    frame = f'<rect class="under" {place}/><rect class="over" {place}/>'
    return f'<g class="moving"><g class="down by-stride"><g class="across by-stride">{frame}</g></g></g>'


def _covers(sliding: _Sliding) -> str:
    """What hides the values still to come, the rest of the row and all rows beneath; a frame around the newest."""
    cell = sliding.cell
    height, width = (side * cell for side in sliding.Y.shape)
    rest = f'<rect class="empty" x="{length(cell)}" width="{length(width + 1)}" height="{length(cell + 0.5)}"/>'
    beneath = f'<rect class="empty" y="{length(cell)}" width="{length(width + 1)}" height="{length(height)}"/>'
    now = f'<rect class="over now" width="{length(cell)}" height="{length(cell)}"/>'
    # Half a unit more than the map: else its edge shines through where the two end within one pixel of the screen.
    return (
        f'<svg class="moving" width="{length(width + 0.5)}" height="{length(height + 0.5)}">'
        f'<g class="down">{beneath}<g class="across">{rest}{now}</g></g></svg>'
    )


def _movement(sliding: _Sliding) -> str:
    """CSS that moves this drawing. After the last row everything stands out of sight for some rows' time."""
    (rows, columns), name = sliding.Y.shape, sliding.name
    a_position = min(_SLOWEST_MS, max(_QUICKEST_MS, round(_ROUND_MS / (rows * columns))))
    a_row, rest = a_position * columns, max(1, round(rows / 6))
    done = f"{100 * rows / (rows + rest):.6f}%"
    by_one = sliding.cell
    by_stride = by_one * sliding.stride

    def across(step: float) -> str:
        return f"to {{ transform: translateX({length(columns * step)}px); }}"

    def down(step: float) -> str:
        end = f"transform: translateY({length(rows * step)}px)"
        return (
            f"0% {{ transform: none; animation-timing-function: steps({rows}); }} "
            f"{done} {{ {end}; animation-timing-function: step-start; }} 100% {{ transform: translateY(9999px); }}"
        )

    keyframes = "\n".join(
        f"@keyframes {name}-{movement.__name__}-{size} {{ {movement(step)} }}"
        for movement in (across, down)
        for size, step in (("one", by_one), ("stride", by_stride))
    )
    rules = "\n".join(
        f"  .{name} .{movement}{css} {{ animation: {name}-{movement}-{size} {timing} infinite; }}"
        for css, size in (("", "one"), (".by-stride", "stride"))
        for movement, timing in (
            ("across", f"{a_row}ms steps({columns})"),
            ("down", f"{a_row * (rows + rest)}ms"),
        )
    )
    return f"{keyframes}\n@media screen and (prefers-reduced-motion: no-preference) {{\n{rules}\n}}\n"


# The sum of one position.


def _products(sliding: _Sliding, top: float) -> tuple[list[str], float]:
    """A cell a product, `pixel · weight` above what it comes to; the sum beneath. And where all that ends."""
    products = sliding.window * sliding.K
    most, decimals, width = float(np.abs(products).max()), sliding.decimals, _product_width(sliding)
    cells = []
    for (u, v), product in np.ndenumerate(products):
        x, y = _MARGIN + v * width, top + 14 + u * _PRODUCT_CELL
        cells.append(
            f'<g class="product"><rect {_signed_fill(product, most)} x="{length(x)}" y="{length(y)}" '
            f'width="{length(width)}" height="{_PRODUCT_CELL}"/>'
            + text(x + width / 2, y + 18, _factors(sliding, u, v), "small middle")
            + text(x + width / 2, y + 37, _figure(product, decimals), "strong middle")
            + "</g>"
        )
    bottom = top + 14 + len(sliding.K) * _PRODUCT_CELL
    side = f'width="{length(len(sliding.K) * width)}" height="{length(bottom - top - 14)}"'
    body = [
        text(_MARGIN, top, _above(sliding)),
        *cells,
        f'<g class="stated"><rect class="over" x="{_MARGIN}" y="{length(top + 14)}" {side}/></g>',
        text(_MARGIN, bottom + 24, _below(sliding), "strong sum"),
        text(_MARGIN, bottom + 24 + _LINE, "Hold the pointer over the drawing to stop it.", "small muted hint"),
    ]
    return body, bottom + 24 + _LINE + 12


def _product_width(sliding: _Sliding) -> float:
    widths = [text_width(_factors(sliding, u, v), SMALL) for u, v in np.ndindex(sliding.K.shape)]
    return max(64.0, max(widths) + 12)


def _factors(sliding: _Sliding, u: int, v: int) -> str:
    pixel = _figure(sliding.window[u, v], _decimals(sliding.padded))
    return f"{pixel} · {_in_brackets(_figure(sliding.K[u, v], _decimals(sliding.K)))}"


def _above(sliding: _Sliding) -> str:
    row, column = sliding.position
    summands = (sliding.window, sliding.K, sliding.window * sliding.K)
    rounding = "" if all(_is_written_out(v, sliding.decimals) for v in summands) else ", rounded"
    return f"The window at row {row}, column {column} (counted from 0): pixel · weight{rounding}."


def _below(sliding: _Sliding) -> str:
    row, column = sliding.position
    value = _figure(sliding.value, sliding.decimals)
    return f"The {sliding.K.size} products add up to {value}: the map’s value at row {row}, column {column}."


def _sum_words(sliding: _Sliding) -> str:
    """The whole sum in one line, for those who hear the drawing."""
    terms = " + ".join(_factors(sliding, u, v) for u, v in np.ndindex(sliding.K.shape))
    return f"{terms} = {_figure(sliding.value, sliding.decimals)}"


# Numbers and shades.


def _shades(X: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    spread = high - low
    return np.rint(255 * (X - low) / spread).astype(np.uint8) if spread else np.full(X.shape, 128, np.uint8)


def _signed_fill(value: _Real, most: float) -> str:
    """Orange above 0, blue below, as in `pictures.two_hues`, but paler, for numbers to stand on."""
    opacity = _BEHIND_NUMBERS * abs(value) / most if most else 0
    return f'fill="rgb{POSITIVE if value > 0 else NEGATIVE}" fill-opacity="{opacity:.3f}"'.replace(", ", " ")


def _decimals(values: NDArray[np.floating]) -> int:
    """Decimals that show all values as they are, if two do, else three significant figures of the largest."""
    for decimals in range(_EXACT + 1):
        if _is_written_out(values, decimals):
            return decimals
    return min(6, max(_EXACT, 3 - ceil(log10(float(np.abs(values).max())))))


def _is_written_out(values: NDArray[np.floating], decimals: int) -> bool:
    """Whether that many decimals show all values as they are, up to what adding 0.1 and 0.2 does."""
    return np.allclose(np.round(values, decimals), values, rtol=1e-12, atol=1e-12)


def _figure(value: _Real, decimals: int) -> str:
    """−1.27 with a minus as wide as a plus; what rounds to 0 has no sign."""
    return signed(round(float(value), decimals) + 0.0, decimals)


def _in_brackets(figure: str) -> str:
    return f"({figure})" if figure.startswith("−") else figure


_STYLE = """
.cnnlab-slide text { font-variant-numeric: tabular-nums; }
.cnnlab-slide text.end { text-anchor: end; }
.cnnlab-slide image { image-rendering: pixelated; }
.cnnlab-slide .padding, .cnnlab-slide .empty { fill: var(--svg-raised); }
.cnnlab-slide .grid { fill: none; stroke: #7d8690; stroke-opacity: .45; stroke-width: .6; }
.cnnlab-slide .weight rect, .cnnlab-slide .product rect { stroke: var(--svg-line); }
.cnnlab-slide .under { fill: none; stroke: var(--svg-page); stroke-width: 4.5; }
.cnnlab-slide .over { fill: none; stroke: var(--svg-ink); stroke-width: 2; }
.cnnlab-slide .now { stroke-width: 1.2; }
.cnnlab-slide .stated .over { stroke: var(--svg-mark); }
.cnnlab-slide .moving, .cnnlab-slide .hint { display: none; }
.cnnlab-slide:hover .across, .cnnlab-slide:hover .down { animation-play-state: paused !important; }
@media screen and (prefers-reduced-motion: no-preference) {
  .cnnlab-slide .moving, .cnnlab-slide .hint { display: inline; }
}
"""
