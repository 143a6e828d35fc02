"""How active every layer is over a set of images: mean, spread, share of zeros, dead units."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.features.activations import batches

Floats = NDArray[np.float64]

#: Values that are summed at a time: in double precision 4 MB, which stay in the processor's caches.
AT_ONCE = 2**19


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """A layer's values over a set of images, unit by unit: a unit is a channel at all its places, or a dense value.

    images, values: how many of them, values being those of one unit. unit_mean, unit_std (over values, divided by
    their number), unit_zeros (share of values that are 0, 0–1), unit_low, unit_high: float64 (units,).
    """

    name: str
    images: int
    values: int
    unit_mean: Floats
    unit_std: Floats
    unit_zeros: Floats
    unit_low: Floats
    unit_high: Floats

    @property
    def mean(self) -> float:
        """The mean of all values of all units."""
        return float(self.unit_mean.mean())

    @property
    def std(self) -> float:
        """The standard deviation of all values of all units."""
        return float(np.sqrt((self.unit_std**2 + (self.unit_mean - self.mean) ** 2).mean()))

    @property
    def zeros(self) -> float:
        """The share of values that are exactly 0 (0–1)."""
        return float(self.unit_zeros.mean())

    @property
    def dead(self) -> tuple[int, ...]:
        """Units that are 0 at every place for every image: nothing after them learns from or depends on them."""
        return tuple(int(unit) for unit in np.flatnonzero((self.unit_low == 0) & (self.unit_high == 0)))

    def to_json(self) -> dict[str, Any]:
        """The layer's figures as plain values."""
        return {
            "name": self.name,
            "units": len(self.unit_mean),
            "mean": self.mean,
            "std": self.std,
            "low": float(self.unit_low.min()),
            "high": float(self.unit_high.max()),
            "zeros": self.zeros,
            "dead": list(self.dead),
        }


def statistics(net: nn.Module, images: Tensor, *, layers: Collection[str] | None = None) -> dict[str, LayerStatistics]:
    """Layers' figures over images: float (N, C, H, W), normalised. Raises as `feature_maps` does.

    layers: as `describe` names them, by default all.
    """
    all_sums: dict[str, Sums] = {}
    for _, found in batches(net, images, lambda _, values: Sums.of(values), layers=layers):
        for name, sums in found.items():
            all_sums[name] = all_sums[name] + sums if name in all_sums else sums
    return {name: sums.figures(name) for name, sums in all_sums.items()}


@dataclass(frozen=True, eq=False)
class Sums:
    """What is kept of a layer's values to some images, unit by unit: two of them add up to that of all the images.

    images, values: how many of them, values being those of one unit. total, squares, zeros, low, high: float64
    (units,).
    """

    images: int
    values: int
    total: Floats
    squares: Floats
    zeros: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, found: Tensor) -> Sums:
        """Of what a layer answers to images, float (N, units, …)."""
        values = found.real if found.is_complex() else found
        values = values if values.dim() > 1 else values[:, None]
        places = [dim for dim in range(values.dim()) if dim != 1]
        rows = max(1, AT_ONCE // max(1, values[0].numel()))
        parts = [cls._of(part, places) for part in values.split(rows)]
        return reduce(add, parts)

    @classmethod
    def _of(cls, values: Tensor, places: list[int]) -> Sums:
        # Sums are taken in float64, so that no order of batches matters to a reader. Writing 0 and 1 as floats is a
        # quarter of the work of adding up booleans, and exact for so few.
        exact = values.double()
        total = exact.sum(dim=places)
        squares = exact.square_().sum(dim=places) if exact is not values else exact.square().sum(dim=places)
        is_zero = torch.empty_like(values, dtype=torch.float32)
        torch.eq(values, 0, out=is_zero)
        parts = (total, squares, is_zero.sum(dim=places), values.amin(dim=places), values.amax(dim=places))
        return cls(len(values), values.numel() // values.shape[1], *(part.double().cpu().numpy() for part in parts))

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.images + other.images,
            self.values + other.values,
            self.total + other.total,
            self.squares + other.squares,
            self.zeros + other.zeros,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    def figures(self, name: str) -> LayerStatistics:
        """The figures of a layer of that name."""
        mean = self.total / self.values
        variance = np.maximum(self.squares / self.values - mean**2, 0)
        return LayerStatistics(
            name, self.images, self.values, mean, np.sqrt(variance), self.zeros / self.values, self.low, self.high
        )
