"""Arrays that are not read yet: what is known of them, and their rows, some at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

#: About how many bytes of rows are moved at a time.
_CHUNK = 16_000_000


class Unread(Protocol):
    """An array of which only shape and dtype are known yet; its rows come some at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """N and the sizes of a row."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Of every value."""
        ...

    def chunks(self) -> Iterator[np.ndarray]:
        """The rows, in order, some at a time. Raises UserError when they cannot be read."""
        ...


@dataclass(frozen=True)
class Changed:
    """An array whose rows become others while they are read.

    change: takes (n, …) and returns (n, …). shape, dtype: what the rows are after it.
    """

    of: np.ndarray | Unread
    change: Callable[[np.ndarray], np.ndarray]
    shape: tuple[int, ...]
    dtype: np.dtype

    def chunks(self) -> Iterator[np.ndarray]:
        """The changed rows, in order. Raises UserError when they cannot be read."""
        yield from map(self.change, chunks_of(self.of))


@dataclass(frozen=True)
class Joined:
    """Arrays of rows of one shape, one after the other."""

    parts: tuple[np.ndarray | Unread, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all of them together."""
        return (sum(part.shape[0] for part in self.parts), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the first, which the others share."""
        return self.parts[0].dtype

    def chunks(self) -> Iterator[np.ndarray]:
        """The rows, in order. Raises UserError when they cannot be read."""
        for part in self.parts:
            yield from chunks_of(part)


def chunks_of(array: np.ndarray | Unread) -> Iterator[np.ndarray]:
    """The rows of an array, in memory or not, some at a time."""
    if not isinstance(array, np.ndarray):
        yield from array.chunks()
        return
    step = rows_at_once(array)
    for start in range(0, len(array), step):
        yield array[start : start + step]


def rows_at_once(array: np.ndarray | Unread) -> int:
    """How many rows of an array are moved at a time."""
    return max(1, _CHUNK // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))
