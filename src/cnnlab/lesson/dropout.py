"""Dropout: real activations with a mask, their mean over many masks, and what it did to the gap in this lesson."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cnnlab.experiments.compare import VariantFigures
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.two_by_two import Effect
from cnnlab.figures import Lines, over_seeds
from cnnlab.formulas import dropout
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.listing import Listing, listing
from cnnlab.lesson.question import Question, in_other_numbers, measured_choice, number

#: Units in the worked example, and masks that their mean is taken over.
UNITS, MASKS = 6, 10_000

#: Other numbers of the questions: an activation and p; units.
_KEPT = ((1.2, 0.4), (0.6, 0.25), (2.7, 0.1), (3.5, 0.3), (0.9, 0.1), (2.8, 0.3), (0.3, 0.4))
_UNITS = (64, 84, 120, 256)

#: LeNet-5's dense layers with dropout after the first.
CLASSIFIER = """\
from torch import nn

classifier = nn.Sequential(
    nn.Flatten(),
    nn.Linear(16 * 5 * 5, 120),
    nn.ReLU(),
    nn.Dropout(p=0.5),
    nn.Linear(120, 84),
    nn.ReLU(),
    nn.Linear(84, 10),
)
"""


@dataclass(frozen=True)
class Dropout:
    """layer: SimpleCNN's, with its p. before, kept, after: some of its inputs for one image, a mask, what leaves.

    means: of what leaves, over MASKS masks. effect: of dropout in the 2×2 design of homework 2.
    classifier: dense layers with dropout, in PyTorch.
    """

    layer: str
    p: float
    units: int
    before: NDArray[np.float64]
    kept: NDArray[np.bool_]
    after: NDArray[np.float64]
    means: NDArray[np.float64]
    masks: int
    classifier: Listing
    effect: Effect
    images: int
    unlabelled: Lines
    labelled: Lines
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Dropout:
    """Mask real activations, average them over many masks, and compare gaps with and without dropout."""
    cnn = evidence.simple_cnn
    (layer,) = cnn.layers("dropout")
    module = cnn.net.get_submodule(layer.name)
    assert isinstance(module, nn.Dropout)
    p = module.p
    units = _activations(evidence, layer.inputs[0])
    random = np.random.default_rng(0)
    kept = random.random((MASKS, UNITS)) >= p
    kept[0, :2] = True, False  # the mask that is shown has one of each
    after = dropout(np.broadcast_to(units, kept.shape), p, kept)
    design = evidence.regularisers.two_by_two
    assert design is not None
    neither, with_dropout, *_ = evidence.regularisers.variants
    return Dropout(
        layer=layer.name,
        p=p,
        units=layer.output_shape[0],
        before=units,
        kept=kept[0],
        after=after[0],
        means=after.mean(axis=0),
        masks=MASKS,
        classifier=listing(CLASSIFIER, (16, 5, 5)),
        effect=design.effects[0],
        images=neither.runs[0].config.data.images["train"],
        unlabelled=_gaps(neither, with_dropout, ("A", "B")),
        labelled=_gaps(neither, with_dropout, ("with dropout", "without")),
        questions=(
            in_other_numbers(_scaled, (float(units[0]), 0.2), *_KEPT),
            in_other_numbers(_inference, (layer.output_shape[0],), *((one, "A", "its") for one in _UNITS)),
            _which(neither, with_dropout),
        ),
        see=(
            cnn.whole_net("“Dropout: thin the net out”: 200 masks on one image", panel="dropping"),
            Link("comparison", "The four ways of homework 2", "regularisers.html"),
            cnn.report("The run of SimpleCNN, trained with dropout"),
        ),
    )


def _activations(evidence: Evidence, layer: str) -> NDArray[np.float64]:
    """The largest answers of a layer to one validation image, rounded to two decimals."""
    answers = evidence.simple_cnn.maps(evidence.data.validation.images[:1])[layer][0].double()
    found = answers.topk(min(UNITS, len(answers))).values
    return np.round(torch.nn.functional.pad(found, (0, UNITS - len(found))).numpy(), 2)


def _gaps(without: VariantFigures, with_dropout: VariantFigures, names: tuple[str, str]) -> Lines:
    """The gap by epoch of every seed; names: with dropout, without."""
    epochs = range(1, 1 + min(len(run) for one in (without, with_dropout) for run in one.curves))
    return Lines(
        "Gap between training and validation accuracy",
        tuple(map(float, epochs)),
        "epoch",
        "gap",
        tuple(
            over_seeds(
                name,
                (
                    [epoch.remeasured_accuracy - epoch.validation_accuracy for epoch in run[: len(epochs)]]
                    for run in one.curves
                ),
            )
            for name, one in zip(names, (with_dropout, without), strict=True)
        ),
        levels=((0.0, ""),),
        is_share=True,
    )


def _scaled(h: float, p: float) -> Question:
    answer = round(h / (1 - p), 4)
    return number(
        "kept-unit",
        f"A unit’s activation is {h:g}, dropout has p = {p:g}, and this time the unit is kept. What is handed on while "
        "training?",
        answer,
        worked=f"{h:g}/(1−{p:g}) = {answer:g}: kept units are scaled up, so that the mean over masks stays {h:g}.",
        slips=[
            (h, "Kept, but scaled up by 1/(1−p), to make up for those that are turned off."),
            (round(h * (1 - p), 4), "Divide by 1−p: kept units have to stand in for the others."),
            (round(h / p, 4), "p is the share that is turned off; 1−p is kept."),
            (0.0, "Zero is what a unit that is turned off hands on."),
        ],
        tolerance=0.011 * max(abs(answer), 0.1),
    )


def _inference(units: int, which: str = "The", of: str = "the") -> Question:
    return number(
        "off-at-inference",
        f"{which} trained net is asked for an answer, in eval mode. How many of {of} {units} units does "
        "dropout turn off?",
        0,
        worked="None: at inference dropout hands on what it gets. The scaling while training has seen to it that the "
        "next layer finds values of the size it knows.",
        slips=[
            (units // 2, "That is while training; at inference all units are used."),
            (units, "Then nothing would be left to answer with."),
        ],
        unit="units",
    )


def _which(without: VariantFigures, with_dropout: VariantFigures) -> Question:
    on, off = (100 * sum(one.gap) / len(one.gap) for one in (with_dropout, without))
    is_narrower = on < off
    return measured_choice(
        "which-gap",
        "Two curves of the gap between training and validation accuracy: one of nets with dropout, one without. Which "
        "is which?",
        "A is with dropout, B without",
        worked=f"After the last epoch the gap is {on:.2f} points with dropout (A) and {off:.2f} without (B), mean over "
        f"{len(with_dropout.gap)} seeds. "
        + (
            "In these nets, which have no batch norm, it came out narrower with dropout."
            if is_narrower
            else "In these nets it did not come out narrower with dropout, whatever one expects."
        ),
        others=[
            (
                "A is without dropout, B with it",
                "Dropout is meant to narrow the gap, and in these nets it did."
                if is_narrower
                else "That is what one would expect; in this lesson it came out the other way.",
            ),
        ],
        place=0,
        differences=[paired_difference(with_dropout.gap, without.gap)],
    )
