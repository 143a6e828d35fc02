"""New runs for tests, with what a plan holds said as keywords."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.runs import Run, execute
from cnnlab.runs import make as runs_make
from cnnlab.runs.plan import Plan


def plan_of(
    data: ImageSet,
    net: str,
    *,
    net_options: dict[str, Any] | None = None,
    recipe_name: str = "fast",
    epochs: float | None = None,
    changes: dict[str, Any] | None = None,
) -> Plan:
    """A plan for images in hand."""
    spec = NetSpec(name=net, options=net_options or {})
    return Plan(net=spec, data=data.name, recipe=recipe_name, epochs=epochs, changes=changes or {})


def make_run(path: Path, data: ImageSet, *, net: str, seed: int = 0, **of_plan: Any) -> tuple[Run, nn.Module]:
    """`runs.make.make_run` of such a plan."""
    return runs_make.make_run(path, plan_of(data, net, **of_plan), data, seed=seed)


def small_run(path: Path) -> Path:
    """The folder of a finished run: one hidden layer of 8 units, on 200 of mnist-5k's training images."""
    few = load("mnist-5k@200")
    run, net = make_run(path, few, net="mlp", net_options={"hidden": (8,)})
    execute(run, net, few)
    return run.path
