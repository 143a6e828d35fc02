"""What claims are tested with: images, seeds, a place for runs, and a way to train variants on matched seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.experiments.compare import Comparison, comparison, contestants, prepare, train
from cnnlab.experiments.engines import Engine
from cnnlab.experiments.job import Job
from cnnlab.experiments.plan import Plan
from cnnlab.experiments.variants import Variant
from cnnlab.runs import Run


class Stopped(Exception):  # noqa: N818 - not an error: the user asked for it
    """The user stopped the experiment; what is finished is kept."""


@dataclass(frozen=True)
class Laboratory:
    """Where a claim is tested.

    data: name of the set that claims about digits use; fashion: of that for claims about Fashion-MNIST. train_size:
    most training images of a training that says nothing else, None for all. epochs: of such a training. folder: of
    runs; what is finished there is not trained again.
    """

    data: str
    fashion: str
    seeds: tuple[int, ...]
    epochs: float
    folder: Path
    engine: Engine
    train_size: int | None = None
    data_root: str | None = None
    on_progress: Callable[[Job, float], None] = lambda _job, _share: None
    should_stop: Callable[[], bool] = lambda: False
    _loaded: dict[str, ImageSet] = field(default_factory=dict)

    def plan(self, net: str, *, data: str | None = None, recipe: str = "lesson", epochs: float | None = None) -> Plan:
        """A training in this laboratory; by default by the lesson's recipe."""
        return Plan(
            net=NetSpec(name=net), data=data or self.sized(self.data), recipe=recipe, epochs=epochs or self.epochs
        )

    def sized(self, data: str) -> str:
        """A data set's name with as many training images as this laboratory takes."""
        return data if self.train_size is None else f"{data}@{self.train_size}"

    def compare(self, base: Plan, variants: Sequence[Variant], *, seeds: tuple[int, ...] | None = None) -> Comparison:
        """Train a plan and its variants on every seed, or find the runs again, and compare them.

        seeds: other than the laboratory's own.

        Raises Stopped when the user asked for it, and UserError where a training fails.
        """
        everything = [Variant("baseline", "", "", lambda plan: plan), *variants]
        found = contestants(base, everything, seeds or self.seeds, self.load)
        jobs = prepare(found, self.folder, data_root=self.data_root)
        queue = [job for one_seed in zip(*jobs.values(), strict=True) for job in one_seed]
        errors = train(queue, self.engine, on_progress=self.on_progress, should_stop=self.should_stop)
        if self.should_stop():
            raise Stopped
        if errors:
            raise UserError("; ".join(dict.fromkeys(errors)))
        return comparison(found, jobs)

    def train(self, plan: Plan, *, seeds: tuple[int, ...] | None = None) -> tuple[Run, ...]:
        """A plan's finished runs, one a seed. Raises as `compare` does."""
        return self.compare(plan, [], seeds=seeds).baseline.runs

    def load(self, name: str) -> ImageSet:
        """The set of that name, loaded once."""
        if name not in self._loaded:
            self._loaded[name] = load(name, root=self.data_root)
        return self._loaded[name]


def to(name: str, **fields: object) -> Variant:
    """A variant of a claim's own: a plan with some of its fields replaced."""
    return Variant(name, "", "", lambda plan: plan.model_copy(update=fields))
