"""t-SNE with exact gradients, for the few hundred images that a page shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Steps while neighbours attract each other EXAGGERATION times as much as in the end, and steps in all.
EARLY_STEPS, STEPS, EXAGGERATION = 250, 1000, 12.0

#: Of these two phases how much of the last step goes into the next.
MOMENTUM = (0.5, 0.8)

#: Steps of the search for a point's bandwidth, and how near the logarithm of the perplexity has to come.
SEARCHED, NEAR = 100, 1e-5


def tsne(values: Floats, start: Floats, *, perplexity: float) -> Floats:
    """Places in the plane where near neighbours of `values` are near each other: float64 (N, 2).

    values: float64 (N, D). start: float64 (N, 2), of any scale, such as the first two principal components. perplexity:
    about how many neighbours count, below N. Van der Maaten, Hinton 2008, with the schedule of scikit-learn, whose
    Barnes-Hut method comes near these gradients: for up to 1000 points or so the exact ones take less time, 0.7 ms a
    step for 540. The learning rate is scikit-learn's 50 from 500 points on; fewer, it throws them about (N / 10).
    """
    attraction = similarities(values, perplexity).astype(np.float32)
    rate = np.float32(min(len(values) / 10, 50))
    places = (start / max(float(start[:, 0].std()), 1e-12) * 1e-4).astype(np.float32)
    update, gains = np.zeros_like(places), np.ones_like(places)
    slope = _Slope(len(values))
    for step in range(STEPS):
        is_early = step < EARLY_STEPS
        if step in (0, EARLY_STEPS):
            update[:], gains[:] = 0, 1
            weights = attraction * np.float32(EXAGGERATION) if is_early else attraction
        gradient = slope.at(places, weights)
        is_downhill = update * gradient < 0  # the last step, by this slope
        gains = np.maximum(np.where(is_downhill, gains + np.float32(0.2), gains * np.float32(0.8)), np.float32(0.01))
        update = np.float32(MOMENTUM[not is_early]) * update - rate * gains * gradient
        places = places + update
    return places.astype(np.float64)


def similarities(values: Floats, perplexity: float) -> Floats:
    """How likely it is that two points are neighbours: float64 (N, N), symmetric, of sum 1, 0 on the diagonal.

    Each point has a Gaussian of its own, as wide as makes the perplexity of its neighbours the one asked for.
    """
    count = len(values)
    squares = (values**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * values @ values.T, 0)
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)
    steepness = np.full((count, 1), 1 / max(float(distances[np.isfinite(distances)].mean()), 1e-300))
    low, high = np.zeros((count, 1)), np.full((count, 1), np.inf)
    finite = np.where(np.isfinite(distances), distances, 0)
    for _ in range(SEARCHED):
        likely = np.exp(-distances * steepness)
        likely /= likely.sum(axis=1, keepdims=True)
        # -Σ p log p, where log p = -distance · steepness - log Σ, by the largest p, whose distance is 0
        entropy = steepness * (likely * finite).sum(axis=1, keepdims=True) - np.log(likely.max(axis=1, keepdims=True))
        off = entropy - np.log(perplexity)
        if (np.abs(off) < NEAR).all():
            break
        low, high = np.where(off > 0, steepness, low), np.where(off > 0, high, steepness)
        with np.errstate(invalid="ignore"):
            steepness = np.where(np.isinf(high), steepness * 2, (low + high) / 2)
    joint = likely + likely.T
    return joint / joint.sum()


class _Slope:
    """The gradient of the Kullback-Leibler divergence at places, in arrays that are used again for every step.

    Differences and sums over neighbours are products of matrices, which take a third of the time of NumPy's own.
    """

    def __init__(self, count: int) -> None:
        self._near = np.empty((count, count), np.float32)
        self._other = np.empty((count, count), np.float32)
        self._ones = np.ones(count, np.float32)

    def at(self, places: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (N, 2); weights (N, N): the similarities, exaggerated or not."""
        near, other = self._near, self._other
        self._differences(places[:, 0], near)
        np.multiply(near, near, out=near)
        self._differences(places[:, 1], other)
        np.multiply(other, other, out=other)
        near += other
        near += 1
        np.reciprocal(near, out=near)
        np.fill_diagonal(near, 0)
        np.multiply(near, -1 / np.float32((near @ self._ones).sum()), out=other)
        other += weights
        other *= near
        pulls = other @ np.column_stack([self._ones, places])
        return 4 * (pulls[:, :1] * places - pulls[:, 1:])

    def _differences(self, line: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        np.matmul(np.column_stack([line, self._ones]), np.stack([self._ones, -line]), out=out)
