"""Homework 1: SimpleCNN with other filters, kernels and depth."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from cnnlab.anatomy import Anatomy
from cnnlab.experiments.compare import Comparison, VariantFigures
from cnnlab.experiments.statistics import paired_difference
from cnnlab.figures import Lines, from_case_to_case
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.experiments import best
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice, measured_choice
from cnnlab.lesson.writing import Writing
from cnnlab.numbers import plain

#: What the student is asked to write.
_ASKS = (
    "Which net would you go on with, and why? "
    "Say which differences between your nets were larger than those between seeds of one net, with their figures."
)


@dataclass(frozen=True)
class Architectures:
    """command: that does the same. best: the variant that validation chose, for homework 4."""

    comparison: Comparison
    command: str
    best: VariantFigures
    accuracy: Lines
    questions: tuple[Question, ...]
    writing: Writing
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Architectures:
    """Compare the nets by test accuracy, and ask which has the fewest parameters."""
    found = evidence.architectures
    ordered = sorted(found.variants, key=lambda one: one.parameters)
    winner = best(found)
    return Architectures(
        comparison=found,
        command=compared(found, "--variants", *(one.variant.name for one in found.variants[1:])),
        best=winner,
        accuracy=Lines(
            "Test accuracy of every seed, fewest parameters first",
            tuple(one.variant.name for one in ordered),
            "",
            "test accuracy",
            (from_case_to_case("each seed", *(one.test for one in ordered)),),
            is_share=True,
        ),
        questions=(_fewest(found, evidence.simple_cnn.anatomy), _most_accurate(found)),
        writing=Writing("homework-1", _ASKS),
        see=(Link("comparison", "The comparison: differences, curves, every run", "architectures.html"),),
    )


def compared(found: Comparison, *words: str) -> str:
    """A `cnnlab compare` command on the images, epochs and seeds of a comparison."""
    plan = found.baseline.plan
    epochs = plain(found.baseline.runs[0].config.training.epochs)
    sizes = ["--data", plan.data, "--epochs", epochs, "--seeds", str(len(found.seeds))]
    return shlex.join(["cnnlab", "compare", *words, *sizes])


def _most_accurate(found: Comparison) -> Question:
    means = {one.variant.name: one.test_spread.mean for one in found.variants}
    highest = max(means, key=lambda name: means[name])
    of_highest = next(one for one in found.variants if one.variant.name == highest)
    return measured_choice(
        "most-accurate",
        "Trained on few images, for equally many epochs: which of these nets will have the highest test accuracy?",
        highest,
        worked="; ".join(f"{name}: {mean:.2%}" for name, mean in means.items()) + f", means over {len(found.seeds)} "
        "seeds.",
        others=[(name, f"{name} reached {mean:.2%}.") for name, mean in means.items() if name != highest],
        place=list(means).index(highest),
        differences=[
            paired_difference(of_highest.test, one.test, resolution=1 / found.test_images)
            for one in found.variants
            if one is not of_highest
        ],
    )


def _fewest(found: Comparison, of_baseline: Anatomy) -> Question:
    by_size = {one.variant.name: one.parameters for one in found.variants}
    fewest = min(by_size, key=lambda name: by_size[name])
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
