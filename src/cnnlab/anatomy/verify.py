"""Receptive fields put to the test: the pixels that a unit's gradient reaches are those that it depends on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.anatomy.describe import Anatomy, describe
from cnnlab.anatomy.fields import Field
from cnnlab.anatomy.signatures import VALUE_BY_VALUE
from cnnlab.anatomy.walk import walk

#: Random images a round.
_IMAGES = 16


@dataclass(frozen=True)
class FieldCheck:
    """A layer's computed fields against gradients, for sampled units.

    units: their (row, column). pixels: in the units' computed fields together; reached: those of them with a nonzero
    gradient in at least one random image; outside: pixels with a nonzero gradient that the field does not hold. 0
    outside is right; reached < pixels means that ReLU or max never chose some of them in the images tried, or, for an
    upper bound, that no unit sees them.
    """

    layer: str
    units: tuple[tuple[int, int], ...]
    pixels: int
    reached: int
    outside: int

    @property
    def is_filled(self) -> bool:
        """Whether the gradient reached the very pixels of the field."""
        return self.outside == 0 and self.reached == self.pixels


def verify_fields(
    net: nn.Module, input_shape: tuple[int, int, int] = (1, 28, 28), *, rounds: int = 12, seed: int = 0
) -> list[FieldCheck]:
    """Check the receptive field of every layer that changes it: corners, centre and a random unit of each.

    Works in float64 on a copy; goes on for up to `rounds` × 16 random images until each field is filled. Raises
    UserError as `describe` does.
    """
    anatomy = describe(net, input_shape)
    layers = [(i, layer) for i, layer in enumerate(anatomy.layers) if _is_worth_it(anatomy, i)]
    chosen = {i: _units(layer.field, np.random.default_rng(seed + i)) for i, layer in layers}
    reached: dict[tuple[int, tuple[int, int]], NDArray[np.bool_]] = {}
    skipped: set[int] = set()
    for number in range(rounds):
        open_ones = [
            (i, unit)
            for i, layer in layers
            for unit in chosen[i]
            if i not in skipped and not _is_full(reached.get((i, unit)), layer.field.of(*unit))
        ]
        if not open_ones:
            break
        trace = walk(net, input_shape, batch=_IMAGES, seed=seed + 1 + number, dtype=torch.float64)
        for i, unit in open_ones:
            result = trace.results[i]
            is_followed = result is not None and result.requires_grad and result.is_floating_point()
            if result is None or not is_followed or result.shape[:1] != (_IMAGES,):
                skipped.add(i)
                continue
            pixels = _reached(result, anatomy.layers[i].field, unit, trace.images, seed + number)
            reached[i, unit] = reached.get((i, unit), np.zeros_like(pixels)) | pixels
    checks = []
    for i, layer in layers:
        if i in skipped:
            continue
        fields = [layer.field.of(*unit) for unit in chosen[i]]
        found = [reached[i, unit] for unit in chosen[i]]
        checks.append(
            FieldCheck(
                layer=layer.name,
                units=tuple(chosen[i]),
                pixels=sum(int(one.sum()) for one in fields),
                reached=sum(int((one & other).sum()) for one, other in zip(fields, found, strict=True)),
                outside=sum(int((other & ~one).sum()) for one, other in zip(fields, found, strict=True)),
            )
        )
    return checks


def _is_worth_it(anatomy: Anatomy, i: int) -> bool:
    """Layers that work value by value on one input have that input's field."""
    layer = anatomy.layers[i]
    return bool(layer.inputs) and (layer.call.function not in VALUE_BY_VALUE or len(layer.inputs) > 1)


def _units(field: Field, random: np.random.Generator) -> list[tuple[int, int]]:
    if field.rows.dim is None and field.columns.dim is None:
        return [(0, 0)]
    rows, columns = len(field.rows.seen), len(field.columns.seen)
    corners = product((0, rows - 1), (0, columns - 1))
    one = (int(random.integers(rows)), int(random.integers(columns)))
    return list(dict.fromkeys([*corners, (rows // 2, columns // 2), one]))


def _is_full(found: NDArray[np.bool_] | None, field: NDArray[np.bool_]) -> bool:
    return found is not None and bool((found >= field).all())


def _reached(result: Tensor, field: Field, unit: tuple[int, int], images: Tensor, seed: int) -> NDArray[np.bool_]:
    """Bool (H, W): pixels with a nonzero gradient of the unit, all its channels in a random mixture, in any image."""
    values = result
    for axis, position in sorted(((field.rows, unit[0]), (field.columns, unit[1])), key=lambda one: -(one[0].dim or 0)):
        if axis.dim is None:
            continue
        if field.rows.dim == field.columns.dim:  # flattened maps: every channel's value at the unit's place
            places = len(field.rows.seen) * len(field.columns.seen)
            index = unit[0] * len(field.columns.seen) + unit[1]
            values = values[:, :].unflatten(axis.dim, (-1, places)).select(axis.dim + 1, index)
            break
        values = values.select(axis.dim, position)
    values = values.reshape(len(images), -1)
    mixture = torch.randn(values.shape[1], generator=torch.Generator().manual_seed(seed), dtype=values.dtype)
    (gradient,) = torch.autograd.grad((values * mixture.to(values.device)).sum(), images, retain_graph=True)
    return (gradient != 0).any(dim=1).any(dim=0).cpu().numpy()
