"""Several runs at a time, each in a process of its own with one thread."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, connection
from typing import TYPE_CHECKING, Any

from cnnlab.cores import available_cores
from cnnlab.errors import Stopped, UserError
from cnnlab.experiments.engines.engine import Kind, OnProgress, Outcome, WorkerBug, failed, share_of
from cnnlab.experiments.engines.starting import start
from cnnlab.experiments.job import Job
from cnnlab.own_code import own_mistakes

if TYPE_CHECKING:
    from cnnlab.config import RunConfig
    from cnnlab.data.shared import SharedImages, SharingFolder
    from cnnlab.runs.identity import Identity

#: How often a job is given to another worker after one died with it.
ATTEMPTS = 2

#: Seconds that a worker gets to end after it was told to.
GRACE_S = 5.0


class Processes:
    """A pool of processes with one thread each, as many as there are cores.

    For many short runs that is quicker than one process with all threads: small batches divide badly among threads,
    and a run alone on its core waits for nobody. A worker that dies takes only its job with it, which another one goes
    on with. The pool is there from the first job until `close`, or until somebody stops it.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or available_cores()
        self._pool: list[_Worker] = []
        self._folder: SharingFolder | None = None
        self._shared: dict[Any, SharedImages | None] = {}

    def close(self) -> None:
        """End all worker processes."""
        for worker in self._pool:
            worker.close()
        self._pool, self._shared = [], {}
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def identity(self, config: RunConfig) -> Identity:
        """The identity of a worker's runs: one thread, whatever this process has."""
        from cnnlab.runs.identity import identity_of

        return identity_of(config, threads=1)

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train the jobs in the pool; outcomes come in the order of finishing."""
        waiting = list(jobs)
        attempts: dict[Job, int] = {}
        for job in jobs:  # before there are workers: to load takes the images twice
            self._images_of(job)
        pool = self._pool
        pool += [_Worker() for _ in range(min(self.workers, len(jobs)) - len(pool))]
        is_done = False
        try:
            while waiting or any(worker.job for worker in pool):
                for worker in pool:
                    if worker.job is None and waiting and not should_stop():
                        job = waiting.pop(0)
                        worker.give(job, self._images_of(job))
                if should_stop():
                    for worker in pool:
                        worker.ask_to_stop()
                if not any(worker.job for worker in pool):
                    return
                for worker in _ready(pool):
                    job = worker.job
                    message = worker.receive()
                    if message is None:  # it died
                        pool[pool.index(worker)] = _Worker()
                        if job is None:
                            continue
                        attempts[job] = attempts.get(job, 1) + 1
                        if attempts[job] <= ATTEMPTS:
                            waiting.insert(0, job)
                        else:
                            yield Outcome(job, Kind.BROKEN, error=f"{job.path}: its process died {ATTEMPTS} times")
                        continue
                    assert job is not None
                    kind, value = message
                    if kind == "progress":
                        on_progress(job, value)
                        continue
                    worker.job = None
                    if kind == "bug":
                        raise WorkerBug(f"in a worker, with {job.path}:\n{value}")
                    yield value
            is_done = True
        finally:
            if not is_done:  # stopped, or left alone in the middle
                self.close()

    def _images_of(self, job: Job) -> SharedImages | None:
        """A job's images for all workers; None where they cannot be had or kept: its worker loads them, or says why."""
        from cnnlab.data.shared import SharingFolder
        from cnnlab.experiments.train_job import load_images, place_of

        if self.workers == 1:
            return None
        try:
            place = place_of(job)
            if place not in self._shared:
                self._shared[place] = None
                self._folder = self._folder or SharingFolder()
                self._shared[place] = self._folder.share(load_images(*place))
        except (UserError, OSError):
            return None
        return self._shared[place]


@dataclass
class _Worker:
    """A process that trains one job at a time."""

    job: Job | None = None
    _is_stopping: bool = False
    _pipe: connection.Connection = field(init=False)

    def __post_init__(self) -> None:
        self._pipe, theirs = Pipe()
        self.process = start(_serve, theirs, name="cnnlab worker")
        theirs.close()

    @property
    def waits_on(self) -> list[Any]:
        return [self._pipe, self.process.sentinel]

    def give(self, job: Job, images: SharedImages | None) -> None:
        self.job = job
        with suppress(OSError):  # it died: the next look at it says so
            self._pipe.send((job, images))

    def ask_to_stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            with suppress(OSError):
                self._pipe.send("stop")

    def receive(self) -> tuple[str, Any] | None:
        """The next message, or None when the process has ended."""
        try:
            return self._pipe.recv() if self._pipe.poll() else None
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        self.ask_to_stop()
        self._pipe.close()
        self.process.join(GRACE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _ready(pool: list[_Worker]) -> list[_Worker]:
    """Workers that have said something or ended, after at most a tenth of a second."""
    busy = [worker for worker in pool if worker.job is not None]
    ready = connection.wait([one for worker in busy for one in worker.waits_on], timeout=0.1)
    return [worker for worker in busy if any(one in ready for one in worker.waits_on)]


def _serve(pipe: connection.Connection) -> None:
    """Train jobs until told to stop, or until nobody listens any more. Ctrl-C is the parent's affair."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    from cnnlab.experiments.train_job import train_job
    from cnnlab.training.machine import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()
    is_stopped = False

    def should_stop() -> bool:
        nonlocal is_stopped
        with suppress(EOFError, OSError):
            if not is_stopped and not pipe.poll():
                return False
            is_stopped = is_stopped or pipe.recv() == "stop"
            return is_stopped
        is_stopped = True
        return True

    last = time.monotonic()
    while not is_stopped:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        if message == "stop":
            return
        job, images = message

        def on_step(step: Any) -> None:
            nonlocal last
            if time.monotonic() - last >= 0.2:
                last = time.monotonic()
                with suppress(OSError):
                    pipe.send(("progress", share_of(step)))

        try:
            with own_mistakes():
                result = train_job(job, images=images and images.open(), on_step=on_step, should_stop=should_stop)
            said = "done", Outcome(job, Kind.FINISHED, result)
        except Stopped:
            said = "done", Outcome(job, Kind.STOPPED)
        except UserError as error:
            said = "done", failed(job, error)
        except Exception:
            said = "bug", traceback.format_exc()
        with suppress(OSError):
            pipe.send(said)
