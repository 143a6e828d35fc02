"""Variants × seeds: trained, found again, compared on matched seeds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from cnnlab.config import RunConfig
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.experiments.engines import Engine, Kind, Outcome
from cnnlab.experiments.job import Job
from cnnlab.experiments.make_job import make_job
from cnnlab.experiments.siblings import (
    mixed_images,
    mixed_machines,
    require_one_identity,
    require_same_images,
    require_same_test,
)
from cnnlab.experiments.statistics import Difference, Spread, holm, paired_difference, spread
from cnnlab.experiments.two_by_two import TwoByTwo, two_by_two
from cnnlab.experiments.variants import Variant
from cnnlab.experiments.verdicts import Verdict, verdict
from cnnlab.nets.resolve import is_own
from cnnlab.one_writer import has_writer
from cnnlab.own_code import OwnCodeError
from cnnlab.runs import Run, open_run
from cnnlab.runs.environment import Environment, environments_of
from cnnlab.runs.keeping import DivergedRun
from cnnlab.runs.plan import Plan
from cnnlab.training.loop import Epoch

#: Seconds between two looks at runs that another process trains.
WAIT_S = 0.5


@dataclass(frozen=True)
class Contestant:
    """A variant and the plan that it makes of the baseline's."""

    variant: Variant
    plan: Plan
    configs: tuple[RunConfig, ...]  # one a seed, in the seeds' order


@dataclass(frozen=True)
class VariantFigures:
    """A variant's finished runs, in the seeds' order, and what they came to.

    test, validation: accuracies (0–1) of each run's best epoch. remeasured, validation_last: training accuracy, taken
    again in eval mode, and validation accuracy after the last epoch. difference: of test accuracy to the baseline's,
    paired by seed, with `adjusted_p` corrected for all comparisons made here (Holm) and the verdict; None for the
    baseline.
    """

    variant: Variant
    plan: Plan
    runs: tuple[Run, ...]
    test: tuple[float, ...]
    validation: tuple[float, ...]
    remeasured: tuple[float, ...]
    validation_last: tuple[float, ...]
    train_time_s: tuple[float, ...]
    parameters: int
    difference: Difference | None = None
    adjusted_p: float | None = None
    verdict: Verdict | None = None

    @property
    def gap(self) -> tuple[float, ...]:
        """Training accuracy, measured again, less validation accuracy, both after the last epoch."""
        return tuple(seen - new for seen, new in zip(self.remeasured, self.validation_last, strict=True))

    @property
    def test_spread(self) -> Spread:
        """The spread of test accuracy over seeds."""
        return spread(self.test)

    @property
    def curves(self) -> tuple[tuple[Epoch, ...], ...]:
        """The records of every run's epochs, in the seeds' order."""
        return tuple(tuple(run.epochs()) for run in self.runs)


@dataclass(frozen=True)
class Comparison:
    """A baseline and its variants on the same seeds.

    test_images: how many each accuracy was measured on. two_by_two: the design that the variants make, where they make
    one. warnings: what makes the figures doubtful, a line each. environments: what the runs were made on, each with how
    many of them.
    """

    seeds: tuple[int, ...]
    test_images: int
    variants: tuple[VariantFigures, ...]
    two_by_two: TwoByTwo | None = None
    warnings: tuple[str, ...] = ()
    environments: tuple[tuple[Environment, int], ...] = ()

    @property
    def baseline(self) -> VariantFigures:
        """What the others are compared with: the first."""
        return self.variants[0]

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain values: the document of `cnnlab compare --json`."""
        document: dict[str, Any] = {
            "baseline": self.baseline.variant.name,
            "seeds": list(self.seeds),
            "test_images": self.test_images,
            "variants": [_figures_json(figures) for figures in self.variants],
            "warnings": list(self.warnings),
            "environments": [{"runs": runs} | record.to_json() for record, runs in self.environments],
        }
        if self.two_by_two is not None:
            document["factorial"] = [effect.to_json() for effect in self.two_by_two.effects]
        return document


def contestants(
    base: Plan, variants: Sequence[Variant], seeds: Sequence[int], load: Callable[[str], ImageSet]
) -> list[Contestant]:
    """Every variant's plan and its runs' configs, checked before anything is trained.

    load: gives the images of a data set's name. Raises UserError for a variant that changes nothing here, for two that
    come to the same, for a variant whose images are not tested on the baseline's test images, and as `Plan.meet` does.
    """
    found: list[Contestant] = []
    hashes: dict[str, str] = {}
    for variant in variants:
        plan = variant.change(base)
        data = load(plan.data)
        if found:
            require_same_test(load(found[0].plan.data), data, variant=variant.name)
        try:
            first, net = plan.meet(data, seeds[0])
        except OwnCodeError:  # it names its place
            raise
        except UserError as error:
            raise UserError(f"{variant.name}: {error}") from None
        configs = tuple(first.model_copy(update={"seed": seed}) for seed in seeds)
        same = _training_of(first, net)
        if same in hashes:
            raise UserError(
                f"variant {variant.name} is the same training as {hashes[same]} here (recipe {plan.recipe}, "
                f"{plan.net.name}); expected variants that differ: leave one out, or choose another --recipe"
            )
        hashes[same] = variant.name
        found.append(Contestant(variant, plan, configs))
    return found


def make_jobs(
    found: Sequence[Contestant], folder: Path, engine: Engine, *, data_root: str | None
) -> dict[str, list[Job]]:
    """Variant name → its jobs in the seeds' order; folders of runs that are there already are found again.

    Only those that `engine` would make just so. Raises UserError.
    """
    return {
        one.variant.name: [
            make_job(
                folder,
                config,
                engine.identity(config),
                data_root=data_root,
                own_code=config.net.name if is_own(config.net.name) else None,
            )
            for config in one.configs
        ]
        for one in found
    }


def train_jobs(
    jobs: Sequence[Job],
    engine: Engine,
    *,
    on_progress: Callable[[Job, float], None] = lambda _job, _share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Train the jobs that are neither finished nor diverged. Returns what went wrong; nothing where all is well.

    After a job that failed in the net's own code no other is begun: it would fail, too. What is a bug is raised. A run
    that another process trains is left for last and waited for: what that one finished is taken, what it left is gone
    on with.
    """
    wrong: list[Outcome] = []

    def is_enough() -> bool:
        return should_stop() or any(one.kind is Kind.FAILED_IN_NET for one in wrong)

    left = list(jobs)
    while left and not is_enough():
        todo = []
        for job in left:
            diverged = open_run(job.path).divergence() if job.has_diverged and not job.is_finished else None
            if diverged is not None:
                wrong.append(Outcome(job, Kind.DIVERGED, error=str(DivergedRun(open_run(job.path), diverged))))
            if job.is_finished or diverged is not None:
                on_progress(job, 1.0)
            else:
                todo.append(job)
        left = []
        for outcome in engine.train(todo, on_progress=on_progress, should_stop=is_enough):
            if outcome.kind is Kind.IN_USE:
                left.append(outcome.job)
                continue
            if outcome.kind is Kind.STOPPED:
                continue
            if outcome.kind is not Kind.FINISHED:
                wrong.append(outcome)
            on_progress(outcome.job, 1.0)
        while left and not is_enough():
            time.sleep(WAIT_S)
            if not all(has_writer(job.path) for job in left):
                break
    return wrong


def require_trained(wrong: Sequence[Outcome], *, may_diverge: bool = False) -> None:
    """Raise UserError where a training failed: each reason once. may_diverge: but for those that diverged."""
    reasons = [one for one in wrong if not (may_diverge and one.kind is Kind.DIVERGED)]
    of_net = [one for one in reasons if one.kind is Kind.FAILED_IN_NET]
    if of_net:
        raise OwnCodeError(of_net[0].error)
    if reasons:
        raise UserError("; ".join(dict.fromkeys(one.error for one in reasons)))


def comparison(found: Sequence[Contestant], jobs: Mapping[str, Sequence[Job]]) -> Comparison:
    """Compare finished runs: the first contestant is the baseline.

    Raises UserError where a run is not finished, where runs saw different images under one name, and where they are of
    different versions, threads or code.
    """
    figures = [_figures(one, [open_run(job.path) for job in jobs[one.variant.name]]) for one in found]
    runs = [run for one in figures for run in one.runs]
    require_same_images(runs)
    require_one_identity(runs)
    test_images = runs[0].config.data.images["test"]
    base = figures[0]
    differences = [paired_difference(one.test, base.test, resolution=1 / test_images) for one in figures[1:]]
    adjusted = holm([difference.p for difference in differences])
    compared = [
        replace(
            one,
            difference=difference,
            adjusted_p=p,
            verdict=verdict(difference, adjusted_p=p, comparisons=len(adjusted)),
        )
        for one, difference, p in zip(figures[1:], differences, adjusted, strict=True)
    ]
    seeds = tuple(config.seed for config in found[0].configs)
    warnings = dict.fromkeys(warning for run in runs for warning in run.result().warnings)
    mixed = [line for folder in {run.path.parent: None for run in runs} for line in mixed_images(folder)]
    mixed += mixed_machines(runs)
    return Comparison(
        seeds, test_images, (base, *compared), warnings=(*warnings, *mixed), environments=tuple(environments_of(runs))
    )


def as_two_by_two(compared: Comparison) -> Comparison:
    """The comparison of a baseline, two changes and `both`, in this order, taken apart as a design."""
    neither, first, second, together = compared.variants
    by_cell = {(False, False): neither, (True, False): first, (False, True): second, (True, True): together}
    design = two_by_two(
        (first.variant.name, second.variant.name),
        {cell: figures.variant.name for cell, figures in by_cell.items()},
        {cell: figures.test for cell, figures in by_cell.items()},
        {cell: figures.gap for cell, figures in by_cell.items()},
        test_images=compared.test_images,
    )
    return replace(compared, two_by_two=design)


def _figures(one: Contestant, runs: list[Run]) -> VariantFigures:
    results = [run.result() for run in runs]
    last = [run.epochs()[-1] for run in runs]
    return VariantFigures(
        variant=one.variant,
        plan=one.plan,
        runs=tuple(runs),
        test=tuple(result.test.accuracy for result in results),
        validation=tuple(result.validation.accuracy for result in results),
        remeasured=tuple(epoch.remeasured_accuracy for epoch in last),
        validation_last=tuple(epoch.validation_accuracy for epoch in last),
        train_time_s=tuple(result.train_time_s for result in results),
        parameters=results[0].parameters,
    )


def _training_of(config: RunConfig, net: nn.Module) -> str:
    """Equal for configs that train equal layers on equal images the same way, however the net is named."""
    layers = [str(child) for child in net.children()]
    own = config.net.name if is_own(config.net.name) else ""
    return json.dumps([own, layers, config.data.sha256, config.training.model_dump(mode="json")])


def _figures_json(figures: VariantFigures) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": figures.variant.name,
        "claim": figures.variant.claim,
        "source": figures.variant.source,
        "plan": figures.plan.model_dump(mode="json"),
        "runs": [str(run.path) for run in figures.runs],
        "parameters": figures.parameters,
        "test": {"accuracies": list(figures.test)} | vars(figures.test_spread),
        "validation": {"accuracies": list(figures.validation)} | vars(spread(figures.validation)),
        "gap": {"values": list(figures.gap)} | vars(spread(figures.gap)),
        "train_time_s": list(figures.train_time_s),
    }
    if figures.difference is not None and figures.verdict is not None:
        difference = figures.difference
        document["difference"] = {
            "mean": difference.mean,
            "interval": None if difference.low is None else [difference.low, difference.high],
            "p": difference.p,
            "adjusted_p": figures.adjusted_p,
            "n": len(difference.differences),
        }
        document["verdict"] = {"kind": figures.verdict.kind, "words": figures.verdict.words}
    return document
