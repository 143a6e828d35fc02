"""An engine by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnlab.cores import available_cores
from cnnlab.errors import UserError
from cnnlab.experiments.engines import starting

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnlab.experiments.engines.engine import Engine

#: Engine → what it does, as `--help` says it.
ENGINES = {
    "auto": "process",
    "process": "a run on each core",
    "here": "one after another with all threads",
    "batched": "seeds of one training together in one program, for a GPU",
    "ray": "spread over a Ray cluster",
}

_STARTS_WORKERS = ("auto", "process")


def load_ahead(name: str) -> None:
    """Let what the engine of that name starts load while this process does: returns at once."""
    if name in _STARTS_WORKERS and available_cores() > 1:
        starting.load_ahead()


def choose_engine(name: str, *, ray_address: str | None = None, say: Callable[[str], None]) -> Engine:
    """The engine of that name, which is one of ENGINES.

    ray_address: HOST:PORT of a cluster's head; without it Ray starts on this machine. say: where an engine tells of
    what it does otherwise than asked. Raises UserError for an address without Ray or of no cluster, and where Ray is
    not installed.
    """
    if ray_address is not None and name != "ray":
        raise UserError(f"--ray-address: got {ray_address} with --engine {name}; expected it only with --engine ray")
    if name == "ray":
        return _ray(ray_address)
    from cnnlab.experiments.engines import Batched, InProcess, Processes

    load_ahead(name)
    return {"auto": Processes, "process": Processes, "here": InProcess, "batched": lambda: Batched(say=say)}[name]()


def _ray(address: str | None) -> Engine:
    try:
        from cnnlab.experiments.engines.ray_cluster import RayCluster
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise UserError("--engine ray: Ray is not installed; add it with: pip install 'cnnlab[cluster]'") from None
    return RayCluster(address)
