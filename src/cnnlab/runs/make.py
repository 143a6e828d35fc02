"""From what a user chose to a run folder that is ready to train, new or continued."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.nets.resolve import build_net
from cnnlab.runs.agreement import require_images
from cnnlab.runs.folder import Run, create_run, open_run
from cnnlab.runs.plan import Plan


def make_run(path: Path, plan: Plan, data: ImageSet, *, seed: int = 0) -> tuple[Run, nn.Module]:
    """Make the folder of a new run and its net with its initial weights.

    Nothing is written before everything has been checked. Raises UserError.
    """
    config, module = plan.meet(data, seed)
    return create_run(path, config), module


def reopen_run(
    path: Path, data: ImageSet, *, requested: dict[str, Any] | None = None, own_code: str | None = None
) -> tuple[Run, nn.Module]:
    """Open a run to go on with it, and build its net.

    requested: what the user says of the run once more, by the names of its fields: it must be as it was. own_code: as
    for `build_net`. Raises UserError for any difference, in the images too.
    """
    run = open_run(path)
    config = run.config
    kept: dict[str, Any] = {
        "net": config.net.name,
        "data": config.data.name,
        "recipe": config.recipe,
        "seed": config.seed,
        "preparation": config.data.preparation,
    }
    kept |= config.training.augmentation.model_dump() | config.training.model_dump() | config.net.options
    for name, value in (requested or {}).items():
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
    require_images(f"{path}/config.json", config.data, data)
    module = build_net(
        config.net,
        image_shape=data.image_shape,
        num_classes=len(data.classes),
        seed=config.seed,
        own_code=own_code,
    )
    return run, module
