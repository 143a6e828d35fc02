"""One run after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cnnlab.errors import UserError
from cnnlab.experiments.engines.engine import OnProgress, Outcome, share_of
from cnnlab.experiments.job import Job


class InProcess:
    """One job after another in this process, with all its threads."""

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train every job in turn."""
        from cnnlab.experiments.train_job import train_job

        for job in jobs:
            if should_stop():
                return
            try:
                result = train_job(
                    job,
                    on_step=lambda step, job=job: on_progress(job, share_of(step)),
                    should_stop=should_stop,
                )
            except UserError as error:
                yield Outcome(job, None, str(error))
                continue
            if result is None:
                return
            yield Outcome(job, result)
