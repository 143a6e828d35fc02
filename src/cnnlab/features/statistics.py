"""How active every layer is over a set of images: mean, spread, share of zeros, dead units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.features.activations import batches

Floats = NDArray[np.float64]


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


def statistics(net: nn.Module, images: Tensor) -> dict[str, LayerStatistics]:
    """Every layer's figures over images: float (N, C, H, W), normalised. Raises as `feature_maps` does."""
    sums: dict[str, list[Floats]] = {}
    counts: dict[str, tuple[int, int]] = {}
    for _, found in batches(net, images):
        for name, result in found.items():
            values = result.reshape(*result.shape[:2], -1) if result.dim() > 1 else result[:, None, None]
            parts = _sums(values)
            images_before, values_before = counts.get(name, (0, 0))
            counts[name] = images_before + len(values), values_before + values.shape[0] * values.shape[2]
            if name not in sums:
                sums[name] = parts
                continue
            total, squares, zeros, low, high = sums[name]
            sums[name] = [
                total + parts[0],
                squares + parts[1],
                zeros + parts[2],
                np.minimum(low, parts[3]),
                np.maximum(high, parts[4]),
            ]
    return {
        name: _figures(name, *counts[name], total, squares, zeros, low, high)
        for name, (total, squares, zeros, low, high) in sums.items()
    }


def _sums(values: Tensor) -> list[Floats]:
    """values: (N, units, places). The sums are taken in float64, so that no order of batches matters to a reader."""
    exact = values.double()
    parts = (
        exact.sum(dim=(0, 2)),
        exact.square().sum(dim=(0, 2)),
        (exact == 0).sum(dim=(0, 2)).double(),
        exact.amin(dim=(0, 2)),
        exact.amax(dim=(0, 2)),
    )
    return [part.cpu().numpy() for part in parts]


def _figures(
    name: str, images: int, values: int, total: Floats, squares: Floats, zeros: Floats, low: Floats, high: Floats
) -> LayerStatistics:
    mean = total / values
    variance = np.maximum(squares / values - mean**2, 0)
    return LayerStatistics(name, images, values, mean, np.sqrt(variance), zeros / values, low, high)
