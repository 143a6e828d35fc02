"""A CNN can memorise."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.judging import Control, Smallest, VerdictWord, controlled
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.config import NetSpec
from cnnlab.figures import Lines, over_seeds
from cnnlab.training.loop import Epoch

#: Training images, whose labels are dealt out at random, and passes over them.
IMAGES, EPOCHS = 300, 40

#: Passes after which the net has not had the time to learn them by heart.
TOO_FEW = 4

#: A net of one filter a layer, each of one pixel, and no hidden layer.
TOO_SMALL = NetSpec(name="conv-net", options={"widths": (1, 1), "hidden": 0, "dropout": 0.0, "kernel_size": 1})

#: Training accuracy that counts as memorised.
LEARNT = Smallest(99.0, "% of the labels", "all but 3 of 300, where a guess at each gets 30 right")


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN without dropout on shuffled labels: accuracy on what it has seen, and on what it has not."""
    data = f"{laboratory.data}@{IMAGES}+shuffled-labels"
    plan = laboratory.plan("simple-cnn", data=data, epochs=EPOCHS).with_net(dropout=0.0)
    large, small = laboratory.compare(plan, [to("too small", net=TOO_SMALL)]).variants
    classes = len(large.runs[0].config.data.classes)
    return decide(large.curves, small.curves, classes=classes, parameters=small.parameters)


def decide(
    curves: Sequence[Sequence[Epoch]], too_small: Sequence[Sequence[Epoch]], *, classes: int, parameters: int
) -> Finding:
    """The finding, from the epochs of every seed's net, and of one too small, with that many parameters."""
    training = [run[-1].remeasured_accuracy for run in curves]
    validation = [run[-1].validation_accuracy for run in curves]
    controls = (
        _control(f"the same nets after {TOO_FEW} passes", [run[TOO_FEW - 1] for run in curves], classes),
        _control(f"a net of one filter a layer, {parameters} parameters", [run[-1] for run in too_small], classes),
    )
    return Finding(
        effect=100 * mean(training),
        unit="% of random labels learnt by heart",
        interval=None,
        n=len(curves),
        of="seeds",
        verdict=controlled(learnt([run[-1] for run in curves], classes), *controls),
        says=f"After {len(curves[0])} passes over {IMAGES} images with labels dealt out at random the net knows "
        f"{mean(training):.1%} of them (lowest seed {min(training):.1%}); it is right on {mean(validation):.1%} of the "
        f"validation images, where chance gives {1 / classes:.0%}. After {TOO_FEW} passes it knew "
        f"{controls[0].effect:.1f} %, and a net of {parameters} parameters ends at {controls[1].effect:.1f} %.",
        figures=(
            Lines(
                "Accuracy as it learns random labels",
                tuple(float(epoch.epoch) for epoch in curves[0]),
                "epoch",
                "accuracy",
                tuple(
                    over_seeds(name, ([getattr(epoch, measure) for epoch in run] for run in runs))
                    for name, measure, runs in (
                        ("training images, measured again", "remeasured_accuracy", curves),
                        ("validation images", "validation_accuracy", curves),
                        ("training images, net too small", "remeasured_accuracy", too_small),
                    )
                ),
                levels=(
                    (LEARNT.value / 100, f"{LEARNT.value:g} %: learnt by heart"),
                    (1 / classes, f"{1 / classes:.0%}: chance"),
                ),
                is_share=True,
            ),
        ),
        by_seed=tuple(100 * one for one in training),
        boundary=(LEARNT.value,),
        controls=controls,
    )


def learnt(ends: Sequence[Epoch], classes: int) -> VerdictWord:
    """The claim's rule, from one epoch a seed.

    Images of one class get few different answers, so validation images are not as many independent guesses: no exact
    test of chance, but a factor of two.
    """
    training = [100 * epoch.remeasured_accuracy for epoch in ends]
    is_at_chance = mean(epoch.validation_accuracy for epoch in ends) < 2 / classes
    if max(training) < LEARNT.value or not is_at_chance:
        return "not supported"
    return "supported" if min(training) >= LEARNT.value else "undecided"


def _control(what: str, ends: Sequence[Epoch], classes: int) -> Control:
    return Control(
        what, 100 * mean(epoch.remeasured_accuracy for epoch in ends), None, len(ends), learnt(ends, classes)
    )


CLAIM = Claim(
    id="memorise",
    statement="A CNN can memorise its training images.",
    section="Regularization: Overfitting in CNNs",
    kind="statistical",
    decides=f"supported when, with random labels, training accuracy in eval mode reaches {LEARNT.value:g} % for every "
    "seed and validation accuracy stays below twice chance; not supported when no seed reaches it, or when validation "
    f"shows that the labels were not random; undecided, too, when the nets reach it after {TOO_FEW} passes or a net "
    "of one filter a layer does",
    measure=measure,
    smallest=LEARNT,
)
