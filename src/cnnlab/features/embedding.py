"""How a layer arranges images: its many values an image brought down to a plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cnnlab.features.tsne import tsne

#: Neighbours that t-SNE weighs, about: its perplexity.
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Embedding:
    """Two pictures of the same points. pca, tsne: float64 (N, 2). explained: PCA's share of variance, by axis (0–1)."""

    pca: NDArray[np.float64]
    explained: tuple[float, float]
    tsne: NDArray[np.float64]
    perplexity: float


def embed(features: NDArray[np.floating]) -> Embedding | None:
    """Bring features (N, values) down to two numbers an image.

    PCA keeps what it can of distances and says how much (Pearson 1901); t-SNE keeps neighbours together and nothing
    else (van der Maaten, Hinton 2008), started from PCA. None for fewer than four images or two values, when all images
    have the same features, and when one is NaN or infinite.
    """
    if len(features) < 4 or features.shape[1] < 2:
        return None
    if not np.isfinite(features).all() or not np.ptp(features, axis=0).any():
        return None
    values = features.astype(np.float64)
    # A third of the images at most can be neighbours of one.
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    with threadpool_limits(
        1, user_api="blas"
    ):  # threads wait for each other in every step: beside a busy neighbour, minutes
        plane, explained = principal_plane(values)
        neighbours = tsne(values, plane, perplexity=perplexity)
    return Embedding(plane, explained, neighbours, perplexity)


def principal_plane(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """The first two principal components of values (N, D), float64 (N, 2), and each one's share of variance (0–1).

    Of both directions of an axis the one is taken in which its weight of largest size is positive.
    """
    centred = values - values.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    axes = axes * np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])[:, None]
    shares = lengths**2 / (lengths**2).sum()
    return centred @ axes.T, (float(shares[0]), float(shares[1]))
