"""`cnnlab describe`."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.describe_window import WINDOWS, by, describe_window
from cnnlab.cli.terminal import Console, notice
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from cnnlab.anatomy import Anatomy, Layer
    from cnnlab.anatomy.verify import FieldCheck


#: The largest number that `--input`, `--kernel` and the like take, and digits enough to tell that one is larger.
LARGEST_SIDE, _DIGITS = 4096, 20


class Sides(click.ParamType):
    """Whole numbers joined by x, as in 1x28x28 or 3x5."""

    name = "NxN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """`"1x28x28"` → (1, 28, 28)."""
        if not re.fullmatch(r"\d+([x×]\d+)*", str(value)):
            self.fail(f"got {value!r}; expected whole numbers joined by x, such as 28x28")
        sides = tuple(int(side[:_DIGITS]) for side in re.split("[x×]", str(value)))
        if max(sides) > LARGEST_SIDE:
            self.fail(f"got {str(value)[:40]}; expected numbers up to {LARGEST_SIDE:,}")
        return sides


@click.command("describe")
@click.argument("net")
@click.option(
    "--input", "shape", type=Sides(), default="1x28x28", show_default=True, help="C×H×W, or H×W for one channel."
)
@click.option("--classes", type=click.IntRange(1), default=10, show_default=True, help="Outputs of the last layer.")
@click.option("--verify", is_flag=True, help="Check the receptive fields by gradients of sampled units.")
@click.option("--svg", type=options.GivenPath(is_file=True), help="Write a diagram of the net.")
@click.option("--dot", type=options.GivenPath(is_file=True), help="Write the graph for Graphviz.")
@click.option("--kernel", type=Sides(), help="conv, pool: side of the window, or H×W.")
@click.option("--stride", type=Sides(), help="conv, pool. [default: 1 for conv, the kernel for pool]")
@click.option("--padding", type=Sides(), help="conv, pool: on either side. [default: 0]")
@click.option("--dilation", type=Sides(), help="conv, pool. [default: 1]")
@options.net_options
@options.as_json
def command(
    net: str,
    shape: tuple[int, ...],
    classes: int,
    verify: bool,
    svg: Path | None,
    dot: Path | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Take NET apart: every layer's shape, parameters, multiply-adds and receptive field, with the arithmetic.

    The net runs once on random images; what it executes is what is listed, functions that its code calls included.
    No data set is needed and nothing is trained.

    With `conv` or `pool` in NET's place: one window on one image, its output size and the pixels it leaves unused, as
    in `cnnlab describe conv --input 28x28 --kernel 5 --stride 2 --padding 1`.
    """
    window = {name: values.pop(name) for name in ("kernel", "stride", "padding", "dilation")}
    if net in WINDOWS:
        describe_window(net, shape, window, as_json)
        return
    for name, value in window.items():
        if value is not None:
            raise UserError(f"--{name} describes one window: use it with `describe conv` or `describe pool`, got {net}")
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(f"--input: got {'x'.join(map(str, shape))}; expected CxHxW or HxW, such as 3x32x32")
    _describe(net, (shape[0], shape[1], shape[2]), classes, verify, svg, dot, as_json, values)


def _describe(
    net: str,
    shape: tuple[int, int, int],
    classes: int,
    verify: bool,
    svg: Path | None,
    dot: Path | None,
    as_json: bool,
    values: dict[str, Any],
) -> None:
    from cnnlab.anatomy import describe
    from cnnlab.anatomy.verify import verify_fields
    from cnnlab.config import NetSpec
    from cnnlab.nets import build_net
    from cnnlab.whole_files import write_whole

    spec = NetSpec(name=net, options=options.net_changes(values, net))
    module = build_net(spec, image_shape=shape, num_classes=classes, seed=0, own_code=net, needs_logits=False)
    anatomy = describe(module, shape)
    if svg is not None:
        from cnnlab.report.net.diagram import net_diagram

        write_whole(svg, net_diagram(anatomy).encode())
        notice(f"wrote {svg}")
    if dot is not None:
        from cnnlab.report.net.dot import net_dot

        write_whole(dot, net_dot(anatomy).encode())
        notice(f"wrote {dot}")
    checks = verify_fields(module, shape) if verify else None
    if as_json:
        found = {} if checks is None else {"verified": [asdict(check) for check in checks]}
        click.echo(strict_json(anatomy.to_json() | found))
    else:
        _print(net, anatomy, checks)


def _print(net: str, anatomy: Anatomy, checks: list[FieldCheck] | None) -> None:
    from rich.markup import escape
    from rich.table import Table

    from cnnlab.anatomy.arithmetic import CONVENTION
    from cnnlab.anatomy.describe import field_text

    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # a file or a pipe: nothing is cut
    is_wide = console.width >= 120
    memory = _bytes(sum(layer.activation_bytes for layer in anatomy.layers))
    console.print(
        f"[bold]{escape(net)}[/] on {by(anatomy.input)}: {anatomy.parameters:,} parameters, "
        f"{anatomy.macs:,} multiply-adds and {memory} of activations for one image\n"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("layer", overflow="fold")
    table.add_column("type")
    for head in ("output", "parameters", "multiply-adds", "field"):
        table.add_column(head, justify="right", no_wrap=True)
    if is_wide:
        for head in ("jump", "start", "memory", "dense instead"):
            table.add_column(head, justify="right", no_wrap=True, style="dim")
    for layer in anatomy.layers:
        cells = [
            escape(layer.name),
            escape(layer.type),
            by(layer.output_shape) or "1",
            _count(layer.parameters),
            _count(layer.macs),
            field_text(layer.receptive_field),
        ]
        if is_wide:
            dense = _count(layer.dense_equivalent_parameters) if layer.macs else ""
            field = layer.receptive_field
            cells += [_per_axis(field.jump), _per_axis(field.start), _bytes(layer.activation_bytes), dense]
        table.add_row(*cells)
    console.print(table)
    _print_arithmetic(console, anatomy)
    legend = {
        "field": "pixels of the image that a unit sees (≤: some units see fewer)",
        "jump": "pixels from one unit's field to its neighbour's",
        "start": "where the first unit's field begins; negative: in the padding",
        "memory": "of one image's output; – where it is a view of the input",
        "dense instead": "parameters of one dense layer between the same two shapes",
        "multiply-adds": CONVENTION,
    }
    console.print()
    for word, says in legend.items():
        if is_wide or word not in ("jump", "start", "memory", "dense instead"):
            console.print(f"[dim]{word}: {says}[/]")
    for note in _notes(anatomy):
        console.print(f"[yellow]note[/] {escape(note)}")
    if checks is not None:
        _print_checks(console, checks)


def _print_arithmetic(console: Console, anatomy: Anatomy) -> None:
    from rich.markup import escape

    lines = [(layer, _arithmetic(layer)) for layer in anatomy.layers]
    lines = [(layer, text) for layer, text in lines if text]
    if not lines:
        return
    console.print("\n[bold]how the numbers come about[/]")
    for layer, text in lines:
        console.print(f"{escape(layer.name)}  [dim]{escape(text)}[/]", soft_wrap=False)


def _arithmetic(layer: Layer) -> str:
    parts = [f"size {' and '.join(layer.size_arithmetic)}"] if layer.size_arithmetic else []
    if layer.field_arithmetic:
        parts.append(f"field {' and '.join(layer.field_arithmetic)}")
    if layer.parameters_arithmetic:
        parts.append(f"parameters {layer.parameters_arithmetic}")
    if layer.shared:
        parts.append(f"parameters shared with {', '.join(layer.shared)}")
    if layer.macs_arithmetic:
        parts.append(f"multiply-adds {layer.macs_arithmetic}")
    return "; ".join(parts)


def _notes(anatomy: Anatomy) -> list[str]:
    notes = list(anatomy.notes)
    if anatomy.unused_parameters:
        notes.append(f"parameters that no layer uses: {', '.join(anatomy.unused_parameters)}")
    return notes


def _print_checks(console: Console, checks: list[FieldCheck]) -> None:
    from rich.markup import escape

    units = sum(len(check.units) for check in checks)
    filled = sum(check.is_filled for check in checks)
    console.print(
        f"\n[bold]fields against gradients[/]: in {filled} of {len(checks)} layers the gradients of sampled units "
        f"({units} in all) reach the very pixels computed"
    )
    for check in checks:
        if check.outside:
            console.print(f"[red]wrong[/] {escape(check.layer)}: {check.outside} pixels reached outside the field")
        elif not check.is_filled:
            console.print(
                f"{escape(check.layer)}: {check.reached:,} of {check.pixels:,} pixels reached, none outside "
                "[dim](ReLU, max or a closed gate never chose the rest in the images tried, or the field is an upper "
                "bound)[/]"
            )


def _count(number: int) -> str:
    return f"{number:,}" if number else "–"


def _per_axis(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_per_axis(part) for part in value)
    return "varies" if value is None else str(value)


def _bytes(number: int) -> str:
    for size, unit in ((1e6, "MB"), (1e3, "kB")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B" if number else "–"
