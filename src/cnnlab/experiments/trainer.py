"""Trains what an experiment asks for, piece by piece, and counts what is still to come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import Stopped
from cnnlab.experiments.compare import Contestant, make_jobs, require_trained, train_jobs
from cnnlab.experiments.engines import Engine
from cnnlab.experiments.job import Job
from cnnlab.experiments.work import longest_first


@dataclass(frozen=True)
class Trainer:
    """folder: of runs; what is finished there is not trained again. on_ahead: told how many runs are left at most."""

    folder: Path
    engine: Engine
    data_root: str | None = None
    on_progress: Callable[[Job, float], None] = lambda _job, _share: None
    on_ahead: Callable[[int], None] = lambda _runs: None
    should_stop: Callable[[], bool] = lambda: False

    def prepare(self, contestants: Sequence[Contestant]) -> dict[str, list[Job]]:
        """Name → jobs in the seeds' order; nothing is trained yet. Raises UserError."""
        return make_jobs(contestants, self.folder, self.engine, data_root=self.data_root)

    def train(self, contestants: Sequence[Contestant], *, later: int) -> dict[str, list[Job]]:
        """Train the contestants on all their seeds: name → jobs, of which those that diverged are not finished.

        later: how many runs will follow these at most. Raises Stopped when the user asked for it, and UserError where a
        training fails for another reason than that it diverged.
        """
        jobs = self.prepare(contestants)
        self.train_jobs(jobs, later=later, may_diverge=True)
        return jobs

    def train_jobs(self, jobs: Mapping[str, Sequence[Job]], *, later: int = 0, may_diverge: bool = False) -> None:
        """Train prepared jobs that are not finished. Raises as `train_jobs`; where one diverged, too, unless it may."""
        # One seed of every contestant before the next seed: stopped early, it has still compared something.
        costs: dict[str, int] = {}
        todo = []
        for one_seed in zip(*jobs.values(), strict=True):
            todo += longest_first([job for job in one_seed if not job.is_finished], costs)
        self.on_ahead(len(todo) + later)
        wrong = train_jobs(todo, self.engine, on_progress=self.on_progress, should_stop=self.should_stop)
        if self.should_stop():
            every = [job for of_one in jobs.values() for job in of_one]
            raise Stopped(f"{sum(job.is_finished for job in every)} of {len(every)} runs are finished and kept")
        require_trained(wrong, may_diverge=may_diverge)
