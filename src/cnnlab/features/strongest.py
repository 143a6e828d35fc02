"""The images of a set that excite a unit most, and where in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

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
    for _, found in batches(net, images, lambda _, values: Peaks.of(values, count), layers=peaks.keys()):
        for name, parts in peaks.items():
            parts.append(found[name])
    return {name: together(parts, count) for name, parts in peaks.items()}


@dataclass(frozen=True, eq=False)
class Peaks:
    """Of some images those that excite a unit most, the strongest first, each at its strongest place.

    count: how many images these were taken from. values: float (units, K); images, places: int64 (units, K), counted
    from the first of these images and along the rows of the map. width: places in a row.
    """

    count: int
    values: Tensor
    images: Tensor
    places: Tensor
    width: int

    @classmethod
    def of(cls, found: Tensor, most: int) -> Peaks:
        """Of what a layer answers to images, float (N, units, …), at most so many a unit."""
        maps = found.flatten(2) if found.dim() > 2 else found.reshape(len(found), -1, 1)  # (N, units, places)
        # The place is looked for in a few maps alone: finding it takes ten times as long as the largest value.
        order = maps.amax(dim=2).T.argsort(dim=1, descending=True, stable=True)[:, :most]
        values, places = maps[order, torch.arange(maps.shape[1], device=maps.device)[:, None]].max(dim=2)
        return cls(len(maps), values, order, places, found.shape[-1] if found.dim() == 4 else 1)


def together(parts: Sequence[Peaks], count: int) -> Strongest:
    """The `count` strongest of all images, of which parts were looked at one after another; parts keep as many."""
    starts = accumulate((part.count for part in parts), initial=0)
    values = torch.cat([part.values for part in parts], dim=1)
    images = torch.cat([part.images + start for part, start in zip(parts, starts, strict=False)], dim=1)
    places = torch.cat([part.places for part in parts], dim=1)
    order = values.argsort(dim=1, descending=True, stable=True)[:, :count]
    at, width = places.gather(1, order), parts[0].width
    return Strongest(
        values=values.gather(1, order).cpu(),
        images=images.gather(1, order).cpu(),
        places=torch.stack([at // width, at % width], dim=2).cpu(),
    )
