"""What a node of a cluster does with a run that is sent to it. It shares no disk with the sender."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
import torch
from ray.exceptions import RayError

from cnnlab.config import RunConfig
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import Stopped, UserError
from cnnlab.experiments.engines.engine import Kind, kind_of, share_of
from cnnlab.own_code import own_mistakes
from cnnlab.runs import execute
from cnnlab.runs.carry import pack_run, unpack_run
from cnnlab.runs.environment import environment
from cnnlab.runs.folder import create_run
from cnnlab.runs.identity import Identity
from cnnlab.runs.make import reopen_run
from cnnlab.training.loop import Step
from cnnlab.training.machine import keep_freed_memory, resolve_precision
from cnnlab.whole_files import write_whole

#: Seconds between two reports of a task.
REPORT_INTERVAL_S = 0.2


@dataclass(frozen=True)
class OwnFiles:
    """The user's own net as it is sent.

    root: folder at the sender's that names count from. name: of the net's file. files: name → bytes, those that it
    imports from beside it included.
    """

    root: str
    name: str
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Parcel:
    """A run as it is sent.

    path: its folder at the sender's. files: what `pack_run` found there. own: the user's own files, if its net is one.
    identity: with which it is to be trained. versions: the sender's.
    """

    number: int
    path: str
    config: RunConfig
    files: dict[str, bytes]
    own: OwnFiles | None
    identity: Identity
    versions: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A run as it comes back: its files, finished or as far as it came, and what went wrong."""

    files: dict[str, bytes]
    error: str = ""
    kind: Kind = Kind.REFUSED


class Board:
    """Where tasks say how far they are, and read whether they shall stop. Lives beside the sender, as an actor."""

    def __init__(self) -> None:
        self.shares: dict[int, float] = {}
        self.is_stopping = False

    def report(self, number: int, share: float) -> bool:
        """Say that a share (0–1) of a run is done; returns whether to stop."""
        self.shares[number] = share
        return self.is_stopping

    def look(self, is_stopping: bool) -> dict[int, float]:
        """All shares; says to all tasks whether to stop."""
        self.is_stopping = is_stopping
        return self.shares


class Latest:
    """Calls a method of the board and waits for nothing: the latest answer that came, None before the first.

    A board that is slow or dead costs answers, never a run.
    """

    def __init__(self, method: Any) -> None:
        self.method = method
        self._call: Any = None
        self._answer: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """Call again if the last call was answered."""
        with suppress(RayError):
            if self._call is not None and ray.wait([self._call], timeout=0)[0]:
                call, self._call = self._call, None
                self._answer = ray.get(call)
            if self._call is None:
                self._call = self.method.remote(*arguments)
        return self._answer


def versions() -> dict[str, str]:
    """All that has to be equal on two machines for their figures to be comparable."""
    cpu = torch.device("cpu")
    here = environment(cpu, resolve_precision("auto", cpu))
    return {name: getattr(here, name) for name in ("cnnlab", "python", "torch", "numpy", "precision")}


def train_parcel(parcel: Parcel, data: ImageSet, board: Any) -> Answer:
    """Train a run with one thread in a folder of its own that is gone afterwards."""
    torch.set_num_threads(1)
    keep_freed_memory()
    for name, here in versions().items():
        if here != parcel.versions[name]:
            return Answer(
                {},
                f"node {platform.node()} has {name} {here}, but this machine {parcel.versions[name]}; figures would "
                "not be comparable: install the same on every node (precision: what its processor multiplies)",
            )
    with TemporaryDirectory(prefix="cnnlab-") as folder:
        return _train_in(Path(folder), parcel, data, Latest(board.report))


def _train_in(folder: Path, parcel: Parcel, data: ImageSet, report: Latest) -> Answer:
    config, places = parcel.config, {str(folder / "run"): parcel.path}
    if parcel.own is not None:
        for name, content in parcel.own.files.items():
            write_whole(folder / "code" / name, content)
            places[str(folder / "code" / name)] = str(Path(parcel.own.root) / name)
        own_net = f"{folder / 'code' / parcel.own.name}:{config.net.name.rpartition(':')[2]}"
        config = config.model_copy(update={"net": config.net.model_copy(update={"name": own_net})})
    run = create_run(folder / "run", config)
    unpack_run(run, parcel.files)
    should_stop = bool(report(parcel.number, 0.0))
    last = time.monotonic()

    def on_step(step: Step) -> None:
        nonlocal last, should_stop
        if time.monotonic() - last >= REPORT_INTERVAL_S:
            last = time.monotonic()
            should_stop = bool(report(parcel.number, share_of(step)))

    error, kind = "", Kind.FINISHED
    try:
        with own_mistakes(), suppress(Stopped):  # the folder says where it stands
            run, net = reopen_run(run.path, data, own_code=None if parcel.own is None else config.net.name)
            execute(run, net, data, on_step=on_step, should_stop=lambda: should_stop, promised=parcel.identity)
    except UserError as trouble:
        error, kind = str(trouble), kind_of(trouble)
        for here, there in places.items():
            error = error.replace(here, there)
    if (run.path / "environment.json").exists():
        node = {"host": platform.node(), "ray_node": ray.get_runtime_context().get_node_id()}
        run.write_environment(run.environment().model_copy(update=node))
    return Answer(pack_run(run), error, kind)
