"""Homework 1: SimpleCNN with other filters, kernels and depth."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import mean

from cnnlab.claims.figures import Lines, Series
from cnnlab.experiments.compare import Comparison, VariantFigures
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.experiments import best
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice


@dataclass(frozen=True)
class Architectures:
    """best: the variant that validation chose, for homework 4."""

    comparison: Comparison
    best: VariantFigures
    accuracy_by_size: Lines
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Architectures:
    """Accuracy against parameters, and who has most of them."""
    found = evidence.architectures
    ordered = sorted(found.variants, key=lambda one: one.parameters)
    winner = best(found)
    return Architectures(
        comparison=found,
        best=winner,
        accuracy_by_size=Lines(
            "Test accuracy and parameters",
            tuple(float(one.parameters) for one in ordered),
            "parameters",
            "test accuracy",
            (
                Series(
                    "mean over seeds",
                    (tuple(mean(one.test) for one in ordered),),
                    low=tuple(min(one.test) for one in ordered),
                    high=tuple(max(one.test) for one in ordered),
                ),
            ),
            is_share=True,
            log_x=True,
        ),
        questions=(_fewest(found),),
        see=(Link("comparison", "The comparison: differences, curves, every run", "architectures.html"),),
    )


def _fewest(found: Comparison) -> Question:
    by_size = {one.variant.name: one.parameters for one in found.variants}
    fewest = min(by_size, key=lambda name: by_size[name])
    dense = "what the dense layer reads decides: it holds most of a net’s parameters"
    return choice(
        "fewest-parameters",
        "Before you look at the table: which of these nets has the fewest parameters?",
        fewest,
        worked="; ".join(f"{name}: {count:,}" for name, count in sorted(by_size.items(), key=lambda one: one[1]))
        + f". With two blocks or three, {dense}.",
        others=[
            (name, f"{name} has {count:,}, {fewest} {by_size[fewest]:,}: {dense}.")
            for name, count in by_size.items()
            if name != fewest
        ],
        place=list(by_size).index(fewest),
    )
