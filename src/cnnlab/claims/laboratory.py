"""What claims are tested with: images, seeds, a place for runs, and a way to train variants on matched seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import Stopped
from cnnlab.experiments.compare import Comparison, comparison, contestants
from cnnlab.experiments.engines import Engine
from cnnlab.experiments.job import Job
from cnnlab.experiments.trainer import Trainer
from cnnlab.experiments.variants import Variant
from cnnlab.one_writer import InUse
from cnnlab.runs import Run, open_run
from cnnlab.runs.plan import Plan

#: The first seed of a round. Some rules were settled after a look at lower seeds, on which no verdict rests.
FIRST_SEED = 10

#: How far the seeds of controls lie from those of the claim.
OTHER_SEEDS = 1000

_UNCHANGED = Variant("baseline", "", "", lambda plan: plan)


@dataclass(frozen=True)
class Scale:
    """How much a round trains where nothing else is asked for, by default and in the lesson.

    data: digits. fashion: clothes; None: the digits take their place. seeds: how many. epochs, train_size: as in
    `Laboratory`.
    """

    data: str
    fashion: str | None
    seeds: int
    epochs: int
    train_size: int | None


#: `--quick`, and a lesson of a few minutes.
QUICK = Scale("mnist-5k", None, seeds=3, epochs=5, train_size=2000)

#: All images.
FULL = Scale("mnist", "fashion-mnist", seeds=5, epochs=3, train_size=None)


def seeds_of_a_round(count: int) -> tuple[int, ...]:
    """That many seeds, from FIRST_SEED on."""
    return tuple(range(FIRST_SEED, FIRST_SEED + count))


@dataclass(frozen=True)
class Laboratory:
    """Images, seeds, a folder for runs and an engine: what a claim is tested with.

    data: name of the set that claims about digits use; fashion: of that for claims about Fashion-MNIST. train_size:
    most images of a training for which nothing else is given, None for all. epochs: of such a training. folder: of
    runs; what is finished there is not trained again. is_quick: whether claims may leave out places of a factor.
    """

    data: str
    fashion: str
    seeds: tuple[int, ...]
    epochs: float
    folder: Path
    engine: Engine
    train_size: int | None = None
    is_quick: bool = False
    data_root: str | None = None
    on_progress: Callable[[Job, float], None] = lambda _job, _share: None
    should_stop: Callable[[], bool] = lambda: False
    _loaded: dict[str, ImageSet] = field(default_factory=dict)
    #: Job → whether its run was finished when it was first requested.
    _requested: dict[Job, bool] = field(default_factory=dict)

    @property
    def trainer(self) -> Trainer:
        """What trains this laboratory's runs."""
        return Trainer(
            self.folder, self.engine, self.data_root, on_progress=self.on_progress, should_stop=self.should_stop
        )

    def plan(self, net: str, *, data: str | None = None, recipe: str = "lesson", epochs: float | None = None) -> Plan:
        """A training in this laboratory; by default by the lesson's recipe."""
        return Plan(
            net=NetSpec(name=net), data=data or self.sized(self.data), recipe=recipe, epochs=epochs or self.epochs
        )

    def sized(self, data: str) -> str:
        """A data set's name with as many training images as this laboratory takes."""
        return data if self.train_size is None else f"{data}@{self.train_size}"

    @property
    def other_seeds(self) -> tuple[int, ...]:
        """As many seeds that are used for nothing else: for controls in which nothing but the seeds differs."""
        return tuple(seed + OTHER_SEEDS for seed in self.seeds)

    def at_most(self, data: str, images: int) -> str:
        """A data set's name with no more than that many training images."""
        return f"{data}@{images}" if len(self.load(data).train) > images else data

    def compare(self, base: Plan, variants: Sequence[Variant]) -> Comparison:
        """Train a plan and its variants on every seed, or find the runs again, and compare them.

        Raises Stopped when the user asked for it, and UserError where a training fails.
        """
        found = contestants(base, [_UNCHANGED, *variants], self.seeds, self.load)
        jobs = self.trainer.prepare(found)
        self._train(jobs)
        return comparison(found, jobs)

    def train(self, plan: Plan) -> tuple[Run, ...]:
        """A plan's finished runs, one a seed. Raises as `compare` does."""
        return self.compare(plan, []).baseline.runs

    def train_all(self, plans: Sequence[Plan], *, on_other_seeds: Sequence[Plan] = ()) -> list[list[Run | None]]:
        """Every plan's runs, one a seed, all at once; None where the training diverged. Raises as `compare` does.

        on_other_seeds: plans whose runs on `other_seeds` follow.
        """
        asked = [(plan, self.seeds) for plan in plans] + [(plan, self.other_seeds) for plan in on_other_seeds]
        found = [contestants(plan, [_UNCHANGED], seeds, self.load)[0] for plan, seeds in asked]
        jobs = {f"plan {i}": self.trainer.prepare([one])[_UNCHANGED.name] for i, one in enumerate(found)}
        self._train(jobs, may_diverge=True)
        return [[open_run(job.path) if job.is_finished else None for job in of_plan] for of_plan in jobs.values()]

    def bring_back_weights(self, runs: Sequence[Run]) -> None:
        """Train runs again whose weights were let go, to the same figures. Call it before their nets are loaded.

        Raises as `compare` does.
        """
        gone = [run for run in runs if not run.has_weights]
        if not gone:
            return
        jobs = [Job(run.path, self.engine.identity(run.config), self.data_root) for run in gone]
        self._requested.update(dict.fromkeys(jobs, False))
        if self.should_stop():
            raise Stopped(f"{len(gone)} runs are still to be trained again, for their weights")
        for run in gone:
            with suppress(InUse), run.alone() as alone:
                alone.begin_again()
        self._train({"again": jobs})

    def take_requested(self) -> dict[Job, bool]:
        """Hand over the jobs requested since this was last called, each with whether its run was there already."""
        requested = dict(self._requested)
        self._requested.clear()
        return requested

    def _train(self, jobs: Mapping[str, Sequence[Job]], *, may_diverge: bool = False) -> None:
        for of_one in jobs.values():
            for job in of_one:
                self._requested.setdefault(job, job.is_finished)
        self.trainer.train_jobs(jobs, may_diverge=may_diverge)

    def load(self, name: str) -> ImageSet:
        """The set of that name, loaded once."""
        if name not in self._loaded:
            self._loaded[name] = load(name, root=self.data_root)
        return self._loaded[name]


def to(name: str, **fields: object) -> Variant:
    """A variant of a claim's own: a plan with some of its fields replaced."""
    return Variant(name, "", "", lambda plan: plan.model_copy(update=fields))
