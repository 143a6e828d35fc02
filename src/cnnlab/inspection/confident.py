"""Confident learning: which labels are probably wrong, from what nets answer that did not learn them.

Northcutt, Jiang, Chuang 2021, "Confident learning: estimating uncertainty in dataset labels", JAIR 70. In plain NumPy;
the tests hold it against cleanlab, the authors' own code.
"""

from __future__ import annotations

import numpy as np

#: How much a probability may lie below a threshold and still reach it: rounding moves it by less.
_SLACK = 1e-6

#: Rows that are looked at at a time: copies of some, never of all.
_ROWS = 10_000


def thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How sure the nets are of each class, on the average over the images labelled so: float64 (K,).

    probabilities: float (N, K), of images that the answering net did not learn. labels: int (N,), 0 … K-1. A class
    without images has infinity, which nothing reaches.
    """
    classes = probabilities.shape[1]
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=given, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_classes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class that each image confidently belongs to, -1 where it is none: int64 (N,).

    It is one whose threshold its probability reaches; of several, the most probable of all classes, as in cleanlab
    (the paper takes the most probable of these several, which differs for one image in thousands).
    """
    limits = thresholds(probabilities, labels) - _SLACK
    found = np.empty(len(labels), dtype=np.int64)
    for start in range(0, len(labels), _ROWS):
        part = probabilities[start : start + _ROWS]
        reached = part >= limits
        number = reached.sum(axis=1)
        found[start : start + _ROWS] = np.where(
            number > 1, part.argmax(axis=1), np.where(number == 1, reached.argmax(axis=1), -1)
        )
    return found


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """At [i][j] how many images labelled i confidently belong to class j: int64 (K, K), §4.1 of the paper."""
    classes, found = probabilities.shape[1], confident_classes(probabilities, labels)
    is_sure = found >= 0
    pairs = np.bincount(labels[is_sure] * classes + found[is_sure], minlength=classes**2)
    return pairs.reshape(classes, classes)


def margins(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What speaks for each label: its probability less the largest other one, float64 (N,), -1 … 1."""
    found = np.empty(len(labels))
    for start in range(0, len(labels), _ROWS):
        part = probabilities[start : start + _ROWS].astype(np.float64)
        rows, mine = np.arange(len(part)), labels[start : start + _ROWS]
        given = part[rows, mine]
        part[rows, mine] = -np.inf
        found[start : start + _ROWS] = given - part.max(axis=1)
    return found


def suspects(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The images whose labels are probably wrong, the most suspicious first: int64 indices.

    They confidently belong to another class than their label's, which is not the most probable one either; by their
    margins. Of one class there are none.
    """
    if probabilities.shape[1] < 2:
        return np.empty(0, dtype=np.int64)
    found = confident_classes(probabilities, labels)
    margin = margins(probabilities, labels)
    doubtful = np.flatnonzero((found >= 0) & (found != labels) & (margin < -_SLACK))
    return doubtful[np.argsort(margin[doubtful], kind="stable")]


def doubted(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The images whose label is not the most probable class, the most suspicious first: int64 indices.

    All suspects are among them; the others are no more than doubtful.
    """
    if probabilities.shape[1] < 2:
        return np.empty(0, dtype=np.int64)
    margin = margins(probabilities, labels)
    doubtful = np.flatnonzero(margin < -_SLACK)
    return doubtful[np.argsort(margin[doubtful], kind="stable")]
