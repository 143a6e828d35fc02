"""From a call that anatomy saw to an operation that the page can compute.

An operation is a dict with a `kind` that `web/layers.js` knows, its settings as plain values and its tensors. All of
them are for one image; axes are counted without the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from cnnlab.anatomy.describe import Layer
from cnnlab.anatomy.walk import Made
from cnnlab.errors import UserError
from cnnlab.explorer.taken import MOVES, runs, taken

Operation = dict[str, Any]

#: The page's name of the image. No path of PyTorch's begins with a dot, so that no layer has it. As in `web/net.js`.
IMAGE = ".image"

#: Functions of one value, with their settings and what those are by default.
ACTIVATIONS: dict[str, dict[str, float | None]] = {
    "relu": {},
    "relu6": {},
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0},
    "selu": {},
    "silu": {},
    "mish": {},
    "gelu": {},
    "hardswish": {},
    "hardsigmoid": {},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "clamp": {"min": None, "max": None},
    "sigmoid": {},
    "tanh": {},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "softsign": {},
    "square": {},
    "neg": {},
    "abs": {},
}


def operation(layer: Layer) -> Operation:
    """What the page has to compute for a layer. Raises UserError, naming the layer, where the page cannot."""
    function = layer.call.function
    if function in ACTIVATIONS:
        return _activation(layer)
    if function not in _OPERATIONS:
        raise unknown(layer, f"{function} is not one that the explorer's page can compute")
    return _OPERATIONS[function](layer)


def unknown(layer: Layer, reason: str) -> UserError:
    """What to tell the user about a layer that the page does not know."""
    known = (
        "convolution, transposed convolution, batch, group, layer, instance and RMS norm, ReLU and other activations, "
        "max, average and adaptive pooling, dropout, flatten, linear, +, −, ×, ÷, cat, mean, sum, padding, cuts, "
        "permute, flips, pixel and channel shuffle, enlarging by the nearest value, softmax"
    )
    return UserError(
        f"layer {layer.name} ({layer.type}): {reason}; expected one of: {known}: replace the layer, or look at the net "
        "with cnnlab describe"
    )


def sources(layer: Layer) -> dict[int, str]:
    """The calls that a layer reads, and the page's names of their layers: `IMAGE` for the image."""
    names = zip(layer.call.inputs, layer.inputs, strict=True)
    return {call: IMAGE if call < 0 else name for call, name in names}


def _conv(layer: Layer) -> Operation:
    given = layer.call.operands
    weight = _constant(layer, "weight")
    K = weight.shape[2:]
    dilation, padding = _pair(given.get("dilation", 1)), given.get("padding", 0)
    if padding == "same":  # the odd pixel goes to the right and below
        whole = [d * (k - 1) for d, k in zip(dilation, K, strict=True)]
        sides = [whole[0] // 2, whole[1] // 2, whole[0] - whole[0] // 2, whole[1] - whole[1] // 2]
    else:
        top, left = (0, 0) if padding == "valid" else _pair(padding)
        sides = [top, left, top, left]
    return {
        "kind": "conv",
        "weight": weight,
        "bias": None if given.get("bias") is None else _constant(layer, "bias"),
        "stride": _pair(given.get("stride", 1)),
        "padding": sides,
        "dilation": dilation,
        "groups": given.get("groups", 1),
    }


def _transposed_conv(layer: Layer) -> Operation:
    given = layer.call.operands
    return {
        "kind": "transposed_conv",
        "weight": _constant(layer, "weight"),
        "bias": None if given.get("bias") is None else _constant(layer, "bias"),
        "stride": _pair(given.get("stride", 1)),
        "padding": _pair(given.get("padding", 0)),
        "dilation": _pair(given.get("dilation", 1)),
        "groups": given.get("groups", 1),
    }


def _linear(layer: Layer) -> Operation:
    bias = layer.call.operands.get("bias")
    return {
        "kind": "linear",
        "weight": _constant(layer, "weight"),
        "bias": None if bias is None else _constant(layer, "bias"),
    }


def _batch_norm(layer: Layer) -> Operation:
    given = layer.call.operands
    if given.get("running_mean") is None or given.get("training"):
        raise unknown(layer, "it has no running averages, so that an image's values depend on its batch")
    channels = layer.call.output_shape[0]
    gamma, beta = given.get("weight"), given.get("bias")
    return {
        "kind": "batch_norm",
        "mean": _constant(layer, "running_mean"),
        "variance": _constant(layer, "running_var"),
        "gamma": torch.ones(channels) if gamma is None else gamma,
        "beta": torch.zeros(channels) if beta is None else beta,
        "epsilon": given.get("eps", 1e-5),
    }


def _norm(layer: Layer) -> Operation:
    """A norm by averages of the image's own values, which lie together.

    together: neighbouring values that share mean and deviation. each: neighbouring values that share γ and β, which
    begin again after the last.
    """
    function, given, shape = layer.call.function, layer.call.operands, layer.input_shapes[0]
    if function == "instance_norm" and given.get("running_mean") is not None and not given.get("use_input_stats", True):
        return _batch_norm(layer)
    if not layer.call.is_by_image:
        raise unknown(layer, "it reads several images at once")
    plane = prod(shape[1:])
    together = {
        "group_norm": lambda: prod(shape) // given["num_groups"],
        "instance_norm": lambda: plane,
        "layer_norm": lambda: prod(given["normalized_shape"]),
        "rms_norm": lambda: prod(given["normalized_shape"]),
    }[function]()
    epsilon = given.get("eps")
    return {
        "kind": "norm",
        "by": function,
        "together": together,
        "each": 1 if function in ("layer_norm", "rms_norm") else plane,
        "is_centred": function != "rms_norm",
        "epsilon": epsilon
        if epsilon is not None
        else torch.finfo(torch.float32).eps
        if function == "rms_norm"
        else 1e-5,
        "gamma": None if given.get("weight") is None else _constant(layer, "weight").flatten(),
        "beta": None if given.get("bias") is None else _constant(layer, "bias").flatten(),
    }


def _activation(layer: Layer) -> Operation:
    function, given = layer.call.function, layer.call.operands
    if function == "gelu" and given.get("approximate", "none") != "none":
        raise unknown(layer, "it is the approximation by tanh; expected the exact GELU")
    settings = {key: given.get(key, default) for key, default in ACTIVATIONS[function].items()}
    return {"kind": "activation", "function": function} | settings


def _prelu(layer: Layer) -> Operation:
    return {"kind": "prelu", "slope": _constant(layer, "weight")}


def _max_pool(layer: Layer) -> Operation:
    given = layer.call.operands
    kernel = _pair(given["kernel_size"])
    stride, padding = _pair(given.get("stride") or kernel), _pair(given.get("padding", 0))
    dilation = _pair(given.get("dilation", 1))
    windows = [
        [
            [at for k in range(kernel[side]) if 0 <= (at := stride[side] * o - padding[side] + dilation[side] * k) < n]
            for o in range(layer.call.output_shape[1 + side])
        ]
        for side, n in enumerate(layer.input_shapes[0][1:])
    ]
    return {"kind": "pool", "by": "max", "rows": windows[0], "columns": windows[1]}


def _average_pool(layer: Layer) -> Operation:
    given = layer.call.operands
    kernel = _pair(given["kernel_size"])
    stride, padding = _pair(given.get("stride") or kernel), _pair(given.get("padding", 0))
    windows: list[list[list[int]]] = []
    counts: list[list[int]] = []
    for side, n in enumerate(layer.input_shapes[0][1:]):
        windows.append([])
        counts.append([])
        for o in range(layer.call.output_shape[1 + side]):
            first = stride[side] * o - padding[side]
            end = min(first + kernel[side], n + padding[side])
            inside = list(range(max(first, 0), min(end, n)))
            windows[side].append(inside)
            counts[side].append(end - first if given.get("count_include_pad", True) else len(inside))
    return {
        "kind": "pool",
        "by": "mean",
        "rows": windows[0],
        "columns": windows[1],
        "row_counts": counts[0],
        "column_counts": counts[1],
        "divisor": given.get("divisor_override"),
    }


def _adaptive_pool(layer: Layer) -> Operation:
    windows = [
        [list(range(o * n // size, -(-(o + 1) * n // size))) for o in range(size)]
        for n, size in zip(layer.input_shapes[0][1:], layer.call.output_shape[1:], strict=True)
    ]
    pool: Operation = {"kind": "pool", "rows": windows[0], "columns": windows[1]}
    if layer.call.function == "adaptive_max_pool2d":
        return pool | {"by": "max"}
    counts = [[len(window) for window in side] for side in windows]
    return pool | {"by": "mean", "row_counts": counts[0], "column_counts": counts[1], "divisor": None}


def _same(_layer: Layer) -> Operation:
    return {"kind": "same"}


def _dropout(layer: Layer) -> Operation:
    """together: values, one after the other, that are dropped or kept as one. is_alpha: with a value and a scale for
    SELU instead of 0 and 1 / (1 - p)."""
    function, shape = layer.call.function, layer.call.output_shape
    if layer.call.operands.get("training"):
        raise unknown(layer, "it drops units in eval mode, too, so that no two passes agree")
    together = 1
    if function in _DROPS_CHANNELS:
        # PyTorch takes a batch for the channels of one image where it expects one axis more.
        expected = {"dropout1d": 2, "dropout3d": 4}.get(function, len(shape))
        together = prod(shape[1:]) if len(shape) == expected else prod(shape)
    return {
        "kind": "same",
        "dropout": layer.call.operands.get("p", 0.5),
        "together": together,
        "is_alpha": "alpha" in function,
    }


def _reshape(layer: Layer) -> Operation:
    if prod(layer.input_shapes[0]) != prod(layer.call.output_shape):
        raise unknown(layer, f"it takes {_by(layer.input_shapes[0])} apart to {_by(layer.call.output_shape)}")
    return {"kind": "reshape"}


def _take(layer: Layer) -> Operation:
    """Values of the layer before, in another order or place; a reshape where they stay in theirs."""
    places = taken(layer.call)
    if places is None:
        raise unknown(layer, "it does not only take values of the layer before, in places that every image shares")
    if places == list(range(prod(layer.input_shapes[0]))):
        return {"kind": "reshape"}
    return {"kind": "take", "by": layer.call.function, "runs": runs(places)}


def _combine(layer: Layer) -> Operation:
    given = layer.call.operands
    if given.get("alpha", 1) != 1 or given.get("rounding_mode") or not {"input", "other"} <= set(given):
        raise unknown(layer, "it is called with settings that the page does not know")
    names, operands = sources(layer), []
    for value in (given["input"], given["other"]):
        if isinstance(value, Made):
            operands.append({"layer": names[value.call]})
        else:
            constant = torch.as_tensor(value, dtype=torch.float32)
            if constant.dim() > len(layer.call.output_shape):
                constant = constant.squeeze(0)
            if constant.dim() > len(layer.call.output_shape):
                raise unknown(layer, "it combines an image with values of another image")
            operands.append({"value": constant})
    return {"kind": "combine", "by": layer.call.function, "operands": operands}


def _concat(layer: Layer) -> Operation:
    names, parts = sources(layer), layer.call.operands["tensors"]
    if not all(isinstance(part, Made) for part in parts):
        raise unknown(layer, "one of its parts does not depend on the image")
    return {
        "kind": "concat",
        "axis": _axis(layer, layer.call.operands.get("dim", 0)),
        "parts": [names[part.call] for part in parts],
    }


def _softmax(layer: Layer) -> Operation:
    axis = _axis(layer, layer.call.operands.get("dim", 1))
    return {"kind": "softmax", "axis": axis, "log": layer.call.function == "log_softmax"}


def _reduce(layer: Layer) -> Operation:
    dims = layer.call.operands.get("dim")
    if dims is None:
        raise unknown(layer, "it sums over the whole batch")
    dims = dims if isinstance(dims, tuple | list) else (dims,)
    return {"kind": "reduce", "by": layer.call.function, "axes": sorted(_axis(layer, dim) for dim in dims)}


def _pad(layer: Layer) -> Operation:
    given = layer.call.operands
    sides = list(given["pad"])
    if given.get("mode", "constant") == "constant":
        if given.get("value") not in (None, 0):
            raise unknown(layer, "it pads with another constant than 0")
        if len(layer.input_shapes[0]) == 3 and len(sides) <= 4 and min(sides) >= 0:
            left, right, top, bottom = [*sides, 0, 0][:4]
            return {"kind": "pad", "padding": [top, left, bottom, right]}
    return _take(layer)


_DROPS_CHANNELS = {"dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"}

_OPERATIONS: dict[str, Callable[[Layer], Operation]] = {
    **dict.fromkeys(MOVES, _take),
    "conv2d": _conv,
    "conv_transpose2d": _transposed_conv,
    "linear": _linear,
    "batch_norm": _batch_norm,
    **dict.fromkeys(("group_norm", "layer_norm", "instance_norm", "rms_norm"), _norm),
    "prelu": _prelu,
    "max_pool2d": _max_pool,
    "avg_pool2d": _average_pool,
    "adaptive_avg_pool2d": _adaptive_pool,
    "adaptive_max_pool2d": _adaptive_pool,
    "identity": _same,
    "dropout": _dropout,
    "alpha_dropout": _dropout,
    **dict.fromkeys(_DROPS_CHANNELS, _dropout),
    "flatten": _reshape,
    "view": _reshape,
    "reshape": _reshape,
    "unflatten": _reshape,
    "squeeze": _reshape,
    "unsqueeze": _reshape,
    "add": _combine,
    "sub": _combine,
    "mul": _combine,
    "div": _combine,
    "cat": _concat,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "mean": _reduce,
    "sum": _reduce,
    "pad": _pad,
}


def _constant(layer: Layer, name: str) -> Tensor:
    value = layer.call.operands[name]
    if not isinstance(value, Tensor):
        raise unknown(layer, f"its {name} depends on the image")
    return value


def _axis(layer: Layer, dim: int) -> int:
    axis = dim % (len(layer.input_shapes[0]) + 1) - 1
    if axis < 0:
        raise unknown(layer, "it mixes the images of a batch")
    return axis


def _pair(value: Any) -> list[int]:
    return [int(value[0]), int(value[-1])] if isinstance(value, tuple | list) else [int(value)] * 2


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
