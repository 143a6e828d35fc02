"""One run after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from cnnlab.errors import Stopped, UserError
from cnnlab.experiments.engines.engine import Kind, OnProgress, Outcome, failed, share_of
from cnnlab.experiments.job import Job
from cnnlab.own_code import own_mistakes

if TYPE_CHECKING:
    from cnnlab.config import RunConfig
    from cnnlab.runs.identity import Identity


class InProcess:
    """One job after another in this process, with all its threads."""

    def identity(self, config: RunConfig) -> Identity:
        """The identity that runs of this process get."""
        from cnnlab.runs.identity import identity_of

        return identity_of(config)

    def close(self) -> None:
        """Do nothing: nothing was started besides this process."""

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train every job in turn."""
        from cnnlab.experiments.train_job import train_job

        for job in jobs:
            if should_stop():
                return
            try:
                with own_mistakes():
                    result = train_job(
                        job,
                        on_step=lambda step, job=job: on_progress(job, share_of(step)),
                        should_stop=should_stop,
                    )
            except UserError as error:
                yield failed(job, error)
            except Stopped:
                yield Outcome(job, Kind.STOPPED)
                return
            else:
                yield Outcome(job, Kind.FINISHED, result)
