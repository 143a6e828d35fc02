"""The sandbox of `cnnlab describe conv` and `describe pool`: one window on one image, no net."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from cnnlab.anatomy.window import WindowAxis

#: Words in NET's place that open the sandbox.
WINDOWS = ("conv", "pool")


def describe_window(kind: str, shape: tuple[int, ...], window: dict[str, Any], as_json: bool) -> None:
    """Print what one window does on one image.

    kind: of WINDOWS. shape: of the image in pixels, its last two sides count, or one side of a square. window: kernel,
    stride, padding and dilation, each one number or two in a tuple, None for the default. Raises UserError for a window
    that there cannot be.
    """
    from cnnlab.anatomy.window import window_axis

    if window["kernel"] is None:
        raise UserError(f"describe {kind}: --kernel is missing; expected the side of the window, such as --kernel 3")
    height, width = shape[-2:] if len(shape) > 1 else (shape[0], shape[0])
    kernel = _pair("kernel", window["kernel"], least=1)
    stride = _pair("stride", window["stride"] or (kernel if kind == "pool" else (1,)), least=1)
    padding = _pair("padding", window["padding"] or (0,), least=0)
    dilation = _pair("dilation", window["dilation"] or (1,), least=1)
    if kind == "pool" and any(2 * p > K for p, K in zip(padding, kernel, strict=True)):
        raise UserError(f"--padding: got {by(padding)} for a pool of {by(kernel)}; expected at most half the kernel")
    rows, columns = (
        window_axis(side, K, stride=s, padding=p, dilation=d)
        for side, K, s, p, d in zip((height, width), kernel, stride, padding, dilation, strict=True)
    )
    if as_json:
        document = {
            "input": [height, width],
            "output": [rows.output, columns.output],
            "arithmetic": [rows.arithmetic, columns.arithmetic],
            "unused_rows": list(rows.unused),
            "unused_columns": list(columns.unused),
            "rows": asdict(rows),
            "columns": asdict(columns),
        }
        click.echo(strict_json(document))
        return
    sliding = f"stride {by(stride, alone=True)}, padding {by(padding, alone=True)}"
    if dilation != (1, 1):
        sliding += f", dilation {by(dilation, alone=True)}"
    click.echo(f"{kind} {by(kernel)}, {sliding}, on {height}×{width}: output {rows.output}×{columns.output}\n")
    if rows == columns:
        _print_axis("rows and columns", rows)
    else:
        _print_axis("rows", rows)
        click.echo()
        _print_axis("columns", columns)


def by(shape: tuple[int, ...], *, alone: bool = False) -> str:
    """(6, 28, 28) → "6×28×28"; alone: equal sides as one number."""
    return str(shape[0]) if alone and len(set(shape)) == 1 else "×".join(map(str, shape))


def _print_axis(name: str, axis: WindowAxis) -> None:
    click.echo(f"{name}: {axis.arithmetic}")
    last = axis.first_pixels[-1]
    before, after = axis.padding_read
    reads = [f"{count} px of padding {where}" for count, where in ((before, "before"), (after, "after")) if count]
    read = " and ".join(reads) or "no padding"
    click.echo(f"the last window covers pixels {last} … {last + axis.reach - 1} of 0 … {axis.size - 1}; {read} is read")
    if axis.unused:
        click.echo(f"pixels that no window reads: {_ranges(axis.unused)} ({len(axis.unused)} of {axis.size})")
    else:
        click.echo("every pixel is read")
    if axis.size + 2 * axis.padding <= 64:
        click.echo()
        for line in _drawing(axis):
            click.echo(line)


def _drawing(axis: WindowAxis) -> list[str]:
    """The windows under the pixels: · padding, █ read, ░ leapt over, ^ a pixel that no window reads."""
    shown = axis.first_pixels if axis.output <= 6 else (*axis.first_pixels[:3], None, *axis.first_pixels[-2:])
    label = len(f"window {axis.output - 1}")
    numbers = "".join(str(pixel % 10) for pixel in range(axis.size))
    lines = ["pixel".ljust(label) + "  " + "·" * axis.padding + numbers + "·" * axis.padding]
    for first in shown:
        if first is None:
            lines.append("…".rjust(label))
            continue
        number = axis.first_pixels.index(first)
        taps = ("░" * (axis.dilation - 1)).join("█" * axis.kernel_size)
        lines.append(f"window {number}".ljust(label) + "  " + " " * (first + axis.padding) + taps)
    if axis.unused:
        marks = "".join("^" if pixel in axis.unused else " " for pixel in range(axis.size))
        lines.append("unread".ljust(label) + "  " + " " * axis.padding + marks.rstrip())
    return lines


def _pair(name: str, sides: tuple[int, ...], *, least: int) -> tuple[int, int]:
    if len(sides) > 2 or min(sides) < least:
        raise UserError(f"--{name}: got {by(sides)}; expected one number of at least {least}, or HxW")
    return sides[0], sides[-1]


def _ranges(numbers: tuple[int, ...]) -> str:
    """(1, 2, 3, 7) → "1–3, 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}–{part[-1]}" for part in parts)
