"""The images of a set that excite a unit most, and where in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.features.activations import batches


@dataclass(frozen=True, eq=False)
class Strongest:
    """A layer's strongest images, unit by unit, the strongest first; an image counts once, at its strongest place.

    values: float (units, count). images: int64 (units, count), indices in the set. places: int64 (units, count, 2), row
    and column of the map's place; 0, 0 for a dense layer.
    """

    values: Tensor
    images: Tensor
    places: Tensor


def strongest(net: nn.Module, images: Tensor, layers: Iterable[str], *, count: int = 5) -> dict[str, Strongest]:
    """The `count` strongest images of every unit of some layers.

    images: float (N, C, H, W), normalised. Among equal values the first image stands first. Raises as `feature_maps`
    does.
    """
    peaks: dict[str, list[Peaks]] = {name: [] for name in layers}
    for _, found in batches(net, images, lambda _, values: Peaks.of(values), layers=peaks.keys()):
        for name, parts in peaks.items():
            parts.append(found[name])
    return {name: together(parts, count) for name, parts in peaks.items()}


@dataclass(frozen=True, eq=False)
class Peaks:
    """Of each image and unit the largest value and its place: float and int64 (N, units). width: places in a row."""

    values: Tensor
    places: Tensor
    width: int

    @classmethod
    def of(cls, found: Tensor) -> Peaks:
        """Of what a layer answers to images, float (N, units, …)."""
        width = found.shape[-1] if found.dim() == 4 else 1
        if found.dim() <= 2:
            return cls(found.clone(), torch.zeros_like(found, dtype=torch.int64), width)
        values, places = found.flatten(2).max(dim=2)
        return cls(values, places, width)


def together(parts: Sequence[Peaks], count: int) -> Strongest:
    """The `count` strongest of all images, whose peaks were taken some at a time, in order."""
    values = torch.cat([part.values for part in parts]).T  # (units, N)
    places = torch.cat([part.places for part in parts]).T
    order = values.argsort(dim=1, descending=True, stable=True)[:, :count]
    at, width = places.gather(1, order), parts[0].width
    return Strongest(
        values=values.gather(1, order).cpu(),
        images=order.cpu(),
        places=torch.stack([at // width, at % width], dim=2).cpu(),
    )
