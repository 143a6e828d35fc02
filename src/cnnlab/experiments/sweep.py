"""A sweep: points of a space searched by validation accuracy, the best one trained again on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

from cnnlab.anatomy import describe
from cnnlab.errors import UserError
from cnnlab.experiments.compare import Comparison, Contestant, VariantFigures, comparison
from cnnlab.experiments.race import End, Standing, race, validation_images
from cnnlab.experiments.samplers import Sampler
from cnnlab.experiments.statistics import MeanDifference, Spread, mean_difference, sampling_error, spread
from cnnlab.experiments.trainer import Trainer
from cnnlab.nets.resolve import build_net, is_own
from cnnlab.runs import Run
from cnnlab.runs.environment import Environment, environments_of
from cnnlab.runs.plan import Plan

#: Costs that accuracy is weighed against, by the names of a point's figures.
COSTS = ("parameters", "macs", "train_time_s")

#: Fresh seeds of the winner at least: fewer give hardly an interval.
FRESH = 3


@dataclass(frozen=True)
class Point:
    """A point of the space and what its search came to.

    validation: accuracy (0–1) of each run's best epoch, in the seeds' order; none where the first run diverged.
    parameters: trained ones. macs: multiply-adds for one image. train_time_s: mean of its runs, training steps alone.
    front: the costs on whose Pareto front it lies. plan: the training without seed.
    """

    name: str
    plan: Plan
    end: End
    runs: tuple[Run, ...]
    validation: tuple[float, ...]
    parameters: int
    macs: int
    train_time_s: float | None
    front: tuple[str, ...] = ()

    @property
    def spread(self) -> Spread | None:
        """The spread of validation accuracy over seeds; None for a point without any."""
        return spread(self.validation) if self.validation else None


@dataclass(frozen=True)
class Sweep:
    """A finished sweep. points: best first, those that went all the way before the others.

    plan: what all points share. is_pruned: whether points could be pruned. final: the runner-up, if any other point
    went all the way, and the winner, on seeds that chose nothing. optimism: the winner's validation accuracy in the
    search less that on fresh seeds. validation_images: how many the accuracies were measured on.
    """

    plan: Plan
    seeds: tuple[int, ...]
    validation_images: int
    is_pruned: bool
    points: tuple[Point, ...]
    final: Comparison
    optimism: MeanDifference

    @property
    def winner(self) -> VariantFigures:
        """The best point of the search, in its fresh runs."""
        return self.final.variants[-1]

    @property
    def runner_up(self) -> VariantFigures | None:
        """The second best point, on the same fresh seeds; None where no other went all the way."""
        return self.final.baseline if len(self.final.variants) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """The sweep as plain values: the document of `cnnlab sweep --json`."""
        test = self.winner.test_spread
        document: dict[str, Any] = {
            "plan": self.plan.model_dump(mode="json"),
            "seeds": list(self.seeds),
            "fresh_seeds": list(self.final.seeds),
            "validation_images": self.validation_images,
            "test_images": self.final.test_images,
            "pruning": self.is_pruned,
            "environments": [{"runs": runs} | record.to_json() for record, runs in self.environments],
            "warnings": list(self.final.warnings),
            "points": [_point_json(point) for point in self.points],
            "winner": {
                "name": self.winner.variant.name,
                "runs": [str(run.path) for run in self.winner.runs],
                "search": {"accuracies": list(self.points[0].validation)} | vars(spread(self.points[0].validation)),
                "fresh": {"accuracies": list(self.winner.validation)} | vars(spread(self.winner.validation)),
                "optimism": {"mean": self.optimism.mean, "interval": _interval(self.optimism)},
                "test": {"accuracies": list(self.winner.test), "sampling_error": self.test_error} | vars(test),
            },
            "runner_up": None,
        }
        if self.runner_up is not None and self.winner.difference is not None and self.winner.verdict is not None:
            difference = self.winner.difference
            document["runner_up"] = {
                "name": self.runner_up.variant.name,
                "runs": [str(run.path) for run in self.runner_up.runs],
                "test": {"accuracies": list(self.runner_up.test)} | vars(self.runner_up.test_spread),
                "difference": {"mean": difference.mean, "interval": _interval(difference), "p": difference.p},
                "verdict": vars(self.winner.verdict),
            }
        return document

    @property
    def environments(self) -> list[tuple[Environment, int]]:
        """What all runs were made on, those of the search and the fresh ones, each with how many of them."""
        searched = [run for point in self.points for run in point.runs]
        return environments_of([*searched, *(run for one in self.final.variants for run in one.runs)])

    @property
    def test_error(self) -> float:
        """The standard error (0–0.5) of the winner's test accuracy that comes from the number of test images."""
        return sampling_error(self.winner.test_spread.mean, self.final.test_images)


def search_points(found: Sequence[Contestant], sampler: Sampler, trainer: Trainer, *, prune: bool) -> list[Standing]:
    """Train the points that the sampler proposes, seed by seed; their standings in the order of the proposals.

    Raises as `Trainer.train` does, and UserError where every training diverged.
    """
    by_name = {one.variant.name: one for one in found}
    seeds = len(found[0].configs)
    finals = 2 * len(fresh_seeds(seeds))
    standings: list[Standing] = []
    while names := sampler.ask():
        batch = [by_name[name] for name in names]
        later = finals + seeds * (sampler.size - len(standings) - len(batch))
        raced = race(batch, standings, trainer, prune=prune, later=later)
        # A training that diverged has learnt nothing.
        sampler.tell({one.name: 0.0 if one.end == "diverged" else mean(one.validation) for one in raced})
        standings += raced
    if not any(one.end == "complete" for one in standings):
        raise UserError("sweep: every point diverged; expected one that trains: lower --set learning-rate=…")
    return standings


def fresh_seeds(seeds: int) -> range:
    """The seeds that the winner is trained on again: as many as in the search, at least FRESH, none of them."""
    return range(seeds, seeds + max(FRESH, seeds))


def conclude(base: Plan, standings: Sequence[Standing], trainer: Trainer, *, prune: bool) -> Sweep:
    """Train the winner and the runner-up of a search on fresh seeds, and put all figures together.

    The best mean validation accuracy wins; among equal ones the fewest parameters. Raises as `Trainer.train` does, and
    UserError where the winner or the runner-up diverges on a fresh seed.
    """
    measured = [_measure(one) for one in standings]
    fronts = {cost: _front(measured, cost) for cost in COSTS}
    points = sorted(
        (replace(one, front=tuple(cost for cost in COSTS if one.name in fronts[cost])) for one in measured),
        key=_rank,
    )
    seeds = tuple(config.seed for config in standings[0].contestant.configs)
    best = [one.name for one in points if one.end == "complete"][:2]
    by_name = {one.name: one.contestant for one in standings}
    fresh = [_on_seeds(by_name[name], fresh_seeds(len(seeds))) for name in reversed(best)]
    jobs = trainer.train(fresh, later=0)
    for name, some in jobs.items():
        if not all(job.is_finished for job in some):
            raise UserError(f"sweep: {name} diverged on a fresh seed; expected it to train: leave that point out")
    final = comparison(fresh, jobs)
    return Sweep(
        plan=base,
        seeds=seeds,
        validation_images=validation_images(standings[0]),
        is_pruned=prune,
        points=tuple(points),
        final=final,
        optimism=mean_difference(points[0].validation, final.variants[-1].validation),
    )


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Find the points that no other dominates, by index, the cheapest first.

    points: (accuracy, cost) each, more accuracy and less cost being better. A point is dominated by one that is at
    least as good in both and better in one; points that are equal in both stand or fall together.
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda one: (points[one][1], -points[one][0])):
        if not front or points[index][0] > points[front[-1]][0] or points[index] == points[front[-1]]:
            front.append(index)
    return front


def _on_seeds(contestant: Contestant, seeds: Sequence[int]) -> Contestant:
    first = contestant.configs[0]
    return replace(contestant, configs=tuple(first.model_copy(update={"seed": seed}) for seed in seeds))


def _measure(standing: Standing) -> Point:
    config = standing.contestant.configs[0]
    net = build_net(
        config.net,
        image_shape=config.data.image_shape,
        num_classes=len(config.data.classes),
        seed=config.seed,
        own_code=config.net.name if is_own(config.net.name) else None,
    )
    anatomy = describe(net, config.data.image_shape)
    times = [run.result().train_time_s for run in standing.runs]
    return Point(
        name=standing.name,
        plan=standing.contestant.plan,
        end=standing.end,
        runs=standing.runs,
        validation=standing.validation,
        parameters=anatomy.trained_parameters,
        macs=anatomy.macs,
        train_time_s=mean(times) if times else None,
    )


def _front(points: Sequence[Point], cost: str) -> set[str]:
    """Names of the points on the front; one that diverged trains nothing, whatever it costs."""
    trained = [point for point in points if point.end != "diverged"]
    return {
        trained[index].name
        for index in pareto_front([(mean(point.validation), getattr(point, cost)) for point in trained])
    }


def _rank(point: Point) -> tuple[bool, bool, float, int]:
    reached = mean(point.validation) if point.validation else 0.0
    return point.end != "complete", point.end == "diverged", -reached, point.parameters


def _interval(difference: Any) -> list[float] | None:
    return None if difference.low is None else [difference.low, difference.high]


def _point_json(point: Point) -> dict[str, Any]:
    reached = point.spread
    return {
        "name": point.name,
        "plan": point.plan.model_dump(mode="json"),
        "end": point.end,
        "seeds": len(point.runs),
        "runs": [str(run.path) for run in point.runs],
        "validation": None if reached is None else {"accuracies": list(point.validation)} | vars(reached),
        "parameters": point.parameters,
        "macs": point.macs,
        "train_time_s": point.train_time_s,
        "front": list(point.front),
    }
