"""What becomes of receptive fields, call by call: a rule for each function that is followed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from cnnlab.anatomy.fields import Axis, Field, Table, merge, regular, renumbered, union, window_positions
from cnnlab.anatomy.signatures import REDUCTIONS, VALUE_BY_VALUE
from cnnlab.anatomy.walk import Call, Made


def field_after(call: Call, inputs: list[Field]) -> Field:
    """The field of a call's result. Where its way is not known: the whole image, not exact."""
    rule = _RULES.get(call.function)
    if rule is None and call.function in VALUE_BY_VALUE:
        rule = _value_by_value
    field = rule(call, inputs) if rule is not None else None
    return _everything(call, inputs) if field is None or not _lies_in(field, call.whole_shape) else field


def _lies_in(field: Field, shape: tuple[int, ...]) -> bool:
    """Whether the dimensions that are to hold a field's places have as many."""
    rows, columns = field.rows, field.columns
    if rows.dim is not None and rows.dim == columns.dim:
        return rows.dim < len(shape) and shape[rows.dim] % max(1, len(rows.seen) * len(columns.seen)) == 0
    return all(axis.dim is None or shape[axis.dim : axis.dim + 1] == (len(axis.seen),) for axis in (rows, columns))


# Rules: (call, fields of its inputs) → field, or None where the call does something that is not followed.


def _value_by_value(call: Call, inputs: list[Field]) -> Field | None:
    """Each value from the values in the same place: activations, sums of branches, batch norm in eval mode."""
    field, shape = inputs[0], call.whole_input_shapes[0]
    for other, other_shape in zip(inputs[1:], call.whole_input_shapes[1:], strict=False):
        merged = union(field, shape, other, other_shape)
        if merged is None:
            return None
        field = merged
        shape = shape if len(shape) >= len(other_shape) else other_shape
    return field


def _window(call: Call, inputs: list[Field]) -> Field | None:
    arguments = call.arguments
    kernel = arguments.get("kernel_size") or arguments["weight"][2:]
    default_stride = kernel if "pool" in call.function else 1
    padding = arguments.get("padding", 0)

    def slide(axis: Axis, side: int) -> Axis:
        K = _at(kernel, side)
        s = _at(arguments.get("stride") or default_stride, side)
        d = _at(arguments.get("dilation", 1), side)
        p = _same_padding(K, d) if padding == "same" else 0 if padding == "valid" else _at(padding, side)
        if K == s == 1 and p == 0:
            return axis
        positions = window_positions(len(axis.seen), call.output_shape[-2 + side], K, s, p, d)
        if axis.size is None or axis.jump is None or axis.start is None:
            return axis.read(positions)
        return axis.read(
            positions,
            size=axis.size + d * (K - 1) * axis.jump,
            jump=s * axis.jump,
            start=axis.start - p * axis.jump,
        )

    return _along_both_sides(_channels_mixed(call, inputs[0]), slide)


def _transposed_window(call: Call, inputs: list[Field]) -> Field | None:
    """Position i of the input is written to positions s·i + d·k - p of the output."""
    arguments = call.arguments

    def write(axis: Axis, side: int) -> Axis:
        s, p = _at(arguments.get("stride", 1), side), _at(arguments.get("padding", 0), side)
        d = _at(arguments.get("dilation", 1), side)
        written = np.arange(len(axis.seen)) * s - p
        out = np.arange(call.output_shape[-2 + side])[:, None]
        positions = np.zeros((len(out), len(written)), dtype=bool)
        for k in range(arguments["weight"][2 + side]):
            positions |= out == written + d * k
        return axis.read(positions)

    return _along_both_sides(_channels_mixed(call, inputs[0]), write)


def _channels_mixed(call: Call, field: Field) -> Field:
    """What a convolution that is not grouped makes of channels with fields of their own."""
    is_mixing = "conv" in call.function and call.arguments.get("groups", 1) == 1
    return field.mixed_along(1) if is_mixing else field


def _probed(call: Call, inputs: list[Field]) -> Field | None:
    """Read off the call itself: run along one axis on one-hot maps, it shows which positions each position reads."""

    def probe(axis: Axis, side: int) -> Axis | None:
        positions = _probe(call, len(axis.seen), side)
        if len(positions) != call.output_shape[-2 + side]:
            return None
        moved = axis.read(positions)
        first = _first_read(positions)
        if first is not None and axis.jump is not None and axis.start is not None:  # a shift, as constant padding is
            return replace(moved, size=axis.size, jump=axis.jump, start=axis.start + first * axis.jump)
        if len(positions) == 1 or bool((moved.seen == moved.seen[0]).all()):
            return regular(moved.seen, axis.dim)
        return _with_found_recurrence(moved, axis, positions)

    return _along_both_sides(inputs[0], probe)


def _pad(call: Call, inputs: list[Field]) -> Field | None:
    """Constants put around: along places they shift them, along other dimensions they are units that see nothing."""
    (field,), sides = inputs[:1], list(call.arguments.get("pad", ()))
    if call.arguments.get("mode", "constant") != "constant":
        return _probed(call, inputs) if len(sides) <= 4 else None
    dimensions = len(call.whole_shape)
    added = {dimensions - 1 - i: (sides[2 * i], sides[2 * i + 1]) for i in range(len(sides) // 2)}

    def shift(axis: Axis) -> Axis:
        before, after = added.get(axis.dim, (0, 0)) if axis.dim is not None else (0, 0)
        if before == after == 0:
            return axis
        out = np.arange(len(axis.seen) + before + after)[:, None]
        positions = np.equal(out - before, np.arange(len(axis.seen)))
        if axis.size is None or axis.jump is None or axis.start is None:
            return axis.read(positions)
        return axis.read(positions, size=axis.size, jump=axis.jump, start=axis.start - before * axis.jump)

    places = {field.rows.dim, field.columns.dim}
    elsewhere = {dim for dim, (before, after) in added.items() if max(before, after) > 0 and dim not in places}
    if len(places) == 1 and any(added.get(dim, (0, 0)) != (0, 0) for dim in places if dim is not None):
        return None
    return replace(field.both(shift), differs_along=field.differs_along | elsewhere)


def _linear(call: Call, inputs: list[Field]) -> Field | None:
    """The last dimension is contracted."""
    last = len(call.whole_input_shapes[0]) - 1
    return inputs[0].mixed_along(last).both(lambda axis: axis.collapsed() if axis.dim == last else axis)


def _matmul(call: Call, inputs: list[Field]) -> Field | None:
    if len(inputs) != 1 or len(call.whole_input_shapes) != 1:
        return None
    if call.arguments.get("input") != call.whole_input_shapes[0]:
        return None
    return _linear(call, inputs)


def _reduction(call: Call, inputs: list[Field]) -> Field | None:
    (field,), dimensions = inputs[:1], len(call.whole_input_shapes[0])
    dims = _dims(call.arguments.get("dim"), dimensions)
    keeps = bool(call.arguments.get("keepdim", False))
    if 0 in dims:
        return None

    def reduce(axis: Axis) -> Axis:
        if axis.dim in dims:
            return axis.collapsed(axis.dim if keeps and _is_alone(axis.dim, field) else None)
        if axis.dim is None or keeps:
            return axis
        return replace(axis, dim=axis.dim - sum(dim < axis.dim for dim in dims))

    left = field.mixed_along(*dims)
    if not keeps:
        left = replace(
            left, differs_along=frozenset(dim - sum(other < dim for other in dims) for dim in left.differs_along)
        )
    return left.both(reduce)


def _mix_over(call: Call, inputs: list[Field]) -> Field | None:
    """Softmax and vector norms: along `dim`, every position reads all."""
    dims = _dims(call.arguments.get("dim", 1), len(call.whole_input_shapes[0]))
    return inputs[0].mixed_along(*dims).both(lambda axis: axis.mixed() if axis.dim in dims else axis)


def _layer_norm(call: Call, inputs: list[Field]) -> Field | None:
    dimensions = len(call.whole_input_shapes[0])
    count = len(call.arguments.get("normalized_shape", ())) or dimensions - 1
    mixed = inputs[0].mixed_along(*range(dimensions - count, dimensions))
    return mixed.both(lambda axis: axis.mixed() if (axis.dim or 0) >= dimensions - count else axis)


def _mix_all(call: Call, inputs: list[Field]) -> Field | None:
    """Group and instance norm: mean and variance are taken over the whole map."""
    mixes_channels = call.function == "group_norm" and call.arguments.get("num_groups") == 1
    return (inputs[0].mixed_along(1) if mixes_channels else inputs[0]).both(Axis.mixed)


def _reshape(call: Call, inputs: list[Field]) -> Field | None:
    (field,) = inputs[:1]
    old, new = call.whole_input_shapes[0], call.whole_shape
    dims = _regrouped(old, new)
    rows, columns = field.rows, field.columns
    if field.differs_along:
        places = {axis.dim for axis in (rows, columns)}
        went = {new_dim for dim in field.differs_along for new_dim in dims.get(dim, ()) if new[new_dim] > 1}
        if not went or places & field.differs_along:  # what differs and the places were merged before
            went = set(range(1, len(new)))
        field = replace(field, differs_along=frozenset(went))
    if rows.dim is not None and rows.dim == columns.dim:  # unfold what was merged, or carry it along
        targets = dims.get(rows.dim)
        if targets is None:
            return None
        kept = [dim for dim in targets if new[dim] > 1] or list(targets[:1])
        if len(kept) == 1:
            return field.both(lambda axis: replace(axis, dim=kept[0]))
        if len(kept) >= 2 and [new[dim] for dim in kept[-2:]] == [len(rows.seen), len(columns.seen)]:
            return replace(field, rows=replace(rows, dim=kept[-2]), columns=replace(columns, dim=kept[-1]))
        return None
    moved = []
    for axis in (rows, columns):
        if axis.dim is None:
            moved.append(axis)
            continue
        targets = [dim for dim in dims.get(axis.dim, ()) if new[dim] > 1 or old[axis.dim] == 1]
        if len(targets) == 1:
            moved.append(replace(axis, dim=targets[0]))
        elif targets and new[targets[-1]] == old[axis.dim]:
            moved.append(replace(axis, dim=targets[-1]))
        else:
            return None
    return replace(field, rows=moved[0], columns=moved[1])


def _permute(call: Call, inputs: list[Field]) -> Field | None:
    dimensions = len(call.whole_input_shapes[0])
    order = [dim % dimensions for dim in call.arguments.get("dims", ())]
    return renumbered(inputs[0], {old: new for new, old in enumerate(order)}) if order else None


def _transpose(call: Call, inputs: list[Field]) -> Field | None:
    dimensions = len(call.whole_input_shapes[0])
    a, b = (call.arguments[name] % dimensions for name in ("dim0", "dim1"))
    return renumbered(inputs[0], {dim: {a: b, b: a}.get(dim, dim) for dim in range(dimensions)})


def _unsqueeze(call: Call, inputs: list[Field]) -> Field | None:
    dimensions = len(call.whole_input_shapes[0]) + 1
    new = call.arguments["dim"] % dimensions
    return renumbered(inputs[0], {dim: dim + (dim >= new) for dim in range(dimensions)})


def _cat(call: Call, inputs: list[Field]) -> Field | None:
    dim = int(call.arguments.get("dim", 0)) % len(call.whole_input_shapes[0])
    field = inputs[0]
    parts = call.operands.get("tensors", ())
    has_constants = not all(isinstance(part, Made) for part in parts)
    if has_constants and dim in (field.rows.dim, field.columns.dim):
        return None  # places are put before or behind
    if any(axis.dim == dim for other in inputs for axis in (other.rows, other.columns)) and not all(
        other.rows.dim == other.columns.dim == dim for other in inputs
    ):
        return None
    for other in inputs[1:]:
        same = (field.rows.dim, field.columns.dim) == (other.rows.dim, other.columns.dim)
        if not same or field.rows.seen.shape != other.rows.seen.shape:
            return None
        if field.columns.seen.shape != other.columns.seen.shape:
            return None
        field = merge(field, other)
    is_even = not has_constants and all(_sees_the_same(field, other) for other in inputs)
    return field if is_even else replace(field, differs_along=field.differs_along | {dim})


def _getitem(call: Call, inputs: list[Field]) -> Field | None:
    """Slices and single numbers, as in x[:, :, 1:-1] or x[:, 0]."""
    index = call.arguments.get("index")
    index = index if isinstance(index, tuple) else (index,)
    shape = call.whole_input_shapes[0]
    if any(not isinstance(part, slice | int | type(None) | type(...)) or isinstance(part, bool) for part in index):
        return None
    if ... in index:
        at = index.index(...)
        rest = len(shape) - sum(part is not None and part is not ... for part in index)
        index = (*index[:at], *[slice(None)] * rest, *index[at + 1 :])
    taken: dict[int, slice | int] = {}
    moves: dict[int, int] = {}
    old = new = 0
    for part in index:
        if part is None:
            new += 1
            continue
        if isinstance(part, slice | int):
            taken[old] = part
        if not isinstance(part, int):
            moves[old] = new
            new += 1
        old += 1
    for dim in range(old, len(shape)):
        moves[dim] = new
        new += 1
    if isinstance(taken.get(0), int) or moves.get(0) != 0:
        return None

    def take(axis: Axis) -> Axis | None:
        if axis.dim is None:
            return axis
        part = taken.get(axis.dim, slice(None))
        if part == slice(None):
            return replace(axis, dim=moves[axis.dim])
        if field.rows.dim == field.columns.dim:
            return None
        if isinstance(part, int):
            return regular(axis.seen[[part]], None)
        begin, _, step = part.indices(len(axis.seen))
        seen = axis.seen[part]
        if axis.jump is None or axis.start is None:
            return replace(axis, seen=seen, dim=moves[axis.dim])
        return replace(
            axis, seen=seen, dim=moves[axis.dim], jump=axis.jump * step, start=axis.start + begin * axis.jump
        )

    (field,) = inputs[:1]
    rows, columns = take(field.rows), take(field.columns)
    if rows is None or columns is None:
        return None
    chosen = {dim for dim, part in taken.items() if part != slice(None)} & field.differs_along
    return replace(
        field,
        rows=rows,
        columns=columns,
        is_exact=field.is_exact and not chosen,
        differs_along=frozenset(moves[dim] for dim in field.differs_along if dim in moves),
    )


def _squeeze(call: Call, inputs: list[Field]) -> Field | None:
    shape = call.whole_input_shapes[0]
    dims = _dims(call.arguments.get("dim"), len(shape)) if "dim" in call.arguments else range(len(shape))
    gone = [dim for dim in dims if shape[dim] == 1]

    def squeeze(axis: Axis) -> Axis:
        if axis.dim is None or axis.dim in gone:
            return replace(axis, dim=None)
        return replace(axis, dim=axis.dim - sum(dim < axis.dim for dim in gone))

    left = {dim - sum(other < dim for other in gone) for dim in inputs[0].differs_along if dim not in gone}
    return replace(inputs[0].both(squeeze), differs_along=frozenset(left))


def _split(call: Call, inputs: list[Field]) -> Field | None:
    (field,) = inputs[:1]
    dim = int(call.arguments.get("dim", 0)) % len(call.whole_input_shapes[0])
    if dim in (field.rows.dim, field.columns.dim):
        return None
    return replace(field, is_exact=False) if dim in field.differs_along else field


_RULES: dict[str, Callable[[Call, list[Field]], Field | None]] = {
    "conv2d": _window,
    "max_pool2d": _window,
    "avg_pool2d": _window,
    "lp_pool2d": _window,
    "conv_transpose2d": _transposed_window,
    "adaptive_avg_pool2d": _probed,
    "adaptive_max_pool2d": _probed,
    "pad": _pad,
    "interpolate": _probed,
    "upsample": _probed,
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    **dict.fromkeys(REDUCTIONS, _reduction),
    "softmax": _mix_over,
    "log_softmax": _mix_over,
    "normalize": _mix_over,
    "layer_norm": _layer_norm,
    "group_norm": _mix_all,
    "instance_norm": _mix_all,
    "flatten": _reshape,
    "reshape": _reshape,
    "view": _reshape,
    "unflatten": _reshape,
    "permute": _permute,
    "transpose": _transpose,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    "cat": _cat,
    "chunk": _split,
    "split": _split,
    "getitem": _getitem,
}


# What the rules are made of.


def _everything(call: Call, inputs: list[Field]) -> Field:
    """Every unit may see the whole image."""
    H, W = inputs[0].rows.seen.shape[1], inputs[0].columns.seen.shape[1]
    is_map = call.is_by_image and len(call.output_shape) == 3
    rows, columns = call.output_shape[-2:] if is_map else (1, 1)
    return Field(
        regular(np.ones((rows, H), dtype=bool), 2 if is_map else None),
        regular(np.ones((columns, W), dtype=bool), 3 if is_map else None),
        is_exact=False,
    )


def _sees_the_same(field: Field, other: Field) -> bool:
    return bool(
        np.array_equal(field.rows.seen, other.rows.seen) and np.array_equal(field.columns.seen, other.columns.seen)
    )


def _probe(call: Call, size: int, side: int) -> Table:
    """Bool (size_out, size): what `call` does along one axis, from its answers to one-hot maps."""
    one_hot = torch.eye(size)[None]  # one channel a position
    maps = one_hot[:, :, :, None] if side == 0 else one_hot[:, :, None, :]
    other = call.input_shapes[0][-1 - side]
    maps = maps.expand(-1, -1, *((-1, other) if side == 0 else (other, -1))).contiguous()
    arguments = {key: value for key, value in call.arguments.items() if key not in ("input", "value", "return_indices")}
    function = {"upsample": F.interpolate, "adaptive_max_pool2d": F.adaptive_avg_pool2d}.get(call.function)
    answers = (function or getattr(F, call.function))(maps, **arguments)[0]
    return (answers.abs().amax(dim=-1 if side == 0 else -2) > 0).T.numpy()


def _first_read(positions: Table) -> int | None:
    """The position that the first position would read if the call only shifts, as padding with zeros does."""
    o, i = np.nonzero(positions)
    if not len(o) or bool((positions.sum(axis=1) > 1).any()) or bool((i - o != i[0] - o[0]).any()):
        return None
    return int(i[0] - o[0])


def _with_found_recurrence(moved: Axis, before: Axis, positions: Table) -> Axis:
    """Size, jump and start where positions are windows of one size at one stride (adaptive pooling that tiles)."""
    if before.size is None or before.jump is None or before.start is None or not positions.any(axis=1).all():
        return moved
    first, widths = positions.argmax(axis=1), positions.sum(axis=1)
    strides = np.diff(first)
    if len(set(widths.tolist())) > 1 or len(set(strides.tolist())) != 1:
        return moved
    width, stride = int(widths[0]), int(strides[0])
    return replace(
        moved,
        size=before.size + (width - 1) * before.jump,
        jump=stride * before.jump,
        start=before.start + int(first[0]) * before.jump,
    )


def _regrouped(old: tuple[int, ...], new: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    """For a reshape: the new dimensions that each old one went into, in the smallest groups of equal product."""
    dims: dict[int, tuple[int, ...]] = {}
    i = j = 0
    while i < len(old) and j < len(new):
        left, right, product_old, product_new = [i], [j], old[i], new[j]
        i, j = i + 1, j + 1
        while product_old != product_new:
            if product_old < product_new:
                left.append(i)
                product_old *= old[i]
                i += 1
            else:
                right.append(j)
                product_new *= new[j]
                j += 1
        if i < len(old) and j == len(new):  # ones are left
            left.extend(range(i, len(old)))
            i = len(old)
        if j < len(new) and i == len(old):
            right.extend(range(j, len(new)))
            j = len(new)
        for dim in left:
            dims[dim] = tuple(right)
    return dims


def _dims(dim: Any, dimensions: int) -> set[int]:
    if dim is None or isinstance(dim, str):
        return set(range(1, dimensions)) | {0}
    return {d % dimensions for d in (dim if isinstance(dim, tuple | list) else (dim,))}


def _is_alone(dim: int | None, field: Field) -> bool:
    return dim is not None and field.rows.dim != field.columns.dim


def _along_both_sides(field: Field, change: Callable[[Axis, int], Axis | None]) -> Field | None:
    """A change of each axis that lies along a map's height (side 0) or width (1); None where one does not."""
    axes = []
    for axis in (field.rows, field.columns):
        side = _side(axis)
        changed = None if side is None else change(axis, side)
        if changed is None:
            return None
        axes.append(changed)
    return replace(field, rows=axes[0], columns=axes[1])


def _side(axis: Axis) -> int | None:
    """Which side of a window slides along the axis: 0 the height, 1 the width (transposed maps have them swapped)."""
    return axis.dim - 2 if axis.dim in (2, 3) else None


def _at(value: Any, side: int) -> int:
    if isinstance(value, tuple | list):
        return int(value[side if len(value) > 1 else 0])
    return int(value)


def _same_padding(K: int, d: int) -> int:
    """PyTorch's padding="same" puts the odd pixel on the right."""
    return d * (K - 1) // 2
