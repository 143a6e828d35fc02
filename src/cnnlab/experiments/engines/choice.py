"""An engine by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnlab.experiments.engines.engine import Engine

#: Engine → what it does, as `--help` says it.
ENGINES = {
    "auto": "batched on a GPU, process elsewhere",
    "process": "a run on each core",
    "here": "one after another with all threads",
    "batched": "seeds of one training together in one program, for a GPU",
}


def choose_engine(name: str, *, say: Callable[[str], None]) -> Engine:
    """The engine of that name, which is one of ENGINES. say: where it tells of what it does otherwise than asked."""
    from cnnlab.experiments.engines import Batched, InProcess, Processes
    from cnnlab.training.machine import resolve_device

    if name == "auto":
        name = "batched" if resolve_device("auto").type == "cuda" else "process"
    return {"process": Processes, "here": InProcess, "batched": lambda: Batched(say=say)}[name]()
