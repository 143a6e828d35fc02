"""Pixels that are not bytes become bytes, by a rule that their range decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnlab.data.unread import Changed, Unread, chunks_of
from cnnlab.errors import UserError


def as_bytes(
    images: Sequence[np.ndarray | Unread], names: Sequence[str]
) -> tuple[list[np.ndarray | Unread], str | None]:
    """Images as uint8, 0–255, and what was done with them, or None where all were such already.

    images: of any numbers or truth values; their lowest and highest value, over all of them together, decide:
    from 0 to 1: times 255, rounded; whole numbers from 0 to 255: as they are; from -1 to 1: (x + 1) / 2 · 255, rounded.
    names: what messages call each. Raises UserError for other ranges.
    """
    odd = [place for place, array in enumerate(images) if array.dtype != np.uint8]
    if not odd:
        return list(images), None
    low, high, is_whole = _range(images, names)
    kinds = ", ".join(dict.fromkeys(str(images[place].dtype) for place in odd))
    if low >= 0 and high <= 1:
        said, factor, offset = "times 255, as they run from 0 to 1", 255.0, 0.0
    elif low >= 0 and high <= 255 and is_whole:
        said, factor, offset = "as they are, whole numbers from 0 to 255", 1.0, 0.0
    elif low >= -1 and high <= 1:
        said, factor, offset = "(x + 1) / 2 · 255, as they run from -1 to 1", 127.5, 127.5
    else:
        whole = "whole numbers" if is_whole else "numbers"
        mend = (
            "round them with images.round()"
            if low >= 0 and high <= 255
            else f"scale them with np.interp(images, ({low!r}, {high!r}), (0, 1))"
        )
        raise UserError(
            f"{names[odd[0]]} is {images[odd[0]].dtype}, {whole} from {low:g} to {high:g}; expected pixels from 0 to "
            f"1, from -1 to 1, or whole numbers from 0 to 255: {mend}"
        )

    def changed(chunk: np.ndarray) -> np.ndarray:
        if factor == 1.0:
            return chunk.astype(np.uint8)
        kind = np.float64 if chunk.dtype.kind in "iu" else np.promote_types(chunk.dtype, np.float32)
        return np.rint(chunk.astype(kind) * factor + offset).astype(np.uint8)

    return [Changed(array, changed, array.shape, np.dtype(np.uint8)) for array in images], f"{kinds} pixels: {said}"


def _range(images: Sequence[np.ndarray | Unread], names: Sequence[str]) -> tuple[float, float, bool]:
    """The lowest and the highest value, and whether all are whole. Raises UserError for what is no number."""
    low, high, is_whole = np.inf, -np.inf, True
    for array, name in zip(images, names, strict=True):
        for chunk in chunks_of(array):
            if chunk.size == 0:
                continue
            first, last = float(chunk.min()), float(chunk.max())
            if not (np.isfinite(first) and np.isfinite(last)):
                raise UserError(
                    f"{name} holds pixels that are no finite numbers; expected finite ones: replace them, such as with "
                    "np.nan_to_num(images, posinf=0, neginf=0)"
                )
            low, high = min(low, first), max(high, last)
            is_whole = is_whole and (chunk.dtype.kind != "f" or bool((chunk == np.rint(chunk)).all()))
    return float(low), float(high), is_whole
