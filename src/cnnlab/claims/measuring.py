"""A claim put to the test: its finding, the runs that it rests on, what they cost; and how much there is to train."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.entry import ClaimEntry, MadeOn
from cnnlab.claims.laboratory import Laboratory
from cnnlab.errors import Stopped
from cnnlab.experiments.engines import Engine
from cnnlab.experiments.job import Job
from cnnlab.experiments.work import work_of
from cnnlab.runs import Run, open_run
from cnnlab.runs.environment import environments_of


@dataclass(frozen=True)
class Measured:
    """What a claim's test found.

    runs: finished ones that it rests on. found: how many of them were there before. diverged: trainings that did not
    end in a run. time_s: of this call, from asking to the verdict; what another call or claim trained is not in it.
    """

    claim: Claim
    finding: Finding
    runs: tuple[Run, ...]
    found: int
    diverged: int
    time_s: float

    def entry(self, folder: Path) -> ClaimEntry:
        """The claim's entry in claims.json; paths of runs are given from `folder`."""
        environments = tuple(MadeOn(**vars(record), runs=count) for record, count in environments_of(self.runs))
        rests_on = {
            "runs": tuple(run.path.relative_to(folder).as_posix() for run in self.runs),
            "runs_found": self.found,
            "runs_diverged": self.diverged,
            "train_time_s": round(sum(run.result().train_time_s for run in self.runs), 3),
            "data": tuple(dict.fromkeys(run.config.data.name for run in self.runs)),
            "environments": environments,
            "measured": date.today(),
        }
        return self.claim.entry(self.finding, self.time_s).model_copy(update=rests_on)


def measure(claim: Claim, laboratory: Laboratory) -> Measured:
    """Put a claim to the test. Raises as `Laboratory.compare` does."""
    laboratory.take_requested()
    started = perf_counter()
    finding = claim.measure(laboratory)
    time_s = perf_counter() - started
    requested = laboratory.take_requested()
    finished = [job for job in requested if job.is_finished]
    return Measured(
        claim=claim,
        finding=finding,
        runs=tuple(open_run(job.path) for job in finished),
        found=sum(requested[job] for job in finished),
        diverged=len(requested) - len(finished),
        time_s=time_s,
    )


def still_to_train(claims: Iterable[Claim], laboratory: Laboratory) -> dict[Job, float]:
    """The jobs that claims will ask for and that are not finished, each with its work in multiply-adds, roughly.

    Found by asking: every claim is measured in a laboratory that stops at the first training. What a claim asks for
    after that stays unseen until it does.
    """
    rehearsal = replace(laboratory, engine=_NoTraining(laboratory.engine), should_stop=lambda: True)
    jobs: dict[Job, None] = {}
    for claim in claims:
        if claim.kind == "statistical":
            rehearsal.take_requested()
            try:
                claim.measure(rehearsal)
            except Stopped:
                jobs |= {job: None for job, is_finished in rehearsal.take_requested().items() if not is_finished}
    costs: dict[str, int] = {}
    return {job: work_of(open_run(job.path).config, costs) for job in jobs}


class _NoTraining:
    """An engine for rehearsals of another's work."""

    def __init__(self, played: Engine) -> None:
        self.identity = played.identity

    def train(self, jobs: Sequence[Job], **_: Any) -> Iterable[Any]:
        """Train nothing: a rehearsal only asks."""
        return ()

    def close(self) -> None:
        """Do nothing, as nothing was started."""
