"""Runs of four nets, each trained for a moment, and their explorers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.new_runs import make_run
from torch import nn

from cnnlab.data import ImageSet, load
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.runs import Run, execute

OWN = f"{Path(__file__).parent / 'explored_nets.py'}:Branching"
FOUR_NETS = {"lenet5": "lenet5", "simple-cnn": "simple-cnn", "branching": OWN, "mlp": "mlp"}


@dataclass(frozen=True)
class Explored:
    """A finished run, its net, and its explorer beside its other files."""

    run: Run
    data: ImageSet
    net: nn.Module
    page: Path


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Explored]:
    """One of `FOUR_NETS`, trained once for all tests."""
    made: dict[str, Explored] = {}

    def of(name: str) -> Explored:
        if name not in made:
            data = load("mnist-5k@400")
            run, net = make_run(tmp_path_factory.mktemp("explored") / "run", data, net=FOUR_NETS[name], epochs=3)
            execute(run, net, data, keeps_checkpoints=True)
            net = run.load_net(own_code=FOUR_NETS[name] if name == "branching" else None)
            run.explorer_path.write_text(explorer_page([ExploredRun(run, net)], data).html)
            made[name] = Explored(run, data, net, run.explorer_path)
        return made[name]

    return of
