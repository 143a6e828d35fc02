"""A net as a drawing: a row a layer, with its shape, its arithmetic and the receptive field that grows row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import accumulate
from math import log2, prod, sqrt

import numpy as np
from numpy.typing import NDArray

from cnnlab.anatomy.describe import Anatomy, Layer, field_text
from cnnlab.anatomy.signatures import VALUE_BY_VALUE
from cnnlab.report import svg
from cnnlab.report.svg import SMALL, STRONG, length, text

# The columns, left to right (units): lanes for the wires, the boxes, maps, words, the receptive field.
_MARGIN, _BOX_WIDTH, _MAP_WIDTH, _WORDS_WIDTH, _FIELD_WIDTH, _GAP = 6, 184, 50, 176, 94, 10
_BOX_HEIGHT, _LINE, _PICTURE = 46, 17, 44
_HEADER, _LEAST_ROW = 28, 74
#: Between two lanes at most and at least, and the radius of a wire's bends.
_LANE, _NARROW_LANE, _BEND = 11, 4, 7

_KINDS = {
    "convolution": ("#dbe8fb", "#7fa8e0", "#1c3252", "#5684c4"),
    "pooling": ("#d8f1e6", "#6dbb97", "#163d30", "#4a9c79"),
    "dense": ("#fde6d2", "#e0a06a", "#472c14", "#bd7a41"),
    "normalisation": ("#ece3f9", "#ae93d9", "#352850", "#8b6fc0"),
    "activation": ("#fdf0c4", "#d3b44e", "#40360f", "#a68b32"),
    "shape": ("#e8eaed", "#a9b0b9", "#2b3037", "#757e89"),
    "sum, cat": ("#fbdde6", "#dd8ea9", "#48202e", "#b96581"),
    "other": ("#f6f4ef", "#b8b2a3", "#2d2b26", "#807a6c"),
}
_RESHAPING = {
    "flatten", "unflatten", "reshape", "view", "permute", "transpose", "squeeze", "unsqueeze", "pad", "chunk", "split",
    "getitem", "upsample", "interpolate", "expand", "movedim", "pixel_shuffle", "pixel_unshuffle", "flip", "roll",
}  # fmt: skip


@dataclass(frozen=True)
class _Row:
    """What is drawn for the image (row 0) or a layer.

    sources: the rows it reads. words: lines beside it, the shape first. seen: which rows and columns of pixels the unit
    at the centre depends on.
    """

    name: str
    type: str
    kind: str
    sources: tuple[int, ...]
    shape: tuple[int, ...]
    words: tuple[str, ...]
    seen: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    field: str
    tooltip: str

    @property
    def height(self) -> float:
        return max(_LEAST_ROW, len(self.words) * _LINE + 22)


@dataclass(frozen=True)
class _Wire:
    """A line at the side that takes what some rows give to rows further down than the next.

    Either one source and its targets or one target and its sources, so that nothing is read into it that is not there.
    """

    sources: tuple[int, ...]
    targets: tuple[int, ...]


@dataclass(frozen=True)
class _Layout:
    """Where things are: the left edge of the boxes, and the middle and upper end of every row."""

    left: float
    middles: tuple[float, ...]
    lanes: dict[_Wire, float]

    @property
    def box_middle(self) -> float:
        return self.left + _BOX_WIDTH / 2

    @property
    def maps(self) -> float:
        return self.left + _BOX_WIDTH + _GAP

    @property
    def words(self) -> float:
        return self.maps + _MAP_WIDTH + _GAP

    @property
    def field_middle(self) -> float:
        return self.words + _WORDS_WIDTH + _FIELD_WIDTH / 2

    @property
    def width(self) -> float:
        return self.words + _WORDS_WIDTH + _FIELD_WIDTH + _MARGIN


def net_diagram(anatomy: Anatomy) -> str:
    """The net as one SVG for the body of a page or a file, top to bottom, one row a layer in execution order.

    A row shows the layer's box, coloured by kind; its output as maps to scale (a bar for values without places, its
    length to scale with their number's square root), the shape, the output-size formula filled in, parameters and
    multiply-adds; and in a frame of the image the receptive field of the unit at the centre of its output, clipped to
    the image. What a layer reads from further up than the row above comes in by a line at the left.
    """
    rows = _rows(anatomy)
    layout = _layout(rows)
    bottom = _HEADER + sum(row.height for row in rows)
    body = [
        *_head(layout),
        *(_wire(wire, layout) for wire in sorted(layout.lanes, key=lambda wire: -layout.lanes[wire])),
        *(_arrow_from_above(i, layout) for i, row in enumerate(rows) if i - 1 in row.sources),
        *(_drawn_row(row, i, rows, layout) for i, row in enumerate(rows)),
    ]
    legend, height = _legend(rows, layout, bottom)
    shape = "×".join(map(str, anatomy.input))
    return svg.drawing(
        "cnnlab-net",
        width=layout.width,
        height=height,
        title=f"{anatomy.net} on images of {shape}",
        description=f"{len(anatomy.layers)} layers from top to bottom, {anatomy.parameters:,} parameters, "
        f"{anatomy.macs:,} multiply-adds: "
        + "; ".join(f"{row.name} ({row.type}) {row.words[0]}, sees {row.field}" for row in rows[1:]),
        style=_style(),
        body=[*body, *legend],
    )


# Rows: what each one says.


def _rows(anatomy: Anatomy) -> list[_Row]:
    H, W = anatomy.input[1:]
    shape = _shape_words(anatomy.input)
    centre = tuple(np.arange(side) == side // 2 for side in (H, W))
    image = _Row("input", "image", "other", (), anatomy.input, (shape,), centre, "1×1", f"the image, {shape}")
    return [image, *(_layer_row(layer, is_output=layer.name in anatomy.outputs) for layer in anatomy.layers)]


def _layer_row(layer: Layer, *, is_output: bool) -> _Row:
    seen = tuple(axis.seen[len(axis.seen) // 2] for axis in (layer.field.rows, layer.field.columns))
    return _Row(
        name=layer.name,
        type=f"{layer.type} → output" if is_output else layer.type,
        kind=_kind(layer),
        sources=tuple(sorted({i + 1 for i in layer.call.inputs})),  # names will not do: a layer may be called "input"
        shape=layer.output_shape,
        words=tuple(_words(layer)),
        seen=seen,
        field=_field_words(layer, is_everything=all(axis.all() for axis in seen)),
        tooltip=_tooltip(layer),
    )


def _kind(layer: Layer) -> str:
    function = layer.call.function
    if function.startswith("conv"):
        return "convolution"
    if "pool" in function or function in ("mean", "amax"):
        return "pooling"
    if function in ("linear", "bilinear", "matmul", "mm", "bmm"):
        return "dense"
    if function.endswith("_norm") or function == "normalize":
        return "normalisation"
    if function in ("cat", "stack") or len(set(layer.inputs)) > 1:
        return "sum, cat"
    if function in _RESHAPING:
        return "shape"
    if "dropout" in function:
        return "other"
    return "activation" if function in VALUE_BY_VALUE or function.endswith("softmax") else "other"


def _words(layer: Layer) -> list[str]:
    formulas = list(layer.size_arithmetic)
    if len(formulas) == 2:
        formulas = [f"{letter}: {formula}" for letter, formula in zip("HW", formulas, strict=True)]
    if layer.parameters:
        formulas.append(f"{layer.parameters:,} parameters")
    if layer.shared:
        formulas.append(f"parameters shared with {', '.join(layer.shared)}")
    if layer.macs:
        formulas.append(f"{layer.macs:,} multiply-adds")
    lines = [line for formula in formulas for line in svg.wrapped(formula, _WORDS_WIDTH, SMALL)]
    return [_shape_words(layer.output_shape), *lines]


def _shape_words(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} values" if len(shape) == 1 else "×".join(map(str, shape))


def _field_words(layer: Layer, *, is_everything: bool) -> str:
    field = layer.receptive_field
    is_global = field.jump == 0 and field.kind == "exact"
    return "whole image" if is_everything and is_global else field_text(field)


def _tooltip(layer: Layer) -> str:
    lines = [
        f"{layer.name}: {layer.type}",
        f"reads {', '.join(layer.inputs)}",
        f"output {_shape_words(layer.output_shape)}",
        *layer.size_arithmetic,
    ]
    if layer.parameters:
        lines.append(f"parameters {layer.parameters_arithmetic or format(layer.parameters, ',')}")
    if layer.macs:
        lines.append(f"multiply-adds {layer.macs_arithmetic or format(layer.macs, ',')}")
    return "\n".join([*lines, f"field {field_text(layer.receptive_field)} ({layer.receptive_field.kind})"])


# Wires and the layout.


def _layout(rows: list[_Row]) -> _Layout:
    wires = _wires(
        [(source, target) for target, row in enumerate(rows) for source in row.sources if target > source + 1]
    )
    lanes = _lanes(wires)
    count = 1 + max(lanes.values(), default=-1)
    spacing = max(_NARROW_LANE, min(_LANE, 7 * _LANE / count)) if count else 0
    left = _MARGIN + (count * spacing + _GAP if count else 0)
    tops = accumulate((row.height for row in rows), initial=float(_HEADER))
    middles = tuple(top + row.height / 2 for top, row in zip(tops, rows, strict=False))
    return _Layout(left, middles, {wire: left - _GAP - (lane + 0.5) * spacing for wire, lane in lanes.items()})


def _wires(edges: list[tuple[int, int]]) -> list[_Wire]:
    """Edges gathered: all of a source that has several, then all that are left of a target that has several."""
    many = {source for source, count in Counter(source for source, _ in edges).items() if count > 1}
    by_source: dict[int, list[int]] = defaultdict(list)
    by_target: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        if source in many:
            by_source[source].append(target)
        else:
            by_target[target].append(source)
    return [
        *(_Wire((source,), tuple(sorted(targets))) for source, targets in by_source.items()),
        *(_Wire(tuple(sorted(sources)), (target,)) for target, sources in by_target.items()),
    ]


def _lanes(wires: list[_Wire]) -> dict[_Wire, int]:
    """A lane for every wire, 0 beside the boxes; no two wires of a lane meet. Short wires are inside."""
    lanes: dict[_Wire, int] = {}
    for wire in sorted(wires, key=lambda wire: (wire.targets[-1] - wire.sources[0], wire.sources, wire.targets)):
        taken = {lane for other, lane in lanes.items() if _meet(wire, other)}
        lanes[wire] = next(lane for lane in range(len(wires)) if lane not in taken)
    return lanes


def _meet(one: _Wire, two: _Wire) -> bool:
    """A wire comes into a box above the place where another leaves it, so one may end where another begins."""
    return one.sources[0] < two.targets[-1] and two.sources[0] < one.targets[-1]


def _wire(wire: _Wire, layout: _Layout) -> str:
    """The line from its first source to its last target, with bends to the rest, and arrowheads where it comes in."""
    lane = layout.lanes[wire]
    leaves = [layout.middles[source] + 14 for source in wire.sources]
    enters = [_entry(wire, target, layout) for target in wire.targets]
    outs = [f"M{_at(layout.left, y)}H{length(lane + _BEND)}Q{_at(lane, y)} {_at(lane, y + _BEND)}" for y in leaves]
    ins = [f"M{_at(lane, y - _BEND)}Q{_at(lane, y)} {_at(lane + _BEND, y)}H{length(layout.left - 4)}" for y in enters]
    trunk = f"M{_at(lane, leaves[0] + _BEND)}V{length(enters[-1] - _BEND)}"
    line = "".join([*outs, trunk, *ins])
    heads = "".join(f"M{_at(layout.left - 8, y - 4.5)}l8 4.5l-8 4.5z" for y in enters)
    drawn = (("halo", line), ("line", line), ("head", heads))
    return '<g class="wire">' + "".join(f'<path class="{css}" d="{path}"/>' for css, path in drawn) + "</g>"


def _entry(wire: _Wire, target: int, layout: _Layout) -> float:
    """The height at which a wire comes in: the inner ones above, so that no other wire of the row crosses them."""
    all_here = sorted(
        (other for other in layout.lanes if target in other.targets), key=lambda other: -layout.lanes[other]
    )
    step = min(9, 20 / max(1, len(all_here) - 1))
    return layout.middles[target] - 13 + step * all_here.index(wire)


def _arrow_from_above(i: int, layout: _Layout) -> str:
    x, top, end = layout.box_middle, layout.middles[i - 1] + _BOX_HEIGHT / 2, layout.middles[i] - _BOX_HEIGHT / 2
    return (
        f'<path class="line" d="M{_at(x, top)}V{length(end - 4)}"/>'
        f'<path class="head" d="M{_at(x - 4.5, end - 8)}l4.5 8l4.5 -8z"/>'
    )


def _at(x: float, y: float) -> str:
    return f"{length(x)} {length(y)}"


# What a row looks like.


def _head(layout: _Layout) -> list[str]:
    return [
        text(layout.box_middle, 16, "layer", "small muted middle"),
        text(layout.maps, 16, "output", "small muted"),
        text(layout.field_middle, 16, "sees", "small muted middle"),
    ]


def _drawn_row(row: _Row, i: int, rows: list[_Row], layout: _Layout) -> str:
    middle = layout.middles[i]
    return "\n".join(
        [
            f'<g class="row"><title>{svg.escaped(row.tooltip)}</title>',
            *_box(row, middle, layout),
            _maps(row, rows, middle, layout.maps),
            *_drawn_words(row, middle, layout.words),
            *_field(row, middle, layout.field_middle),
            "</g>",
        ]
    )


def _box(row: _Row, middle: float, layout: _Layout) -> list[str]:
    inside = _BOX_WIDTH - 12
    return [
        f'<rect class="box {_css(row.kind)}" x="{length(layout.left)}" y="{length(middle - _BOX_HEIGHT / 2)}" '
        f'width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="9"/>',
        text(layout.box_middle, middle - 3, svg.shortened(row.name, inside, STRONG, keep_end=True), "strong middle"),
        text(layout.box_middle, middle + 14, svg.shortened(row.type, inside, SMALL), "small middle"),
    ]


def _drawn_words(row: _Row, middle: float, x: float) -> list[str]:
    first = middle - (len(row.words) - 1) * _LINE / 2 + 5
    return [
        text(x, first, row.words[0], "strong"),
        *(text(x, first + i * _LINE, line, "small muted") for i, line in enumerate(row.words[1:], start=1)),
    ]


def _maps(row: _Row, rows: list[_Row], middle: float, x: float) -> str:
    """Sheets one behind another, more for more channels, to scale with the largest map; for bare values a bar."""
    if len(row.shape) == 1:
        most = max(row.shape[0] for row in rows if len(row.shape) == 1)
        height = max(3, _PICTURE * sqrt(row.shape[0] / most))
        return (
            f'<rect class="map" {_corner(x + 14, middle - height / 2)} width="8" height="{length(height)}" rx="1.5"/>'
        )
    height, width = _sheet(row.shape, rows)
    sheets = 1 + min(5, round(log2(max(1, prod(row.shape[:-2]))) / 2))
    step = 3
    top, left = middle - (height + (sheets - 1) * step) / 2, x + (36 - width) / 2 - 2
    return "".join(
        f'<rect class="map" {_corner(left + (sheets - 1 - i) * step, top + i * step)} '
        f'width="{length(width)}" height="{length(height)}"/>'
        for i in range(sheets)
    )


def _sheet(shape: tuple[int, ...], rows: list[_Row]) -> tuple[float, float]:
    """Height and width of a map of that shape on the scale of the net's largest, and never too small to be seen."""
    largest = max(side for row in rows for side in row.shape[-2:] if len(row.shape) > 1)
    height, width = (max(3, 32 * side / largest) for side in shape[-2:])
    return height, width


def _field(row: _Row, middle: float, x: float) -> list[str]:
    """The image's frame and, in its pixels' own coordinates, what the unit at the centre sees of it."""
    H, W = (len(axis) for axis in row.seen)
    scale = _PICTURE / max(H, W)
    left, top = x - W * scale / 2, middle - 10 - H * scale / 2
    pixels = "".join(
        f"M{column} {line}h{width}v{height}h-{width}z"
        for line, height in _runs(row.seen[0])
        for column, width in _runs(row.seen[1])
    )
    return [
        f'<g class="field" transform="translate({_at(left, top)}) scale({scale:.5g})" stroke-width="{0.7 / scale:.4g}">'
        f'<rect class="frame" width="{W}" height="{H}"/><path class="seen" d="{pixels}"/></g>',
        text(x, middle + 28, svg.shortened(row.field, _FIELD_WIDTH, SMALL), "small middle"),
    ]


def _runs(seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, how many) of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]])))
    return [(int(first), int(end - first)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _corner(x: float, y: float) -> str:
    return f'x="{length(x)}" y="{length(y)}"'


def _legend(rows: list[_Row], layout: _Layout, top: float) -> tuple[list[str], float]:
    """The kinds that occur with their colours, what `sees` means, and where it all ends."""
    present = {row.kind for row in rows[1:]}
    x, y, body = float(_MARGIN), top + 24, []
    for kind in (kind for kind in _KINDS if kind in present):
        width = 20 + svg.text_width(kind, SMALL) + 14
        if x + width > layout.width:
            x, y = float(_MARGIN), y + 22
        body.append(f'<rect class="box {_css(kind)}" {_corner(x, y - 11)} width="14" height="14" rx="4"/>')
        body.append(text(x + 20, y, kind, "small muted"))
        x += width
    note = (
        "Orange: the pixels that the unit at the centre of the layer’s output depends on. Sizes count what lies beyond "
        "the image’s border, too; ≤ where some pixels may not count."
    )
    for line in svg.wrapped(note, layout.width - 2 * _MARGIN, SMALL):
        y += 20
        body.append(text(_MARGIN, y, line, "small muted"))
    return body, y + 12


def _css(kind: str) -> str:
    return "kind-" + kind.replace(", ", "-")


def _style() -> str:
    light, dark = (
        "\n".join(
            f".cnnlab-net .{_css(kind)} {{ fill: {colours[i]}; stroke: {colours[i + 1]}; }}"
            for kind, colours in _KINDS.items()
        )
        for i in (0, 2)
    )
    return f"""
.cnnlab-net .box {{ stroke-width: 1.2; }}
.cnnlab-net .line {{ fill: none; stroke: var(--svg-muted); stroke-width: 1.6; }}
.cnnlab-net .head {{ fill: var(--svg-muted); }}
.cnnlab-net .halo {{ fill: none; stroke: var(--svg-page); stroke-width: 4.5; }}
.cnnlab-net .wire .line {{ stroke: var(--svg-link); }}
.cnnlab-net .wire .head {{ fill: var(--svg-link); }}
.cnnlab-net .map {{ fill: var(--svg-raised); stroke: var(--svg-muted); }}
.cnnlab-net .frame {{ fill: var(--svg-raised); stroke: var(--svg-muted); }}
.cnnlab-net .seen {{ fill: #e07f2b; stroke: #e07f2b; }}
{light}
@media screen and (prefers-color-scheme: dark) {{
{dark}
}}
"""
