"""Why a net does not run: the layer, what came in, what it wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Misfit:
    """The call that failed. shapes: of all tensors given to it, the batch included, in order."""

    module: str
    module_type: str
    function: str
    shapes: list[tuple[int, ...]]
    arguments: dict[str, Any]


def misfit_words(net: str, image_shape: tuple[int, ...], error: Exception, misfit: Misfit | None) -> str:
    """Why a net does not take such images, in one line for a UserError."""
    reason = (str(error).splitlines() or [""])[0] or type(error).__name__
    image = "×".join(map(str, image_shape))
    if misfit is None:
        return (
            f"{net}: its forward failed on images of {image}: {type(error).__name__}: {reason}; expected a net that "
            "takes one batch of images (N, C, H, W): choose another --input or mend the net"
        )
    layer = f"layer {misfit.module} ({misfit.module_type})" if misfit.module else f"{net}'s {misfit.function}"
    if misfit.module and misfit.function not in misfit.module_type.lower():
        layer += f", {misfit.function}"
    return f"{net} on images of {image}: {layer}: {_wanted(misfit) or _in_general(misfit, reason)}"


def _wanted(misfit: Misfit) -> str | None:
    """What came in, what was wanted and how to mend it, for the layers that most often do not fit."""
    shapes, arguments = misfit.shapes, misfit.arguments
    got = _shape(shapes[0][1:]) if shapes else "nothing"
    if misfit.function in ("conv2d", "conv_transpose2d") and len(shapes) > 1:
        if len(shapes[0]) != 4:
            return f"got {got}; wanted maps (C, H, W): no flatten or reshape before it"
        weight, groups = shapes[1], arguments.get("groups", 1)
        channels = weight[1] * groups if misfit.function == "conv2d" else weight[0]
        if shapes[0][1] != channels:
            return f"got {got}; wanted {channels} channels: set its in_channels to {shapes[0][1]}"
        return (
            f"got {got}; wanted at least {_reach(weight[2], arguments, 0)}×{_reach(weight[3], arguments, 1)}, its "
            "kernel less the padding: use a larger image, a smaller kernel, more padding or fewer pools before it"
        )
    if misfit.function == "linear" and len(shapes) > 1 and shapes[0]:
        return f"got {shapes[0][-1]} values ({got}); wanted {shapes[1][1]}: set its in_features to {shapes[0][-1]}"
    if misfit.function == "batch_norm" and len(shapes) > 1 and len(shapes[0]) > 1:
        return f"got {got}; wanted {shapes[1][0]} channels: set its num_features to {shapes[0][1]}"
    if misfit.function in ("max_pool2d", "avg_pool2d", "lp_pool2d"):
        if len(shapes[0]) != 4:
            return f"got {got}; wanted maps (C, H, W): no flatten or reshape before it"
        kernel = arguments.get("kernel_size", 1)
        height, width = kernel if isinstance(kernel, tuple | list) else (kernel, kernel)
        return (
            f"got {got}; wanted at least {_reach(height, arguments, 0)}×{_reach(width, arguments, 1)}, its window less "
            "the padding: use a larger image or fewer pools"
        )
    if misfit.function in ("add", "sub", "mul", "div") and len(shapes) == 2:
        return (
            f"got {got} and {_shape(shapes[1][1:])}; wanted equal shapes: mend stride, padding or channels of one side"
        )
    if misfit.function == "cat" and len(shapes) > 1:
        listing = ", ".join(_shape(shape[1:]) for shape in shapes)
        return f"got {listing}; wanted shapes that differ along dim {arguments.get('dim', 0)} only"
    return None


def _in_general(misfit: Misfit, reason: str) -> str:
    got = ", ".join(_shape(shape[1:]) for shape in misfit.shapes) or "nothing"
    return f"got {got}; {reason.rstrip('.')}: mend the layer, or choose another image size"


def _reach(kernel: int, arguments: dict[str, Any], axis: int) -> int:
    """The smallest side that a window fits."""

    def of(name: str, default: int) -> int:
        value = arguments.get(name, default)
        return (
            int(value[axis]) if isinstance(value, tuple | list) else default if isinstance(value, str) else int(value)
        )

    return max(1, of("dilation", 1) * (kernel - 1) + 1 - 2 * of("padding", 0))


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
