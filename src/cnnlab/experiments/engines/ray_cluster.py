"""Runs spread over the nodes of a Ray cluster, or over one that Ray starts on this machine."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a laboratory tells nobody that it is used

import ray
from ray._private import worker as ray_worker
from ray.exceptions import RayError, RayTaskError, TaskCancelledError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cnnlab.config import RunConfig
from cnnlab.cores import available_cores
from cnnlab.errors import UserError
from cnnlab.experiments.engines.engine import Kind, OnProgress, Outcome, failed
from cnnlab.experiments.engines.ray_node import Board, Latest, OwnFiles, Parcel, train_parcel, versions
from cnnlab.experiments.job import Job
from cnnlab.experiments.train_job import images_of
from cnnlab.own_code import read_code, shown
from cnnlab.runs import Run, open_run
from cnnlab.runs.carry import pack_run, unpack_run
from cnnlab.runs.identity import Identity, identity_of

#: How often a run is begun again after its worker or node died with it. What it raises itself would come again.
RETRIES = 3

#: Runs that are on their way at once: each keeps a file open here.
MOST_SENT = 256

#: Seconds that a cluster gets to answer.
ANSWER_S = 10.0

#: Seconds that running tasks get to come back with what they have after they were told to stop.
GRACE_S = 60.0


class RayCluster:
    """Trains each run as a task with one core and one thread: on equal machines `Processes`' figures, bit for bit.

    Nodes share no disk with this machine: images go to each node once, a run's folder with its task and back. A run
    whose worker or node dies is begun again on another, from where it stood when it was sent. This process has to run
    on one of the cluster's nodes. It is connected from the first job until `close`, or until somebody stops it.

    address: HOST:PORT of the cluster's head; None for a cluster on this machine. Raises UserError if it is none.
    """

    def __init__(self, address: str | None = None) -> None:
        if address is not None:
            _require_cluster(address)
        self.address = address
        self._images: dict[tuple[str, str | None], Any] = {}

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        ray.shutdown()
        self._images = {}

    def identity(self, config: RunConfig) -> Identity:
        """The identity of a task's runs: one core, one thread and no GPU."""
        on_cpu = config.training.model_copy(update={"device": "cpu"}) if config.training.device == "auto" else None
        return identity_of(config if on_cpu is None else config.model_copy(update={"training": on_cpu}), threads=1)

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train the jobs on the cluster; outcomes come in the order of finishing. Raises UserError."""
        if not jobs:
            return
        if not ray.is_initialized():
            self._connect()
        board = _board()
        look = Latest(board.look)
        task = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(train_parcel)
        waiting = list(range(len(jobs)))
        sent: dict[Any, int] = {}
        alone: dict[int, tuple[Run, ExitStack]] = {}
        shown: dict[int, float] = {}
        stops_at: float | None = None
        is_done = False
        try:
            while sent or (waiting and stops_at is None):
                while waiting and stops_at is None and len(sent) < MOST_SENT:
                    number = waiting.pop(0)
                    job, stack = jobs[number], ExitStack()
                    try:
                        alone[number] = stack.enter_context(open_run(job.path).alone()), stack
                        sent[task.remote(_parcel(number, job), self._images_of(job), board)] = number
                    except UserError as error:
                        alone.pop(number, None)
                        stack.close()
                        yield failed(job, error)
                if not sent:
                    continue
                ready, _ = ray.wait(list(sent), timeout=0.2)
                shares = look(should_stop()) or {}
                for ref in ready:
                    number = sent.pop(ref)
                    run, stack = alone.pop(number)
                    with stack:
                        outcome = _received(ref, jobs[number], run)
                    yield outcome
                for number in sent.values():
                    share = shares.get(number)
                    if share is not None and share != shown.get(number):
                        shown[number] = share
                        on_progress(jobs[number], share)
                if should_stop() and stops_at is None:
                    stops_at = time.monotonic() + GRACE_S
                    for ref in [ref for ref, number in sent.items() if number not in shares]:
                        ray.cancel(ref)  # not begun yet
                if stops_at is not None and time.monotonic() > stops_at:
                    return
            is_done = stops_at is None
        finally:
            if not is_done:  # stopped, or left alone in the middle
                self.close()
            for _, stack in alone.values():
                stack.close()

    def _connect(self) -> None:
        # Ray would print every death on stdout, among the figures, whatever log_to_driver says.
        vars(ray_worker)["_worker_logs_enabled"] = False
        on_terminate = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                address=self.address or "local",
                num_cpus=None if self.address else available_cores(),
                include_dashboard=None if self.address else False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        except (RuntimeError, ConnectionError, ValueError) as error:
            if self.address is None:
                raise
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"cannot join the Ray cluster at {self.address}: {reason}; expected one that this machine is a node "
                f"of, with the same Ray and Python: ray start --address {self.address}, or run this on its head"
            ) from error
        finally:
            if signal.getsignal(signal.SIGTERM) is not on_terminate:  # Ray puts its own in its place
                signal.signal(signal.SIGTERM, on_terminate)
        if ray.cluster_resources().get("CPU", 0) < 1:
            self.close()
            raise UserError(f"the Ray cluster at {self.address} has no processors; expected one at least: start a node")

    def _images_of(self, job: Job) -> Any:
        """A job's images in the cluster's store, put there once."""
        name = open_run(job.path).config.data.name
        if (name, job.data_root) not in self._images:
            self._images[name, job.data_root] = ray.put(images_of(job))
        return self._images[name, job.data_root]


def _require_cluster(address: str) -> None:
    """Ask within seconds what Ray itself would wait minutes for."""
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise UserError(
            f"--ray-address: got {address}; expected HOST:PORT of the cluster's head, such as 10.0.0.1:6379"
        )
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--ray-address: nobody answers at {address} ({getattr(error, 'strerror', None) or error}); expected a "
            "Ray cluster's head: start one with ray start --head, and use the address that it prints"
        ) from None
    ask = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, timeout=2 * ANSWER_S, check=False)
        is_ray, says = answer.returncode == 0, answer.stderr
    except subprocess.TimeoutExpired:
        is_ray, says = False, ""
    if "authentication" in says.lower():
        raise UserError(
            f"--ray-address: the Ray cluster at {address} wants its token; expected RAY_AUTH_MODE=token and the file "
            "~/.ray/auth_token of the cluster's head: set the one and copy the other to this machine"
        )
    if not is_ray:
        raise UserError(
            f"--ray-address: what answers at {address} is not a Ray {ray.__version__} cluster; expected its head's "
            "HOST:PORT: use the address that ray start printed, and the same Ray on all machines"
        )


def _board() -> Any:
    """The board of one round of jobs, on this node, so that no other node's end is its end."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(Board).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()


def _parcel(number: int, job: Job) -> Parcel:
    run = open_run(job.path)
    own = None
    if job.own_code is not None:
        code = read_code(job.own_code.rpartition(":")[0])
        own = OwnFiles(shown(code.root), code.name, code.files)
    return Parcel(number, str(job.path), run.config, pack_run(run), own, job.identity, versions())


def _received(ref: Any, job: Job, run: Run) -> Outcome:
    """Write the run that a node sent back into its folder, and say how it ended."""
    try:
        answer = ray.get(ref)
        unpack_run(run, answer.files)
    except UserError as error:
        return failed(job, error)
    except TaskCancelledError:
        return Outcome(job, Kind.STOPPED)
    except RayTaskError as error:
        missing = re.search(r"No module named '([\w.]+)'", str(error))
        if missing is None:
            raise
        says = f"a node of the cluster has no {missing[1]}; expected cnnlab on every node: install it there"
        return Outcome(job, Kind.REFUSED, error=says)
    except RayError as error:
        says = f"{job.path}: its worker or node died {RETRIES + 1} times ({type(error).__name__})"
        return Outcome(job, Kind.BROKEN, error=says)
    if answer.error:
        return Outcome(job, answer.kind, error=answer.error)
    return Outcome(job, Kind.FINISHED, run.result()) if run.is_finished else Outcome(job, Kind.STOPPED)
