"""Seeds of one training side by side in one program, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.errors import UserError
from cnnlab.experiments.engines.engine import Kind, OnProgress, Outcome, failed, share_of
from cnnlab.experiments.engines.here import InProcess
from cnnlab.experiments.job import Job
from cnnlab.one_writer import has_writer
from cnnlab.own_code import own_mistakes

if TYPE_CHECKING:
    from torch import nn

    from cnnlab.config import RunConfig
    from cnnlab.data.imageset import ImageSet
    from cnnlab.runs import Run
    from cnnlab.runs.identity import Identity

#: Most seeds in one program: what they all keep for the backward pass has to fit the device's memory at once.
MOST_TOGETHER = 16


class Batched:
    """Jobs that differ only in their seeds are trained together, at most `most` at a time; others one by one.

    A GPU is hardly busier with the small batches of eight nets than with those of one. Trainings that cannot go
    together (`training.program.why_alone`), or that stand at different steps, are trained alone by the ordinary loop.
    say: gets a line for each group of seeds that is not trained together, with the reason.
    """

    def __init__(self, most: int = MOST_TOGETHER, *, say: Callable[[str], None] = lambda _: None) -> None:
        self.most, self.say = most, say

    def identity(self, config: RunConfig) -> Identity:
        """This process's identity, with `most` seeds together; jobs that have to go alone are given it, too."""
        from cnnlab.runs.identity import identity_of

        return identity_of(config, seeds_together=self.most)

    def close(self) -> None:
        """Do nothing: nothing was started besides this process."""

    def train(
        self, jobs: Sequence[Job], *, on_progress: OnProgress, should_stop: Callable[[], bool]
    ) -> Iterator[Outcome]:
        """Train the jobs group by group; a group's outcomes come at its end."""
        for group in _alike(jobs):
            if should_stop():
                return
            try:
                with own_mistakes():
                    reason = self._why_alone(group)
            except UserError as error:
                yield from [failed(job, error) for job in group]
                continue
            if reason is not None:
                self.say(f"{len(group)} seeds of {group[0].path.name.rpartition('-')[0]} one by one: {reason}")
            at_once = self.most if reason is None else 1
            for first in range(0, len(group), at_once):
                members = []
                for job in group[first : first + at_once]:
                    if has_writer(job.path):
                        yield Outcome(job, Kind.IN_USE)
                    else:
                        members.append(job)
                if should_stop():
                    return
                if len(members) <= 1:
                    yield from InProcess().train(members, on_progress=on_progress, should_stop=should_stop)
                else:
                    yield from _train_together(members, on_progress, should_stop)

    def _why_alone(self, group: Sequence[Job]) -> str | None:
        from cnnlab.experiments.train_job import open_job
        from cnnlab.training.program import why_alone

        if len(group) == 1:
            return None
        run, net, data = open_job(group[0])
        return why_alone(net, data, run.config.training)


def _alike(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that can go together: equal but for their seeds, and at the same step of the same epoch."""
    from cnnlab.experiments.make_job import config_hash
    from cnnlab.experiments.train_job import open_job
    from cnnlab.training.state import Position, position_of

    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        try:
            with own_mistakes():
                run, _, _ = open_job(job)
            stands = run.read_state()
            position = Position() if stands is None else position_of(stands[1], str(run.state_path))
        except UserError:  # whoever trains it says so
            groups[job] = [job]
            continue
        place = (position.epoch, position.step)
        key = (config_hash(run.config.model_copy(update={"seed": 0})), job.data_root, job.own_code, place)
        groups.setdefault(key, []).append(job)
    return list(groups.values())


def _train_together(
    members: Sequence[Job], on_progress: OnProgress, should_stop: Callable[[], bool]
) -> Iterator[Outcome]:
    jobs = {job.path: job for job in members}
    outcomes = _together(jobs, on_progress, should_stop)
    try:
        while True:
            with own_mistakes():  # never around a yield: what is raised outside is not theirs
                outcome = next(outcomes, None)
            if outcome is None:
                break
            del jobs[outcome.job.path]
            yield outcome
    except UserError as error:  # a folder that cannot be written to, a net that raises
        yield from [failed(job, error) for job in jobs.values()]
        return
    yield from [Outcome(job, Kind.STOPPED) for job in jobs.values()]


def _together(jobs: Mapping[Path, Job], on_progress: OnProgress, should_stop: Callable[[], bool]) -> Iterator[Outcome]:
    from cnnlab.experiments.train_job import open_job
    from cnnlab.runs.executing_together import execute_together

    opened: list[tuple[Run, nn.Module, ImageSet]] = [open_job(job) for job in jobs.values()]
    promised = {path: job.identity for path, job in jobs.items()}
    of_path = dict(jobs)
    for run, came in execute_together(
        [(run, net) for run, net, _ in opened],
        opened[0][2],
        promised=promised,
        on_step=lambda run, step: on_progress(of_path[run.path], share_of(step)),
        should_stop=should_stop,
    ):
        job = of_path[run.path]
        yield failed(job, came) if isinstance(came, UserError) else Outcome(job, Kind.FINISHED, came)
