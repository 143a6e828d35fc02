"""How a layer arranges images: its many values an image brought down to a plane."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    else (van der Maaten, Hinton 2008), started from PCA with a seed of its own. scikit-learn computes both. None for
    fewer than four images or two values, when all images have the same features, and when one is NaN or infinite.
    """
    if len(features) < 4 or features.shape[1] < 2:
        return None
    if not np.isfinite(features).all() or not np.ptp(features, axis=0).any():
        return None
    python_state = random.getstate()  # among what scikit-learn imports something draws from it
    from sklearn.decomposition import PCA  # 1 s to import
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    random.setstate(python_state)
    values = features.astype(np.float64)
    # A third of the images at most can be neighbours of one.
    perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
    with threadpool_limits(1):  # t-SNE's threads wait for each other in every step: beside a busy neighbour, minutes
        reduction = PCA(n_components=2, svd_solver="full").fit(values)
        neighbours = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(values)
    first, second = (float(share) for share in reduction.explained_variance_ratio_)
    return Embedding(reduction.transform(values), (first, second), neighbours.astype(np.float64), perplexity)
