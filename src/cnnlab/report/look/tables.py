"""A layer's units as a table: the filter over its maps, a row for each image; and what excites each unit most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from markupsafe import Markup, escape
from numpy.typing import NDArray
from torch import Tensor

from cnnlab.anatomy import Layer
from cnnlab.data.imageset import ImageSet
from cnnlab.features.looking import AnsweredImage, Exciting, Look
from cnnlab.features.stages import Stage, filters
from cnnlab.numbers import signed
from cnnlab.report.pictures import LARGEST_SIDE, photograph, two_hues

#: Kernels of a filter that are drawn, at most.
KERNELS = 36


@dataclass(frozen=True)
class Cell:
    """A unit's answer to an image: a picture of its map, or its one value."""

    picture: str | None
    label: str


@dataclass(frozen=True)
class Weights:
    """Pictures of units' weights on the scale ±scale. kernels, of: how many a filter has, and are drawn."""

    pictures: list[str]
    scale: float
    size: tuple[int, int]
    kernels: int
    of: int
    is_filter: bool


@dataclass(frozen=True)
class UnitImages:
    """A unit with its strongest images, each with its value, and the image made for it."""

    name: str
    images: list[tuple[Markup, str]]
    made: Markup | None
    made_label: str


@dataclass(frozen=True)
class LayerView:
    """Everything that is shown of a layer.

    sees: rows and columns of pixels that a unit depends on, at most; sees_all: whether every unit depends on all.
    scale: of the maps, ±; shrunk: whether they were averaged down.
    """

    id: str
    name: str
    steps: str
    shape: str
    sees: tuple[int, int]
    sees_all: bool
    has_maps: bool
    total: int
    units: list[str]
    weights: Weights | None
    rows: list[tuple[AnsweredImage, list[Cell]]]
    scale: float
    shrunk: bool
    excited: list[UnitImages]
    is_answer: bool


def stage_view(look: Look, stage: Stage, *, number: int) -> LayerView:
    """A stage of a net as it is shown among the others."""
    chain = [stage.weighted.type]
    if stage.affine is not stage.weighted:
        chain.append(stage.affine.type)
    if stage.output is not stage.affine:
        chain.append("activation")
    return _view(
        look,
        stage.output,
        look.exciting[stage.name],
        id_=f"layer-{number}",
        name=stage.name,
        steps=" → ".join(chain),
        weighted=stage.weighted,
        is_answer=stage.is_answer,
    )


def layer_view(look: Look, layer: Layer, stage: Stage | None) -> LayerView:
    """One layer for itself; the filters are shown where it is the convolution or what is done to it on the spot."""
    return _view(
        look,
        layer,
        look.exciting[layer.name],
        id_="layer",
        name=layer.name,
        steps=layer.type,
        weighted=layer if stage is None else stage.weighted,
        is_answer=layer.name in look.anatomy.outputs,
    )


def _view(
    look: Look, layer: Layer, exciting: Exciting, *, id_: str, name: str, steps: str, weighted: Layer, is_answer: bool
) -> LayerView:
    units = exciting.units
    classes = look.data.classes
    is_classes = is_answer and layer.output_shape == (len(classes),)
    names = [classes[unit] if is_classes else str(unit) for unit in units]
    values = look.maps[layer.name][:, list(units)].double().cpu()
    values = _as_maps(values, layer)
    has_maps = values.dim() == 4 and values[0, 0].numel() > 1
    scale = float(values.abs().max())
    small, shrunk = _small(values) if has_maps else (values.flatten(1), False)
    rows = [
        (image, [_cell(one, whole, scale, has_maps) for one, whole in zip(small[i], values[i], strict=True)])
        for i, image in enumerate(look.images)
    ]
    return LayerView(
        id=id_,
        name=name,
        steps=steps,
        shape="×".join(map(str, layer.output_shape)),
        sees=(_most(layer.field.rows.seen), _most(layer.field.columns.seen)),
        sees_all=bool(layer.field.rows.seen.all() and layer.field.columns.seen.all()),
        has_maps=has_maps,
        total=look.maps[layer.name].shape[1],
        units=names,
        weights=_weights(weighted, units, look),
        rows=rows,
        scale=scale,
        shrunk=shrunk,
        excited=_unit_images(look, layer, exciting, names),
        is_answer=is_classes,
    )


def _most(seen: NDArray[np.bool_]) -> int:
    """seen: (positions, pixels)."""
    return int(seen.sum(axis=1).max())


def _as_maps(values: Tensor, layer: Layer) -> Tensor:
    """(N, units, …): tokens where their patches lie in the image, other values of a unit side by side."""
    if values.dim() in (2, 4):
        return values
    if values.dim() == 3 and _is_grid(layer, values.shape[2]):
        return values.unflatten(2, (len(layer.field.rows.seen), len(layer.field.columns.seen)))
    return values.flatten(2)[:, :, None]


def _is_grid(layer: Layer, places: int) -> bool:
    """Whether so many places are a map's, one row after the other."""
    rows, columns = layer.field.rows, layer.field.columns
    return rows.dim is not None and rows.dim == columns.dim and len(rows.seen) * len(columns.seen) == places


def _cell(small: Tensor, whole: Tensor, scale: float, has_maps: bool) -> Cell:
    if not has_maps:
        return Cell(None, signed(float(whole.flatten()[0])))
    says = f"from {signed(float(whole.min()))} to {signed(float(whole.max()))}"
    return Cell(two_hues(small.numpy(), scale=scale), says)


def _small(values: Tensor) -> tuple[Tensor, bool]:
    """(N, units, H, W) averaged down to sides that fit a page, and whether that was necessary."""
    height, width = values.shape[2:]
    if max(height, width) <= LARGEST_SIDE:
        return values, False
    sides = (min(height, LARGEST_SIDE), min(width, LARGEST_SIDE))
    return F.adaptive_avg_pool2d(values, sides), True


def _weights(layer: Layer, units: Sequence[int], look: Look) -> Weights | None:
    """A convolution's filters; a dense layer's weights where it is the first and has one for every pixel."""
    kernels = filters(layer)
    is_filter = kernels is not None
    if kernels is None:
        matrix = [one for one in layer.call.parameters.values() if one.dim() == 2]
        is_first = bool(look.stages) and layer.name == look.stages[0].name
        if not is_first or not matrix or matrix[0].shape[1] != math.prod(look.data.image_shape):
            return None
        kernels = matrix[0].detach().cpu().reshape(-1, *look.data.image_shape)
    shown = kernels[list(units)].double().numpy()
    scale = float(kernels.abs().max())
    height, width = shown.shape[2:]
    pictures = [two_hues(_side_by_side(one[:KERNELS]), scale=scale) for one in shown]
    return Weights(pictures, scale, (height, width), min(KERNELS, shown.shape[1]), shown.shape[1], is_filter)


def _side_by_side(kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, K, K) → one picture, row by row, a line of nothing between them."""
    if len(kernels) == 1:
        return kernels[0]
    count, height, width = kernels.shape
    columns = math.ceil(math.sqrt(count))
    rows = -(-count // columns)
    sheet = np.zeros((rows * (height + 1) - 1, columns * (width + 1) - 1))
    for i, kernel in enumerate(kernels):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        sheet[top : top + height, left : left + width] = kernel
    return sheet


def _unit_images(look: Look, layer: Layer, exciting: Exciting, names: Sequence[str]) -> list[UnitImages]:
    found = []
    for i, (unit, name) in enumerate(zip(exciting.units, names, strict=True)):
        best = exciting.strongest
        images = []
        for value, index, place in zip(best.values[unit], best.images[unit], best.places[unit], strict=True):
            says = signed(float(value))
            box = _box(layer, int(place[0]), int(place[1]))
            picture = _boxed(look.measured[index], box, label=f"validation image, {says}")
            images.append((picture, says))
        made, made_label = None, ""
        if exciting.made is not None:
            _, height, width = look.data.image_shape
            box = _middle_box(layer) or (0, 0, height, width)
            pixels = pixels_of(exciting.made.images[i], look.data)
            top, left, rows, columns = box
            made = _boxed(pixels[:, top : top + rows, left : left + columns], None, label=f"image made for unit {name}")
            made_label = signed(float(exciting.made.after[i]), 1)
        found.append(UnitImages(name, images, made, made_label))
    return found


def pixels_of(image: Tensor, data: ImageSet) -> Tensor:
    """A normalised image (C, H, W) as the pixels that it stands for, uint8."""
    mean, std = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (data.mean, data.std))
    return (255 * (image.double() * std + mean)).round().clamp(0, 255).byte()


Box = tuple[int, int, int, int]


def _box(layer: Layer, row: int, column: int) -> Box | None:
    """Top, left, rows and columns of the pixels that a unit sees; None where that is the whole image."""
    rows_seen, columns_seen = layer.field.rows.seen, layer.field.columns.seen
    if len(layer.output_shape) == 2 and _is_grid(layer, layer.output_shape[layer.call.unit_dim % 2]):
        row, column = divmod(row, len(columns_seen))  # of tokens the place is a number
    rows = rows_seen[min(row, len(rows_seen) - 1)].nonzero()[0]
    columns = columns_seen[min(column, len(columns_seen) - 1)].nonzero()[0]
    if not len(rows) or not len(columns):
        return None
    box = int(rows[0]), int(columns[0]), int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    return None if box[2:] == (rows_seen.shape[1], columns_seen.shape[1]) else box


def _middle_box(layer: Layer) -> Box | None:
    sides = [side for dim, side in enumerate(layer.output_shape, 1) if dim != layer.call.unit_dim]
    middle = [side // 2 for side in sides[:2]] or [0, 0]
    return _box(layer, middle[0], middle[-1])


def _boxed(pixels: Tensor, box: Box | None, *, label: str) -> Markup:
    """An image with a box around the pixels that count."""
    height, width = pixels.shape[1:]
    body = f'<image class="pixels" href="{photograph(pixels.numpy())}" width="{width}" height="{height}"/>'
    if box is not None:
        top, left, rows, columns = box
        body += f'<rect class="box" x="{left}" y="{top}" width="{columns}" height="{rows}"/>'
    return Markup(
        f'<svg class="map" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}">{body}</svg>'
    )
