"""A layer's numbers with their arithmetic filled in, in the lesson's letters."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from cnnlab.anatomy.fields import Axis
from cnnlab.anatomy.walk import Call

#: Functions that slide a window over a map.
SLIDING = ("conv2d", "max_pool2d", "avg_pool2d", "lp_pool2d")

#: What is counted as a multiply-add, stated wherever the numbers are.
CONVENTION = (
    "one multiply-add is one product and one sum, for one image; counted in convolutions, dense layers and matrix "
    "products (bias, batch norm, activations and pooling are not)"
)


@dataclass(frozen=True)
class Worked:
    """A number and how it comes about: `⌊(28+2·2−5)/1⌋+1 = 28`. arithmetic is None where there is none to show."""

    value: int
    arithmetic: str | None = None


def output_side(call: Call, side: int) -> str | None:
    """The output-size formula filled in for height (side 0) or width (1), or None for layers that have none.

    For dilation 1 the lesson's ⌊(H+2p−K)/s⌋+1, else ⌊(H+2p−d·(K−1)−1)/s⌋+1; ⌈⌉ with ceil_mode. What PyTorch's
    padding="same" and ceil_mode add to that is written after it.
    """
    arguments, out = call.arguments, call.output_shape
    if call.function not in (*SLIDING, "conv_transpose2d"):
        return None
    if len(out) != 3 or len(call.input_shapes[0]) != 3:
        return None
    is_pool = "pool" in call.function
    kernel = arguments["kernel_size"] if is_pool else arguments["weight"][2:]
    H, K = call.input_shapes[0][1 + side], _at(kernel, side)
    s = _at(arguments.get("stride") or (kernel if is_pool else 1), side)
    d = _at(arguments.get("dilation", 1), side)
    padding = arguments.get("padding", 0)
    result = out[1 + side]
    if call.function == "conv_transpose2d":
        p, extra = _at(padding, side), _at(arguments.get("output_padding", 0), side)
        reach = f"{d}·({K}−1)" if d > 1 else f"{K - 1}"
        return f"({H}−1)·{s}−2·{p}+{reach}+{extra}+1 = {result}"
    if padding == "same":
        total = d * (K - 1)
        return f"⌊({H}+{total}−{d * (K - 1) + 1})/{s}⌋+1 = {result}"
    p = 0 if padding == "valid" else _at(padding, side)
    reach = f"{K}" if d == 1 else f"{d}·({K}−1)−1"
    left, right = ("⌈", "⌉") if arguments.get("ceil_mode") else ("⌊", "⌋")
    formula = f"{left}({H}+2·{p}−{reach})/{s}{right}+1"
    if left == "⌈" and -(-(H + 2 * p - d * (K - 1) - 1) // s) + 1 != result:
        return f"{formula}−1 = {result} (the last window would lie in the padding)"
    return f"{formula} = {result}"


def field_side(call: Call, before: Axis, after: Axis) -> str | None:
    """The receptive field's recurrence filled in, size + (K−1)·jump, for layers that slide a window."""
    if call.function not in SLIDING or None in (before.size, before.jump, before.dim, after.size):
        return None
    assert before.dim is not None
    side = before.dim - 2
    kernel = call.arguments["kernel_size"] if "pool" in call.function else call.arguments["weight"][2:]
    K, d = _at(kernel, side), _at(call.arguments.get("dilation", 1), side)
    if K == 1:
        return None
    reach = f"{d}·({K}−1)" if d > 1 else f"({K}−1)"
    return f"{before.size}+{reach}·{before.jump} = {after.size}"


def parameters(call: Call, new: dict[str, Any]) -> Worked:
    """The parameters that a layer brings (new: those no layer before it has), filters and biases spelled out."""
    shapes = [tuple(tensor.shape) for tensor in new.values()]
    total = sum(prod(shape) for shape in shapes)
    if not shapes:
        return Worked(0)
    weight, rest = shapes[0], shapes[1:]
    given = call.arguments.get("weight")
    if len(shapes) <= 2 and weight == given and all(len(shape) == 1 for shape in rest):
        bias = f"+{rest[0][0]}" if rest else ""
        if call.function == "conv2d":
            groups = call.arguments.get("groups", 1)
            channels = f"{weight[1] * groups}/{groups}" if groups > 1 else f"{weight[1]}"
            return Worked(total, f"{weight[0]}·({channels}·{weight[2]}·{weight[3]}){bias} = {total:,}")
        if call.function == "linear":
            return Worked(total, f"{weight[0]}·{weight[1]}{bias} = {total:,}")
        if call.function == "batch_norm" and rest == [weight]:
            return Worked(total, f"2·{weight[0]} = {total:,}")
    if len(shapes) == 1 and len(weight) == 1:
        return Worked(total, f"{total:,}")
    listing = "+".join("·".join(map(str, shape)) or "1" for shape in shapes)
    return Worked(total, f"{listing} = {total:,}")


def multiply_adds(call: Call) -> Worked:
    """Multiply-adds for one image by `CONVENTION`; where there is no formula here, PyTorch's flop counter, halved."""
    weight: tuple[int, ...] = call.arguments.get("weight", ())
    if call.function in ("conv1d", "conv2d", "conv3d"):
        places = prod(call.output_shape)
        groups = call.arguments.get("groups", 1)
        per_value = prod(weight[1:])
        channels = f"{weight[1] * groups}/{groups}" if groups > 1 else f"{weight[1]}"
        out = "·".join(map(str, call.output_shape))
        kernel = "·".join([channels, *map(str, weight[2:])])
        total = places * per_value
        return Worked(total, f"{out}·({kernel}) = {total:,}")
    if call.function.startswith("conv_transpose"):
        places, per_value = prod(call.input_shapes[0]), prod(weight[1:])
        total = places * per_value
        out, kernel = "·".join(map(str, call.input_shapes[0])), "·".join(map(str, weight[1:]))
        return Worked(total, f"{out}·({kernel}) = {total:,}")
    if call.function == "linear":
        total = prod(call.output_shape) * weight[1]
        return Worked(total, f"{'·'.join(map(str, call.output_shape))}·{weight[1]} = {total:,}")
    if call.function in ("matmul", "mm", "bmm"):
        inner = call.arguments["input"][-1]
        total = prod(call.output_shape) * inner
        return Worked(total, f"{'·'.join(map(str, call.output_shape))}·{inner} = {total:,}")
    fused = _fused(call)
    if fused is not None:
        return fused
    if call.flop:
        return Worked(call.flop // 2, f"{call.flop // 2:,}")
    return Worked(0)


def _fused(call: Call) -> Worked | None:
    """What one function does that several could: attention, recurrent layers, a bilinear form."""
    given = call.arguments
    if call.function == "bilinear":  # for each answer a row of products for every x1, then their sum with x1
        out, one, two = given["weight"]
        times = prod(call.output_shape) // out
        total = times * out * one * (two + 1)
        return Worked(total, f"{_times(times)}{out}·{one}·({two}+1) = {total:,}")
    if call.function == "scaled_dot_product_attention":  # Q·Kᵀ, then the weights times V
        keys, depth, values = given["key"][-2], given["query"][-1], given["value"][-1]
        queries = prod(call.whole_shape[:-1]) // call.images
        total = queries * keys * (depth + values)
        return Worked(total, f"{queries}·{keys}·({depth}+{values}) = {total:,}")
    if call.function == "multi_head_attention_forward":
        return _multi_head(call)
    if call.function in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        # (input, state, weights, …), or, for packed sequences, (values, batch sizes, state, weights, …)
        weights = given["third"] if isinstance(given["third"], list | tuple) else given["fourth"]
        if weights and not hasattr(weights[0], "shape"):
            weights = given["fourth"]
        is_packed = weights is given["fourth"]
        shapes = [tuple(one.shape) for one in weights if one.dim() == 2]
        steps = given["input"][0] if is_packed else prod(given["input"][:-1])
        return _at_every_step(steps // call.images, shapes)
    if call.function in ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"):
        return _at_every_step(prod(given["input"][:-1]) // call.images, [given["w_ih"], given["w_hh"]])
    return None


def _at_every_step(steps: int, matrices: list[tuple[int, ...]]) -> Worked:
    total = steps * sum(prod(shape) for shape in matrices)
    return Worked(total, f"{steps}·({'+'.join('·'.join(map(str, shape)) for shape in matrices)}) = {total:,}")


def _multi_head(call: Call) -> Worked:
    """Projections of queries, keys and values, attention, and the projection of what comes out."""
    given = call.arguments
    query, key, value = given["query"], given["key"], given["value"]
    width = query[-1]
    batch = query[1] if len(query) == 3 else 1
    queries, keys = query[0], key[0]
    attended = keys + (given.get("bias_k") is not None) + bool(given.get("add_zero_attn"))
    parts = [(queries, width, width), (keys, key[-1], width), (keys, value[-1], width)]
    parts += [(2 * queries, attended, width), (queries, width, width)]
    times = batch / call.images
    total = round(times * sum(prod(part) for part in parts))
    inside = "+".join("·".join(map(str, part)) for part in parts)
    return Worked(total, f"{inside} = {total:,}" if times == 1 else f"{times:g}·({inside}) = {total:,}")


def _times(count: int) -> str:
    return "" if count == 1 else f"{count}·"


def dense_equivalent(call: Call) -> Worked:
    """The parameters of one dense layer between the same two shapes, biases included: every input to every output."""
    values_in = sum(prod(shape) for shape in call.input_shapes)
    values_out = prod(call.output_shape)
    total = values_in * values_out + values_out
    return Worked(total, f"{values_in:,}·{values_out:,}+{values_out:,} = {total:,}")


def _at(value: Any, side: int) -> int:
    return int(value[side if len(value) > 1 else 0]) if isinstance(value, tuple | list) else int(value)
