"""The images of a set that excite a unit most, and where in them."""

from __future__ import annotations

from collections.abc import Iterable
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
    wanted = list(layers)
    peaks: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in wanted}
    widths: dict[str, int] = {}
    for _, found in batches(net, images):
        for name in wanted:
            widths[name] = found[name].shape[-1] if found[name].dim() == 4 else 1
            value, place = found[name].flatten(2).max(dim=2) if found[name].dim() > 2 else (found[name], None)
            peaks[name].append((value, torch.zeros_like(value, dtype=torch.int64) if place is None else place))
    result = {}
    for name, parts in peaks.items():
        values, places = (torch.cat(part).T for part in zip(*parts, strict=True))  # (units, N)
        order = values.argsort(dim=1, descending=True, stable=True)[:, :count]
        at = places.gather(1, order)
        result[name] = Strongest(
            values=values.gather(1, order).cpu(),
            images=order.cpu(),
            places=torch.stack([at // widths[name], at % widths[name]], dim=2).cpu(),
        )
    return result
