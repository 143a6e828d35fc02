"""What an engine is: it takes jobs and yields an outcome for each as it comes; what it has not yielded is not done.

All state lies in the run folders, so a worker that dies costs the steps since its last save, and stopping costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cnnlab.experiments.job import Job

if TYPE_CHECKING:
    from cnnlab.training.loop import Step


@dataclass(frozen=True)
class Outcome:
    """What came of a job: its result, as `cnnlab train --json` prints it, or why there is none."""

    job: Job
    result: dict[str, Any] | None
    error: str | None = None


#: Called with a job and the share of its steps that are done (0–1), ten times a second at most.
OnProgress = Callable[[Job, float], None]


class Engine(Protocol):
    """Trains jobs."""

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train every job and yield its outcome; end early, between two steps, when `should_stop` says so."""
        ...


def share_of(step: Step) -> float:
    """Of a run that is done; the last hundredth is its evaluation."""
    return 0.99 * step.step / step.total_steps
