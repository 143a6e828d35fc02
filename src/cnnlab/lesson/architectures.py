"""Homework 1: SimpleCNN with other filters, kernels and depth."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.anatomy import describe
from cnnlab.experiments.compare import Comparison, VariantFigures
from cnnlab.figures import Lines, from_case_to_case
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.experiments import best
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice


@dataclass(frozen=True)
class Architectures:
    """best: the variant that validation chose, for homework 4."""

    comparison: Comparison
    best: VariantFigures
    accuracy: Lines
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Architectures:
    """Compare the nets by test accuracy, and ask which has the fewest parameters."""
    found = evidence.architectures
    ordered = sorted(found.variants, key=lambda one: one.parameters)
    winner = best(found)
    return Architectures(
        comparison=found,
        best=winner,
        accuracy=Lines(
            "Test accuracy of every seed, fewest parameters first",
            tuple(one.variant.name for one in ordered),
            "",
            "test accuracy",
            (from_case_to_case("each seed", *(one.test for one in ordered)),),
            is_share=True,
        ),
        questions=(_fewest(found),),
        see=(Link("comparison", "The comparison: differences, curves, every run", "architectures.html"),),
    )


def _fewest(found: Comparison) -> Question:
    by_size = {one.variant.name: one.parameters for one in found.variants}
    fewest = min(by_size, key=lambda name: by_size[name])
    of_baseline = describe(found.baseline.runs[0].load_net(), found.baseline.runs[0].config.data.image_shape)
    dense = max(of_baseline.layers, key=lambda layer: layer.parameters)
    return choice(
        "fewest-parameters",
        "Which of these nets has the fewest parameters?",
        fewest,
        worked="; ".join(f"{name}: {count:,}" for name, count in sorted(by_size.items(), key=lambda one: one[1]))
        + f". Of the baseline’s, {dense.parameters / of_baseline.parameters:.0%} lie in {dense.name} ({dense.type}), "
        f"which reads {dense.call.arguments['weight'][1]:,} values: so what counts most is how many values the last "
        "block leaves.",
        others=[
            (name, f"{name} has {count:,}, {fewest} only {by_size[fewest]:,}.")
            for name, count in by_size.items()
            if name != fewest
        ],
        place=list(by_size).index(fewest),
    )
