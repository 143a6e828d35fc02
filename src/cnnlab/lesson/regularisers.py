"""Homework 2: dropout and batch norm, each alone, both, and neither."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.experiments.compare import Comparison
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.two_by_two import TwoByTwo
from cnnlab.lesson.architectures import compared
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, measured_choice
from cnnlab.lesson.writing import Writing

#: What the student is asked to write.
_ASKS = (
    "What did dropout, batch norm and both together do to the gap between training and validation accuracy, in your "
    "runs? Say which of it you would still expect with another seed, and why."
)


@dataclass(frozen=True)
class Regularisers:
    """The comparison and the design that its four variants make. command: that does the same."""

    comparison: Comparison
    command: str
    design: TwoByTwo
    questions: tuple[Question, ...]
    writing: Writing
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Regularisers:
    """Compare the four nets, and ask which has the narrowest gap."""
    found = evidence.regularisers
    assert found.two_by_two is not None
    return Regularisers(
        comparison=found,
        command=compared(found, "--factorial", "--variants", "no-dropout", "no-batchnorm"),
        design=found.two_by_two,
        questions=(_narrowest(found),),
        writing=Writing("homework-2", _ASKS),
        see=(Link("comparison", "The comparison: effects, overfitting, every run", "regularisers.html"),),
    )


def _narrowest(found: Comparison) -> Question:
    names = {"baseline": "neither", "dropout + batch norm": "both"}
    gaps = {names.get(one.variant.name, one.variant.name): 100 * sum(one.gap) / len(one.gap) for one in found.variants}
    narrowest = min(gaps, key=lambda name: gaps[name])
    lowest = found.variants[list(gaps).index(narrowest)]
    return measured_choice(
        "narrowest-gap",
        "Which of the four ended with the narrowest gap between training and validation accuracy? Predict it before "
        "you look at the curves.",
        narrowest,
        worked="; ".join(f"{name}: {gap:.2f} points" for name, gap in gaps.items())
        + f", means over {len(found.seeds)} seeds.",
        others=[(name, f"There the gap was {gap:.2f} points.") for name, gap in gaps.items() if name != narrowest],
        place=list(gaps).index(narrowest),
        differences=[
            paired_difference(one.gap, lowest.gap) for one in found.variants if one.variant.name != lowest.variant.name
        ],
    )
