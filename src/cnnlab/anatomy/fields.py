"""Receptive fields: which pixels each unit of a layer depends on, as tables of its two axes.

Along one axis a layer is a table "position × pixel, seen or not". The image sees itself; a window with kernel K,
stride s, padding p and dilation d at position o reads the positions s·o + d·k - p, k = 0 … K-1, and so sees all that
those see. That holds for every unit, at the border too, and through anything that reads positions axis by axis. Beside
the table runs the familiar recurrence for units away from the border:

    size' = size + d (K - 1) · jump        jump' = s · jump        start' = start - p · jump

Unit i sees the pixels start + i · jump … start + i · jump + size - 1, as far as they lie in the image. A unit's field
is its rows times its columns; where branches meet it is their union, a rectangle if one branch's field contains the
other's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.bool_]


@dataclass(frozen=True)
class Axis:
    """What a layer's units see along one axis.

    seen: bool (positions, pixels). dim: of the tensor, the batch included, along which the positions lie; None where
    one position is left or the layer has lost the order. size, jump, start: the recurrence, None where it does not
    hold. is_exact: False where the table may hold pixels that no unit sees.
    """

    seen: Table
    dim: int | None
    size: int | None
    jump: int | None
    start: int | None

    def read(self, positions: Table, **recurrence: int | None) -> Axis:
        """The axis after a layer whose position o reads those positions i where `positions[o, i]`."""
        seen = (positions.astype(np.float32) @ self.seen.astype(np.float32)) > 0
        keeps = {"size": None, "jump": None, "start": None} | recurrence
        return replace(self, seen=seen, **keeps)

    def collapsed(self, dim: int | None = None) -> Axis:
        """The axis of one position that reads all positions of this one."""
        return regular(np.asarray(self.seen.any(axis=0, keepdims=True)), dim)

    def mixed(self) -> Axis:
        """The axis whose every position reads all positions of this one."""
        return regular(np.repeat(self.seen.any(axis=0, keepdims=True), len(self.seen), axis=0), self.dim)

    def repeated(self, positions: int, dim: int | None) -> Axis:
        """The axis of many positions that are all handed one position's answer."""
        return regular(np.repeat(self.seen, positions, axis=0), dim)


@dataclass(frozen=True)
class Field:
    """The receptive fields of all units of a layer: rows × columns, for the units of one place together.

    is_exact: together they see no fewer pixels than that. differs_along: dimensions of the tensor, the batch included,
    along which units of one place see different pixels, such as channels of several branches side by side.
    """

    rows: Axis
    columns: Axis
    is_exact: bool = True
    differs_along: frozenset[int] = frozenset()

    def of(self, row: int, column: int) -> Table:
        """The pixels (H, W) that a unit depends on; where not exact, those that it may depend on.

        row, column: its place along the dimensions of the tensor that hold the image's rows and columns.
        """
        return np.outer(self.rows.seen[row], self.columns.seen[column])

    def both(self, change: Callable[[Axis], Axis]) -> Field:
        """The field with the same change made on both axes."""
        return replace(self, rows=change(self.rows), columns=change(self.columns))

    def mixed_along(self, *dims: int) -> Field:
        """The field once values along these dimensions have been brought together: they no longer differ there."""
        return replace(self, differs_along=self.differs_along - set(dims))


def field_of_image(height: int, width: int) -> Field:
    """The field of the image itself: every pixel sees itself."""
    return Field(
        Axis(np.eye(height, dtype=bool), 2, size=1, jump=1, start=0),
        Axis(np.eye(width, dtype=bool), 3, size=1, jump=1, start=0),
    )


def field_of_nothing(image: Field) -> Field:
    """The field of what no image takes part in. image: the image's own."""
    return image.both(lambda axis: regular(np.zeros((1, axis.seen.shape[1]), dtype=bool), None))


def is_rectangle(axis: Axis) -> bool:
    """Whether each position sees exactly the pixels that size, jump and start name, clipped to the image."""
    if axis.size is None or axis.jump is None or axis.start is None:
        return False
    first = axis.start + axis.jump * np.arange(len(axis.seen))[:, None]
    pixels = np.arange(axis.seen.shape[1])
    return bool(np.array_equal(axis.seen, (pixels >= first) & (pixels < first + axis.size)))


def window_positions(size_in: int, size_out: int, K: int, s: int, p: int, d: int) -> Table:
    """Bool (size_out, size_in): whether the window at position o reads position i, that is i = s·o + d·k - p."""
    read = s * np.arange(size_out)[:, None] + d * np.arange(K) - p
    positions = np.zeros((size_out, size_in), dtype=bool)
    o, k = np.nonzero((read >= 0) & (read < size_in))
    positions[o, read[o, k]] = True
    return positions


def regular(seen: Table, dim: int | None) -> Axis:
    """An axis whose positions all see the same pixels: jump 0."""
    pixels = np.nonzero(seen[0])[0]
    start, size = (int(pixels[0]), int(pixels[-1] - pixels[0] + 1)) if len(pixels) else (0, 0)
    return Axis(seen, dim, size=size, jump=0, start=start)


def union(field: Field, shape: tuple[int, ...], other: Field, other_shape: tuple[int, ...]) -> Field | None:
    """Two fields whose tensors are combined value by value, broadcast where one has a single position."""
    dimensions = max(len(shape), len(other_shape))
    field, other = _lifted(field, dimensions - len(shape)), _lifted(other, dimensions - len(other_shape))
    axes = []
    for one, two in ((field.rows, other.rows), (field.columns, other.columns)):
        positions = max(len(one.seen), len(two.seen))
        dim = one.dim if one.dim is not None else two.dim
        if one.dim is not None and two.dim is not None and one.dim != two.dim:
            return None
        spread = [axis if len(axis.seen) == positions else axis.repeated(positions, dim) for axis in (one, two)]
        if any(len(axis.seen) not in (1, positions) for axis in (one, two)):
            return None
        axes.append([replace(axis, dim=dim) for axis in spread])
    (rows, other_rows), (columns, other_columns) = axes
    return merge(
        Field(rows, columns, field.is_exact, field.differs_along),
        Field(other_rows, other_columns, other.is_exact, other.differs_along),
    )


def merge(field: Field, other: Field) -> Field:
    """The union of two fields over the same positions: the larger where one contains the other, and as exact as that.

    What is only an upper bound does no harm inside an exact field.
    """
    contains = [
        bool((big.rows.seen >= small.rows.seen).all() and (big.columns.seen >= small.columns.seen).all())
        for big, small in ((field, other), (other, field))
    ]
    if all(contains):  # the same pixels: what is known of either holds
        return replace(
            field,
            is_exact=field.is_exact or other.is_exact,
            differs_along=field.differs_along if field.differs_along and other.differs_along else frozenset(),
        )
    if contains[0]:
        return field
    if contains[1]:
        return other
    return Field(
        _joined(field.rows, other.rows),
        _joined(field.columns, other.columns),
        is_exact=field.is_exact
        and other.is_exact
        and (
            np.array_equal(field.rows.seen, other.rows.seen) or np.array_equal(field.columns.seen, other.columns.seen)
        ),
        differs_along=field.differs_along | other.differs_along,
    )


def renumbered(field: Field, moves: dict[int, int]) -> Field:
    """The same field in a tensor whose dimensions were reordered. moves: old dimension → new one."""
    moved = field.both(lambda axis: replace(axis, dim=None if axis.dim is None else moves[axis.dim]))
    return replace(moved, differs_along=frozenset(moves[dim] for dim in field.differs_along))


def _lifted(field: Field, dims: int) -> Field:
    """Counted from the right, as broadcasting does: the same field in a tensor with that many more dimensions."""
    moved = field.both(lambda axis: replace(axis, dim=None if axis.dim is None else axis.dim + dims))
    return replace(moved, differs_along=frozenset(dim + dims for dim in field.differs_along))


def _joined(one: Axis, two: Axis) -> Axis:
    seen = one.seen | two.seen
    if np.array_equal(seen, one.seen):
        return one
    if np.array_equal(seen, two.seen):
        return two
    if one.jump is None or one.jump != two.jump:
        return replace(one, seen=seen, size=None, jump=None, start=None)
    assert one.start is not None
    assert two.start is not None
    assert one.size is not None
    assert two.size is not None
    start = min(one.start, two.start)
    return replace(one, seen=seen, start=start, size=max(one.start + one.size, two.start + two.size) - start)
