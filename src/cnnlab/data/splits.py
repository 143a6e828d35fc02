"""Cutting images into training, validation and test, the same way on every machine and with every version."""

from __future__ import annotations

import numpy as np

from cnnlab.errors import UserError


def shuffle_keys(count: int, *, seed: int) -> np.ndarray:
    """`count` random uint64 whose order is a permutation.

    They are PCG64's raw output, whose stream NumPy guarantees for good; `Generator.permutation` may change
    between versions (NEP 19), which would quietly move images between training and test.
    """
    return np.random.PCG64(seed).random_raw(count)


def stratify(
    labels: np.ndarray, keys: np.ndarray, *, shares: tuple[float, ...], classes: tuple[str, ...], name: str
) -> list[np.ndarray]:
    """Cut indices 0 … N-1 into `1 + len(shares)` parts that hold each class in the same proportions.

    labels: integers (N,). keys: uint64 (N,), decide the order within a class and within a part.
    shares: the parts after the first, each of which gets its share of every class, rounded, at least one
    image.
    Returns int64 arrays, the remainder first.
    Raises UserError when a class has fewer images than there are parts.
    """
    order = np.lexsort((keys, labels))
    ends = np.searchsorted(labels[order], np.arange(len(classes) + 1))
    parts: list[list[np.ndarray]] = [[] for _ in range(1 + len(shares))]
    for label, title in enumerate(classes):
        mine = order[ends[label] : ends[label + 1]]
        if len(mine) == 0:
            continue
        if len(mine) < len(parts):
            raise UserError(
                f"{name}: class {title} has {len(mine)} image{'s' if len(mine) > 1 else ''}; expected at "
                f"least {len(parts)}, one for each split cut from them: add images or leave the class out"
            )
        start = 0
        for part, share in zip(parts[1:], shares, strict=True):
            count = max(1, int(len(mine) * share + 0.5))
            part.append(mine[start : start + count])
            start += count
        parts[0].append(mine[start:])
    joined = [np.concatenate(part) for part in parts]
    return [indices[np.argsort(keys[indices], kind="stable")] for indices in joined]
