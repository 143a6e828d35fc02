"""What an engine is: it takes jobs and yields an outcome for each as it comes; what it has not yielded is not done.

All state lies in the run folders, so a worker that dies costs the steps since its last save, and stopping costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from cnnlab.errors import UserError
from cnnlab.experiments.job import Job
from cnnlab.one_writer import InUse
from cnnlab.own_code import OwnCodeError

if TYPE_CHECKING:
    from cnnlab.config import RunConfig
    from cnnlab.runs.folder import RunResult
    from cnnlab.runs.identity import Identity
    from cnnlab.training.loop import Step


class Kind(Enum):
    """What became of a job. BROKEN is nothing the user did: its worker died. IN_USE: another process trains its run."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    STOPPED = "stopped"
    FAILED_IN_NET = "failed in the net's own code"
    REFUSED = "refused"
    BROKEN = "broken"
    IN_USE = "in use"


@dataclass(frozen=True)
class Outcome:
    """What came of a job: its result, or in one line why there is none."""

    job: Job
    kind: Kind
    result: RunResult | None = None
    error: str = ""


#: Called with a job and the share of its steps that are done (0–1), ten times a second at most.
OnProgress = Callable[[Job, float], None]


class Engine(Protocol):
    """What trains jobs: in this process, in others, or on a cluster."""

    def identity(self, config: RunConfig) -> Identity:
        """The identity of the runs that this engine makes of a config. Raises UserError."""
        ...

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train every job and yield its outcome; end early, between two steps, when `should_stop` says so.

        What is a bug is raised. Raises UserError where nothing can be trained.
        """
        ...

    def close(self) -> None:
        """End whatever was started to train with; it starts again with the next training."""
        ...


class WorkerBug(Exception):  # noqa: N818 - what it is to the user
    """A bug that showed in another process; the text is that process's traceback."""


def kind_of(error: UserError) -> Kind:
    """What became of a job whose training ended with an error that the user can mend."""
    from cnnlab.runs.keeping import DivergedRun

    if isinstance(error, DivergedRun):
        return Kind.DIVERGED
    if isinstance(error, InUse):
        return Kind.IN_USE
    return Kind.FAILED_IN_NET if isinstance(error, OwnCodeError) else Kind.REFUSED


def failed(job: Job, error: UserError) -> Outcome:
    """The outcome of a job whose training ended with an error that the user can mend."""
    return Outcome(job, kind_of(error), error=str(error))


def share_of(step: Step) -> float:
    """Of a run that is done; the last hundredth is its evaluation."""
    return 0.99 * step.step / step.total_steps
