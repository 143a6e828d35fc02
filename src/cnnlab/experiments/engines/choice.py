"""An engine by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnlab.experiments.engines.engine import Engine

#: Engine → what it does, as `--help` says it.
ENGINES = {
    "process": "a run on each core",
    "here": "one after another with all threads",
}


def choose_engine(name: str) -> Engine:
    """The engine of that name, which is one of ENGINES."""
    from cnnlab.experiments.engines import InProcess, Processes

    return {"process": Processes, "here": InProcess}[name]()
