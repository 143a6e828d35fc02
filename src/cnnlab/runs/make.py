"""From what a user chose to a run folder that is ready to train, new or continued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.config import Augmentation, NetSpec, RunConfig, Scalar, Training, checked
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.nets.layout import runs_channels_last
from cnnlab.nets.resolve import build_net, options_of
from cnnlab.runs.folder import Run, create_run, data_record, open_run
from cnnlab.training.execution import require_crop
from cnnlab.training.machine import resolve_device
from cnnlab.training.recipes import find_recipe, recipe


def make_run(
    path: Path,
    data: ImageSet,
    *,
    net: str,
    net_options: dict[str, Scalar | tuple[int, ...]] | None = None,
    recipe_name: str = "fast",
    epochs: float | None = None,
    changes: dict[str, Any] | None = None,
    seed: int = 0,
) -> tuple[Run, nn.Module]:
    """Make the folder of a new run and its net with its initial weights; arguments as for `plan_run`.

    Nothing is written before everything has been checked. Raises UserError.
    """
    config, module = plan_run(
        data, net=net, net_options=net_options, recipe_name=recipe_name, epochs=epochs, changes=changes, seed=seed
    )
    return create_run(path, config), module


def plan_run(
    data: ImageSet,
    *,
    net: str,
    net_options: dict[str, Scalar | tuple[int, ...]] | None = None,
    recipe_name: str = "fast",
    epochs: float | None = None,
    changes: dict[str, Any] | None = None,
    seed: int = 0,
) -> tuple[RunConfig, nn.Module]:
    """All that decides a run, checked, and its net with its initial weights; nothing is written.

    net: a registered name or the user's `file.py:ClassName`, whose code is run. net_options: on top of what the recipe
    changes in the net. changes: values for fields of `Training` or `Augmentation`, on top of the recipe's. Raises
    UserError.
    """
    chosen = find_recipe(recipe_name)
    takes = options_of(net)
    of_recipe = {name: value for name, value in chosen.net_options.items() if name in takes}
    spec = NetSpec(name=net, options=of_recipe | (net_options or {}))
    module = build_net(spec, image_shape=data.image_shape, num_classes=len(data.classes), seed=seed, own_code=net)
    base = recipe(recipe_name, module, data, epochs=epochs)
    changed = _nested(changes or {}, base.augmentation)
    training = checked(Training, base.model_dump() | changed, "training options")
    resolve_device(training.device)
    # A recipe has asked both before; only what the user changed is asked here.
    if changed.get("channels_last") and not runs_channels_last(module, data.image_shape):
        raise UserError(
            f"channels last: {net} does not take images that are stored so, as code that calls view on a map does not; "
            "expected reshape or nn.Flatten in its place: write that, or leave --channels-last out"
        )
    if changed.get("crop") is not None:
        require_crop(module, data.image_shape, changed["crop"])
    values = {
        "net": spec,
        "data": data_record(data),
        "recipe": recipe_name,
        "training": training,
        "seed": seed,
    }
    return checked(RunConfig, values, "options"), module


def reopen_run(
    path: Path, data: ImageSet, *, said: dict[str, Any] | None = None, own_code: str | None = None
) -> tuple[Run, nn.Module]:
    """Open a run to go on with it, and build its net.

    said: what the user says of the run once more, by the names of its fields: it must be as it was. own_code: as for
    `build_net`. Raises UserError for any difference, in the images too.
    """
    run = open_run(path)
    config = run.config
    kept: dict[str, Any] = {
        "net": config.net.name,
        "data": config.data.name,
        "recipe": config.recipe,
        "seed": config.seed,
    }
    kept |= config.training.augmentation.model_dump() | config.training.model_dump() | config.net.options
    for name, value in (said or {}).items():
        if name not in kept:
            raise UserError(
                f"{path}: --{name.replace('_', '-')} is {value}, but the run there left it at the net's default; "
                "a run cannot change on its way: leave the flag out, or choose another --out"
            )
        if value != kept[name]:
            raise UserError(
                f"{path}: --{name.replace('_', '-')} is {value}, but the run there has {kept[name]}; "
                "a run cannot change on its way: leave the flag out, or choose another --out"
            )
    if data.sha256 != config.data.sha256:
        raise UserError(
            f"{path}: {config.data.name} has changed since the run began (SHA-256 {data.sha256[:12]}…, was "
            f"{config.data.sha256[:12]}…); expected the same images: put them back, or choose another --out"
        )
    module = build_net(
        config.net,
        image_shape=data.image_shape,
        num_classes=len(data.classes),
        seed=config.seed,
        own_code=own_code,
    )
    return run, module


def _nested(changes: dict[str, Any], augmentation: Augmentation) -> dict[str, Any]:
    """Changes with those of the augmentation in a record of their own, on top of the recipe's."""
    inner = {name: value for name, value in changes.items() if name in Augmentation.model_fields}
    outer = {name: value for name, value in changes.items() if name not in Augmentation.model_fields}
    return outer | ({"augmentation": augmentation.model_dump() | inner} if inner else {})
