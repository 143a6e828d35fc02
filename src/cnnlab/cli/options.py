"""Options that several commands share, and flags made from the fields of a config record."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic import BaseModel

from cnnlab.config import Augmentation, Training
from cnnlab.errors import UserError
from cnnlab.experiments.engines.choice import ENGINES
from cnnlab.given_path import given_path

Command = TypeVar("Command", bound=Callable[..., Any])

#: A seed, as a run's config takes it.
SEED = click.IntRange(0, 2**63 - 1)


class GivenPath(click.Path):
    """A path that the system takes, of a folder or of a file."""

    def __init__(self, *, is_file: bool = False) -> None:
        super().__init__(path_type=Path, dir_okay=not is_file)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`"runs/a"` → Path. Raises UserError for a path that there cannot be."""
        what = "path" if param is None else param.opts[0] if param.opts[0][0] == "-" else str(param.metavar)
        given_path(value, what)
        return super().convert(value, param, ctx)


data_root = click.option(
    "--data-root",
    type=GivenPath(),
    envvar="CNNLAB_DATA",
    show_envvar=True,
    help="Where full sets already lie, as PyTorch lays them out: ROOT/MNIST/raw/…, or flat in ROOT.",
)
image_size = click.option(
    "--image-size",
    type=click.IntRange(4),
    help="Side of the images: folder:, parquet: fitted to it; others with zeros laid round them.",
)
channels = click.option(
    "--channels",
    type=click.Choice(["1", "3"]),
    help="Gray made RGB, or RGB made gray. [default: as the data are]",
)
skip_damaged = click.option(
    "--skip-damaged",
    is_flag=True,
    help="folder: only: leave out image files that cannot be read, and name them. [default: refuse]",
)


def damaged_skipped(data: str, skip_damaged: bool) -> str:
    """The name of the data with `+skip-damaged` in it, where that was asked for."""
    from cnnlab.data.views import with_skipping

    return with_skipping(data) if skip_damaged else data


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
preparation = click.option(
    "--preparation",
    type=click.Choice(["digit", "garment", "resize", "none"]),
    help="How image files become what the net takes: as MNIST, as Fashion-MNIST, scaled, or as they are. "
    "[default: the data's own]",
)
own_net = click.option(
    "--net",
    "own_code",
    metavar="FILE:CLASS",
    help="The code of a run of your own net: never run unless named here.",
)
own_nets = click.option(
    "--net",
    "own_codes",
    metavar="FILE:CLASS",
    multiple=True,
    help="The code of a run of your own net: never run unless named here. Once for each run whose net is your own.",
)


class Numbers(click.ParamType):
    """Whole numbers separated by commas: `32,64`."""

    name = "N,N,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """`"32,64"` → (32, 64)."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"got {value!r}; expected whole numbers separated by commas, such as 32,64")


class NameAndValue(click.ParamType):
    """A name and a value for it: `depth=3`."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """`"depth=3"` → ("depth", 3); a number, true or false, whole numbers with commas, else a word."""
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not (equals and name.isidentifier() and text):
            self.fail(f"got {value!r}; expected NAME=VALUE, such as depth=3")
        from cnnlab.experiments.variants import plain_value

        return name, plain_value(text)


#: Options of the nets, by the name of their constructors' keyword; a net refuses those it does not have.
NET_OPTIONS: dict[str, tuple[Any, str]] = {
    "dropout": (float, "Share of units that dropout turns off (the lesson: 0.5; recipe fast: 0)."),
    "hidden": (Numbers(), "conv-net, mlp: units of the hidden dense layers."),
    "widths": (Numbers(), "conv-net: channels of each block."),
    "kernel_size": (int, "conv-net: side of the filters."),
    "convs_per_block": (int, "conv-net: convolutions before each pool."),
    "batch_norm": (bool, "conv-net: batch norm after each convolution, or none."),
    "pool": (click.Choice(["max", "average", "stride", "none"]), "conv-net: how a block halves the image."),
    "connections": (click.Choice(["full", "table"]), "lenet5: what C3's maps see; table: as in 1998."),
    "subsampling": (
        click.Choice(["max", "average", "trainable"]),
        "lenet5: S2 and S4; trainable: as in 1998.",
    ),
    "activation": (click.Choice(["relu", "scaled-tanh"]), "lenet5: scaled-tanh: as in 1998."),
    "output": (click.Choice(["linear", "rbf"]), "lenet5: rbf: distances to bitmaps, as in 1998."),
}


def engine(command: Command) -> Command:
    """Add --engine, and what belongs to it; `choose_engine` makes one of them."""
    address = click.option(
        "--ray-address",
        metavar="HOST:PORT",
        help="engine ray: the head of a cluster that this machine is a node of; else Ray starts here.",
    )
    name = click.option(
        "--engine",
        type=click.Choice(list(ENGINES)),
        default="auto",
        show_default=True,
        help="; ".join(f"{name}: {hint}" for name, hint in ENGINES.items())
        + ". Compare within one engine only: the same seed on another ends 0.2 to 0.4 points of accuracy away.",
    )
    return name(address(command))


#: Fields of Training that have a flag of their own in `train`, with the short name that the contract gives them.
_ELSEWHERE = {"epochs", "augmentation"}


net_option = click.option(
    "--net-option",
    "own_options",
    multiple=True,
    type=NameAndValue(),
    help="Your own net: a value for its constructor: a number, true or false, 32,64 or a word. Once for each.",
)


def net_options(command: Command) -> Command:
    """Add a flag for every option that a net can have."""
    command = net_option(command)
    for name, (kind, hint) in reversed(NET_OPTIONS.items()):
        command = _flag(name, kind, hint)(command)
    return command


def several_net_options(command: Command) -> Command:
    """Add a flag for every option that a net can have, each to be given several values."""
    for name, (kind, hint) in reversed(NET_OPTIONS.items()):
        flag = "--" + name.replace("_", "-")
        command = click.option(flag, name, type=kind, multiple=True, metavar=f"{_metavar(kind)} …", help=hint)(command)
    return command


def net_settings(values: dict[str, Any], net: str) -> list[str]:
    """The user's own values for options of the net as `field=value`. Raises UserError for one that it lacks."""
    from cnnlab.nets.resolve import options_of

    given = {name: values[name] for name in NET_OPTIONS if values[name]}
    takes = options_of(net)
    for name in given:
        if name not in takes:
            listing = ", ".join(sorted(takes)).replace("_", "-") or "none"
            raise UserError(f"{net} has no option {name.replace('_', '-')}; it takes: {listing}")
    return [f"{name.replace('_', '-')}={_typed(value)}" for name, several in given.items() for value in several]


def training_options(command: Command) -> Command:
    """Add a flag for every field of `Training` and of `Augmentation`, with its own description."""
    fields = [item for record in (Training, Augmentation) for item in record.model_fields.items()]
    for name, field in reversed(fields):
        if name not in _ELSEWHERE:
            hint = str(field.description)
            command = _flag(name, _click_type(field.annotation), hint[0].upper() + hint[1:] + ".")(command)
    return command


def chosen(values: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those options of `names` that the user gave on the command line."""
    return {name: values[name] for name in names if values.get(name) is not None}


def training_changes(values: dict[str, Any]) -> dict[str, Any]:
    """The user's own values for fields of `Training` and `Augmentation`."""
    names = [*Training.model_fields, *Augmentation.model_fields]
    return chosen(values, (name for name in names if name not in _ELSEWHERE))


def net_changes(values: dict[str, Any], net: str) -> dict[str, Any]:
    """The user's own values for options of the net. conv-net has one hidden layer, the others a list."""
    from cnnlab.nets.resolve import is_own

    options = chosen(values, NET_OPTIONS)
    of_own = dict(values.get("own_options") or ())
    if of_own and not is_own(net):
        raise UserError(
            f"--net-option: got {', '.join(of_own)} for {net}; expected a net of your own: {net} has flags, see --help"
        )
    options |= of_own
    if net == "conv-net" and "hidden" in options:
        if len(options["hidden"]) != 1:
            raise UserError(f"--hidden: got {options['hidden']}; conv-net expected one number, such as --hidden 128")
        options["hidden"] = options["hidden"][0]
    return options


def _flag(name: str, kind: Any, hint: str) -> Callable[[Command], Command]:
    flag = "--" + name.replace("_", "-")
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=hint)
    nargs = 2 if kind is tuple else 1
    return click.option(flag, name, type=float if kind is tuple else kind, nargs=nargs, default=None, help=hint)


def _metavar(kind: Any) -> str:
    if isinstance(kind, click.Choice):
        return "|".join(map(str, kind.choices))
    return kind.name if isinstance(kind, click.ParamType) else {bool: "on|off"}.get(kind, "N")


def _typed(value: Any) -> str:
    """A value as it is typed: `32,64`, `on`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return str(value).removesuffix(".0")
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _click_type(annotation: Any) -> Any:
    if isinstance(annotation, types.UnionType):  # `int | None`
        annotation = next(part for part in get_args(annotation) if part is not types.NoneType)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if get_origin(annotation) is tuple:
        return tuple
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        raise TypeError(f"{annotation.__name__} needs flags of its own")
    return annotation
