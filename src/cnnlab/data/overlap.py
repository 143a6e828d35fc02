"""Images of one split that stand in another as well, pixel for pixel."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable

import numpy as np
from torch import Tensor

#: Images whose pixels are weighted at a time: what is copied of them stays small.
AT_ONCE = 1000

_NAMED = 5  # pairs of equal images that a note names


def repeated(images: Tensor, *, among: Tensor) -> int:
    """How many of `images`, uint8 (N, C, H, W), stand among others of the same kind, pixel for pixel.

    70,000 of MNIST's take 0.1 s: those alone are compared in full whose weighted sum of pixels occurs among the others.
    """
    some, others = images.contiguous().numpy(), among.contiguous().numpy()
    sums, other_sums = _weighted_sums(some), _weighted_sums(others)
    digests = set(_each(others[i] for i in np.flatnonzero(np.isin(other_sums, sums))))
    return sum(digest in digests for digest in _each(some[i] for i in np.flatnonzero(np.isin(sums, other_sums))))


def groups_of_equal(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """For each image, the index of the first that is equal to it, pixel for pixel: int64 (N,).

    chunks: uint8 images of one shape, some at a time.
    """
    first: dict[bytes, int] = {}
    found = [first.setdefault(digest, len(first)) for chunk in chunks for digest in _each(chunk)]
    groups = np.array(found, dtype=np.int64)
    _, index, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return index[inverse].astype(np.int64)


def equal_images(
    groups: np.ndarray, labels: np.ndarray, names: Callable[[int], str], *, is_cut: bool
) -> tuple[str | None, str | None]:
    """What to say of equal images: that there are some, and that some of these are of different classes.

    groups: as of `groups_of_equal`. labels: int64 (N,). names: of the image of that index. is_cut: whether all splits
    were cut with these groups.
    """
    others = np.flatnonzero(groups != np.arange(len(groups)))
    if not len(others):
        return None, None
    odd = others[labels[others] != labels[groups[others]]]
    note = f"{len(others):,} image{'s are' if len(others) > 1 else ' is'} there more than once, pixel for pixel"
    note += " and in one split with the like" if is_cut else ""
    note += f": {_pairs(others, groups, names)}"
    if not len(odd):
        return note, None
    doubt = f"equal images are of different classes, {len(odd):,} time{'s' if len(odd) > 1 else ''}: "
    return note, doubt + f"{_pairs(odd, groups, names)}; no net can tell them apart"


def _pairs(indices: np.ndarray, groups: np.ndarray, names: Callable[[int], str]) -> str:
    said = [f"{names(int(index))} = {names(int(groups[index]))}" for index in indices[:_NAMED]]
    return ", ".join(said) + (f" and {len(indices) - _NAMED:,} more" if len(indices) > _NAMED else "")


def _weighted_sums(images: np.ndarray) -> np.ndarray:
    """uint64 (N,): equal for equal images, and for others hardly ever."""
    pixels = images.reshape(len(images), math.prod(images.shape[1:]))
    words, rest = divmod(pixels.shape[1], 8)
    weights = np.random.default_rng(0).integers(1, 2**63, words + rest, dtype=np.uint64) * 2 + 1
    found = np.empty(len(images), dtype=np.uint64)
    for start in range(0, len(images), AT_ONCE):
        part = pixels[start : start + AT_ONCE]
        eights = np.ascontiguousarray(part[:, : 8 * words]).view(np.uint64)
        found[start : start + AT_ONCE] = (
            eights @ weights[:words] + part[:, 8 * words :].astype(np.uint64) @ weights[words:]
        )
    return found


def _each(images: Iterable[np.ndarray]) -> list[bytes]:
    """What tells images apart: 16 bytes each, so that large ones need little memory."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]
