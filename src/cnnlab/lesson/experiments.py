"""The homework's experiments that train nets, each a comparison on matched seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from cnnlab.claims.laboratory import Laboratory
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import Comparison, VariantFigures, contestants, make_jobs
from cnnlab.experiments.job import Job
from cnnlab.experiments.variants import VARIANTS, Variant
from cnnlab.lesson.sizes import Sizes
from cnnlab.runs.plan import Plan

_HOMEWORK = "lesson 3, homework"

#: Other filters, other kernels, other depth: half the filters, pixels alone, 5×5, and a third block.
ARCHITECTURES = ("fewer-filters", "kernel-1", "kernel-5", "three-blocks")


@dataclass(frozen=True)
class Experiment:
    """A comparison still to be run: a baseline's plan, and the variants to train against it."""

    base: Plan
    variants: tuple[Variant, ...]

    def jobs(self, laboratory: Laboratory) -> list[Job]:
        """Its runs in the laboratory, finished or not."""
        found = contestants(self.base, [VARIANTS["baseline"], *self.variants], laboratory.seeds, laboratory.load)
        prepared = make_jobs(found, laboratory.folder, laboratory.engine, data_root=laboratory.data_root)
        return [job for of_variant in prepared.values() for job in of_variant]

    def compare(self, laboratory: Laboratory) -> Comparison:
        """Train the runs that are missing, and compare. Raises as `Laboratory.compare` does."""
        return laboratory.compare(self.base, self.variants)


def architectures(sizes: Sizes) -> Experiment:
    """Homework 1: SimpleCNN with other filters, kernels and depth."""
    size = sizes.architectures
    base = Plan(net=NetSpec(name="simple-cnn"), data=size.of(sizes.data), epochs=size.epochs)
    return Experiment(base, tuple(VARIANTS[name] for name in ARCHITECTURES))


def regularisers(sizes: Sizes) -> Experiment:
    """Homework 2: SimpleCNN without dropout and batch norm, with each, and with both, on few images.

    The nets are named as the claims name them, for three of the four are also runs of the claims.
    """
    size = sizes.regularisers
    nets = {
        "dropout": NetSpec(name="conv-net", options={"dropout": 0.5, "batch_norm": False}),
        "batch norm": NetSpec(name="simple-cnn", options={"dropout": 0.0}),
        "dropout + batch norm": NetSpec(name="conv-net", options={"dropout": 0.5}),
    }
    says = {
        "dropout": "dropout narrows the gap to training",
        "batch norm": "batch norm steadies training and regularises a little",
        "dropout + batch norm": "both together do what each does alone, added",
    }
    base = Plan(
        net=NetSpec(name="conv-net", options={"dropout": 0.0, "batch_norm": False}),
        data=size.of(sizes.data),
        epochs=size.epochs,
    )
    return Experiment(base, tuple(_with(name, says[name], net) for name, net in nets.items()))


def best_cnn(sizes: Sizes, tried: Comparison) -> Experiment:
    """Homework 4: the fully connected net of lesson 2, and against it the CNN that was best in homework 1.

    Best by mean validation accuracy: the test images chose nothing.
    """
    size = sizes.best_cnn
    winner = best(tried)
    base = Plan(net=NetSpec(name="mlp"), data=size.of(sizes.fashion), epochs=size.epochs)
    name = "SimpleCNN" if winner.variant.name == "baseline" else f"SimpleCNN, {winner.variant.name}"
    return Experiment(base, (_with(name, "the CNN beats the fully connected net", winner.plan.net),))


def best(tried: Comparison) -> VariantFigures:
    """The variant with the highest mean validation accuracy."""
    return max(tried.variants, key=lambda one: mean(one.validation))


def _with(name: str, says: str, net: NetSpec) -> Variant:
    return Variant(name, says, _HOMEWORK, lambda plan: plan.model_copy(update={"net": net}))


def jobs_of(experiments: Sequence[Experiment], laboratory: Laboratory) -> list[Job]:
    """The runs of several experiments."""
    return [job for one in experiments for job in one.jobs(laboratory)]
