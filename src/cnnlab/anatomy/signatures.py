"""What a call of PyTorch is called without decoration, and its arguments by name."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.overrides import resolve_name

#: Functions that make one value of many along some dimensions.
REDUCTIONS = (
    "mean", "sum", "amax", "amin", "max", "min", "std", "var", "prod", "logsumexp", "argmax", "argmin",
)  # fmt: skip

#: Names of positional arguments, for the functions whose arguments anatomy reads (most are builtins without signature).
_NAMES: dict[str, tuple[str, ...]] = {
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv3d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose1d": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "conv_transpose2d": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "conv_transpose3d": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
    "linear": ("input", "weight", "bias"),
    "bilinear": ("input", "input2", "weight", "bias"),
    "matmul": ("input", "other"),
    "mm": ("input", "other"),
    "bmm": ("input", "other"),
    "max_pool2d": ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "avg_pool2d": ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    "lp_pool2d": ("input", "norm_type", "kernel_size", "stride", "ceil_mode"),
    "adaptive_avg_pool2d": ("input", "output_size"),
    "adaptive_max_pool2d": ("input", "output_size"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
    "instance_norm": ("input", "running_mean", "running_var", "weight", "bias", "use_input_stats", "momentum", "eps"),
    "rms_norm": ("input", "normalized_shape", "weight", "eps"),
    "pad": ("input", "pad", "mode", "value"),
    "interpolate": ("input", "size", "scale_factor", "mode", "align_corners", "recompute_scale_factor", "antialias"),
    "upsample": ("input", "size", "scale_factor", "mode", "align_corners"),
    "flatten": ("input", "start_dim", "end_dim"),
    "permute": ("input", "dims"),
    "transpose": ("input", "dim0", "dim1"),
    "movedim": ("input", "source", "destination"),
    "flip": ("input", "dims"),
    "roll": ("input", "shifts", "dims"),
    "narrow": ("input", "dim", "start", "length"),
    "select": ("input", "dim", "index"),
    "repeat_interleave": ("input", "repeats", "dim"),
    "pixel_shuffle": ("input", "upscale_factor"),
    "pixel_unshuffle": ("input", "downscale_factor"),
    "channel_shuffle": ("input", "groups"),
    "squeeze": ("input", "dim"),
    "unsqueeze": ("input", "dim"),
    "softmax": ("input", "dim"),
    "log_softmax": ("input", "dim"),
    "normalize": ("input", "p", "dim"),
    "scaled_dot_product_attention": ("query", "key", "value"),
    "multi_head_attention_forward": (
        "query",
        "key",
        "value",
        "embed_dim_to_check",
        "num_heads",
        "in_proj_weight",
        "in_proj_bias",
        "bias_k",
        "bias_v",
        "add_zero_attn",
        "dropout_p",
        "out_proj_weight",
    ),
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), ("input", "second", "third", "fourth")),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), ("input", "hx", "w_ih", "w_hh")),
    "cat": ("tensors", "dim"),
    "chunk": ("input", "chunks", "dim"),
    "split": ("input", "split_size", "dim"),
    "getitem": ("input", "index"),
    **dict.fromkeys(REDUCTIONS, ("input", "dim", "keepdim")),
    **dict.fromkeys(("add", "sub", "mul", "div", "maximum", "minimum", "pow"), ("input", "other")),
    "prelu": ("input", "weight"),
    "leaky_relu": ("input", "negative_slope"),
    "elu": ("input", "alpha"),
    "hardtanh": ("input", "min_val", "max_val"),
    "clamp": ("input", "min", "max"),
    "softplus": ("input", "beta", "threshold"),
}

#: Functions that are products and sums through and through, counted on constants, too.
PRODUCTS = {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear", "bilinear",
    "matmul", "mm", "bmm", "mv", "addmm", "baddbmm", "einsum", "tensordot", "scaled_dot_product_attention",
    "multi_head_attention_forward", "lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell",
    "rnn_relu_cell",
}  # fmt: skip

#: What stands in names of functions that multiply and sum within themselves, out of the flop counter's sight.
_HIDDEN_PRODUCTS = (
    "fft", "stft", "linalg", "cdist", "attention", "transformer", "lstm", "gru", "rnn", "deform", "embedding_bag",
    "sparse", "quantized", "inverse", "svd", "cholesky", "matrix", "lobpcg", "conv", "linear",
)  # fmt: skip

#: Functions that make each value from the values in the same place of what they are given (batch norm in eval mode).
VALUE_BY_VALUE = {
    "identity", "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "hardswish", "hardsigmoid", "hardtanh", "sigmoid", "logsigmoid", "tanh", "tanhshrink", "softplus", "softsign",
    "softshrink", "hardshrink", "threshold", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "pow", "abs",
    "absolute", "neg", "sign", "sin", "cos", "atan", "erf", "clamp", "clip", "reciprocal", "round", "floor", "ceil",
    "nan_to_num", "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout",
    "batch_norm", "local_response_norm", "channel_shuffle", "add", "sub", "mul", "div", "maximum", "minimum", "where",
    "addcmul", "addcdiv", "lerp", "rsub", "gt", "ge", "lt", "le", "eq", "ne",
}  # fmt: skip

_ALIASES = {
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "max_pool2d_with_indices": "max_pool2d",
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
    "truediv": "div",
    "divide": "div",
    "true_divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "upsample_nearest": "upsample",
    "upsample_bilinear": "upsample",
}

#: Special methods by which Python reads a tensor's value; their plain names are conversions.
_VALUES = {"__bool__", "__int__", "__float__", "__index__"}


#: Functions that move or choose values: anatomy does not follow their places, but there are no products in them.
_NO_PRODUCTS = {
    "setitem", "opaque", "fliplr", "flipud", "rot90", "expand", "expand_as", "repeat", "tile", "stack", "unbind",
    "cumsum", "unfold", "fold", "T", "mT", "gather", "index_select", "masked_fill", "masked_select", "topk", "sort",
    "any", "all", "view_as", "reshape_as", "max_pool1d", "avg_pool1d", "max_pool3d", "avg_pool3d",
    "adaptive_avg_pool1d", "adaptive_avg_pool3d", "as_strided", "triu", "tril", "matrix_transpose",
}  # fmt: skip


def is_known(name: str) -> bool:
    """Whether anatomy knows which products, if any, are in a function."""
    return name in VALUE_BY_VALUE or name in _NO_PRODUCTS or name in _NAMES


def hides_products(func: Any, name: str) -> bool:
    """Whether a function that anatomy does not know may hold products that PyTorch's flop counter does not see."""
    if is_known(name):
        return False
    namespace = str(getattr(func, "__module__", "") or "")
    is_custom = namespace.startswith("torch.ops.") and not namespace.startswith(("torch.ops.aten", "torch.ops.prim"))
    return is_custom or any(word in f"{resolve_name(func) or name}".lower() for word in _HIDDEN_PRODUCTS)


def canonical_name(func: Any) -> str:
    """`add` for `torch.add`, `Tensor.add_`, `+` from either side and `+=`; `T` for the property `x.T`."""
    func = getattr(func, "overloadpacket", func)  # `aten.conv2d.default` in an exported net
    name = resolve_name(func) or getattr(func, "__name__", "call")
    parts = name.split(".")
    name = parts[-2] if parts[-1] in ("__get__", "__set__") and len(parts) > 1 else parts[-1]
    if name in _VALUES:
        return name.strip("_") + "_value"
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
        for prefix in ("r", "i"):
            if name[0] == prefix and name[1:] in ("add", "sub", "mul", "truediv", "matmul", "pow", "div"):
                name = name[1:]
    elif name.endswith("_") and not name.startswith("_"):
        name = name.rstrip("_")
    return _ALIASES.get(name, name)


def bind(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name; a tensor is replaced by its shape as a tuple, nested ones are left as they are."""
    named = bind_values(name, args, kwargs)
    return {key: tuple(value.shape) if isinstance(value, Tensor) else value for key, value in named.items()}


def bind_values(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, tensors as they are.

    `permute` and `squeeze` may be given dims one by one: they are gathered.
    """
    names = _NAMES.get(name, ())
    if name in ("permute", "squeeze", "flip") and len(args) > 2:
        args = (args[0], tuple(args[1:]))
    bound = dict(zip(names, args, strict=False)) | {str(k): v for k, v in kwargs.items()}
    if "axis" in bound:
        bound["dim"] = bound.pop("axis")
    return bound


def is_reflected(func: Any) -> bool:
    """Whether a call has its operands the other way round: `1 - x` calls `x.__rsub__(1)`."""
    return getattr(func, "__name__", "") in ("__rsub__", "__rdiv__", "__rtruediv__", "__rpow__", "rsub")
