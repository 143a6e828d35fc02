"""The order of a search: one seed of every point after another, as long as a point is not clearly behind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, variance
from typing import Literal

from cnnlab.experiments.compare import Contestant
from cnnlab.experiments.trainer import Trainer
from cnnlab.runs import Run, open_run

#: How a point's search ended: trained on all seeds, pruned after some of them, or with a loss that was not a number.
End = Literal["complete", "pruned", "diverged"]


@dataclass(frozen=True)
class Standing:
    """What a point has reached: its finished runs in the seeds' order, and their validation accuracies (0–1)."""

    contestant: Contestant
    runs: tuple[Run, ...] = ()
    validation: tuple[float, ...] = ()
    end: End = "complete"

    @property
    def name(self) -> str:
        """The name of the point."""
        return self.contestant.variant.name


def race(
    contestants: Sequence[Contestant], before: Sequence[Standing], trainer: Trainer, *, prune: bool, later: int
) -> list[Standing]:
    """Train contestants seed by seed; with `prune`, those that fall clearly behind the best stop there.

    before: standings of points that were raced earlier: those that went all the way race along. later: how many runs
    will follow at most. All means are over the same first seeds. Nothing is pruned before all have two seeds, as one
    says nothing about how far the next would land. The answer is in the contestants' order. Raises as `Trainer.train`
    does.

    Racing: Maron and Moore 1994, "Hoeffding races"; Birattari et al. 2002, "A racing algorithm for configuring
    metaheuristics". Ours differs in its test, `clearly_behind`.
    """
    standings = {one.variant.name: Standing(one) for one in contestants}
    seeds = len(contestants[0].configs)
    for turn in range(seeds):
        running = [name for name, one in standings.items() if one.end == "complete"]
        if not running:
            break
        of_seed = [
            replace(one, configs=one.configs[turn : turn + 1])
            for one in (standings[name].contestant for name in running)
        ]
        jobs = trainer.train(of_seed, later=later + len(of_seed) * (seeds - turn - 1))
        for name, (job,) in jobs.items():
            standings[name] = _after(standings[name], open_run(job.path))
        if prune and 0 < turn < seeds - 1:
            rivals = [one for one in (*before, *standings.values()) if one.end == "complete"]
            reached = {one.name: one.validation[: turn + 1] for one in rivals}
            for name in clearly_behind(reached, images=validation_images(standings[running[0]])) & set(running):
                standings[name] = replace(standings[name], end="pruned")
    return list(standings.values())


def clearly_behind(reached: Mapping[str, Sequence[float]], *, images: int) -> set[str]:
    """Find the points whose mean validation accuracy is clearly below the best mean.

    reached: point → accuracies (0–1), the same two or more seeds for all. images: how many these were measured on.
    Clearly: by more than Student's t at 95 % times the standard error of a difference of two such means. That has two
    parts: the variance over seeds, pooled over all points, which more seeds make smaller; and the sampling error of the
    images, which they do not. Nets stumble over many of the same images, so the second is set too high: a point goes on
    rather than stops. To this one image right and one wrong are added (Agresti and Caffo 2000), for accuracies near 1.
    """
    from scipy.special import stdtrit

    if not reached:
        return set()
    means = {name: mean(accuracies) for name, accuracies in reached.items()}
    best = max(means.values())
    seeds = len(next(iter(reached.values())))
    over_seeds = 2 * mean(variance(accuracies) for accuracies in reached.values()) / seeds
    critical = float(stdtrit(len(reached) * (seeds - 1), 0.975))

    def error(accuracy: float) -> float:
        return math.sqrt(over_seeds + _of_images(accuracy, images) + _of_images(best, images))

    return {name for name, accuracy in means.items() if best - accuracy > critical * error(accuracy)}


def _of_images(accuracy: float, images: int) -> float:
    """The variance of an accuracy that comes from the number of images, one more being right and one wrong."""
    share = (accuracy * images + 1) / (images + 2)
    return share * (1 - share) / (images + 2)


def validation_images(standing: Standing) -> int:
    """How many images a point's validation accuracies were measured on."""
    return standing.contestant.configs[0].data.images["validation"]


def _after(standing: Standing, run: Run) -> Standing:
    """The standing with one more run; a run that is not finished has diverged."""
    if not run.is_finished:
        return replace(standing, end="diverged")
    accuracy = run.result().validation.accuracy
    return replace(standing, runs=(*standing.runs, run), validation=(*standing.validation, accuracy))
