"""The command that does a run again, and how the run differs from the recipe `lesson`."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from torch import nn

from cnnlab.config import PLAYGROUND, Augmentation, RunConfig, Training
from cnnlab.data.imageset import ImageSet
from cnnlab.numbers import plain
from cnnlab.training.recipes import RECIPES, recipe


@dataclass(frozen=True)
class Setting:
    """A training option of the run beside the recipe `lesson`'s; `lesson` is None where the two are equal."""

    name: str
    description: str
    value: str
    lesson: str | None


def command(config: RunConfig, data: ImageSet, net: nn.Module) -> str:
    """The `cnnlab train` command that does the run again: whatever the recipe gives by itself is left out."""
    training = config.training
    words = ["cnnlab", "train", config.net.name, "--data", config.data.name]
    if config.data.name.startswith(("folder:", "parquet:")):
        words += ["--image-size", str((config.data.unpadded or config.data.image_shape[1:])[0])]
    named = "lesson" if config.recipe == PLAYGROUND else config.recipe  # the page trains as that recipe does
    words += ["--epochs", _number(training.epochs), "--seed", str(config.seed), "--recipe", named]
    if named in RECIPES:
        base = recipe(named, net, data, epochs=training.epochs)
        net_options = RECIPES[named].net_options
        words += _flags(config.net.options, net_options)
        words += _flags(_fields(training), _fields(base))
        words += _flags(training.augmentation.model_dump(), base.augmentation.model_dump())
    return shlex.join(words)


def settings(training: Training) -> list[Setting]:
    """Every training option that has a say in this run."""
    # The lesson's recipe takes whatever arithmetic and layout are quickest, so these set no run apart from it.
    lesson = Training(precision="auto", channels_last=training.channels_last)
    shown: list[tuple[str, Any, Any, str | None]] = [
        (name, value, getattr(lesson, name), Training.model_fields[name].description)
        for name, value in _fields(training).items()
        if _has_a_say(name, training)
    ]
    shown += [
        (name, value, getattr(lesson.augmentation, name), Augmentation.model_fields[name].description)
        for name, value in training.augmentation.model_dump().items()
    ]
    return [
        Setting(
            name.replace("_", " "),
            description or "",
            plain(value),
            # How long to train is no part of the recipe.
            plain(default) if value != default and name != "epochs" else None,
        )
        for name, value, default, description in shown
    ]


def _fields(training: Training) -> dict[str, Any]:
    return {name: getattr(training, name) for name in Training.model_fields if name != "augmentation"}


def _has_a_say(name: str, training: Training) -> bool:
    return {
        "betas": training.optimizer in ("adam", "adamw", "nadam", "radam", "adamax", "muon"),
        "momentum": training.optimizer in ("sgd", "muon"),
        "warmup": training.schedule in ("one-cycle", "cosine"),
        "crop_share": training.crop is not None,
        "balance": training.balance != "none",
    }.get(name, True)


def _flags(values: dict[str, Any], base: dict[str, Any]) -> list[str]:
    """Flags for the values that are not the base's. None has no flag: only a record made by hand takes away."""
    words = []
    for name, value in values.items():
        if name == "epochs" or value is None or (name in base and base[name] == value):
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif name == "betas":
            words += [f"--{flag}", *map(_number, value)]
        elif isinstance(value, tuple | list):
            words += [f"--{flag}", ",".join(str(part) for part in value)]
        else:
            words += [f"--{flag}", _number(value) if isinstance(value, float) else str(value)]
    return words


def _number(value: float) -> str:
    """`3` for 3.0, `0.001`, and all digits where fewer would be another number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
