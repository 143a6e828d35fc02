"""LeNet has the lesson's shapes and learns MNIST."""

from __future__ import annotations

from statistics import mean

from cnnlab.anatomy import describe
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.judging import Control, Smallest, VerdictWord, all_of, controlled
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.config import NetSpec
from cnnlab.evaluation import wilson_interval
from cnnlab.figures import Lines, over_seeds
from cnnlab.nets import LeNet5

SHAPES = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]

LEARNT = Smallest(
    94.0,
    "% test accuracy",
    "no linear classifier of pixels gets more than 92 to 93 % of MNIST right: from here on it takes a deeper net",
)

#: Training images at most where a laboratory takes few: with fewer still, 500 test images cannot tell the net from
#: the threshold.
QUICK_IMAGES = 4000


#: Both nets' peak learning rate.
RATE = 0.005


def decide(accuracy: float, images: int) -> tuple[VerdictWord, tuple[float, float]]:
    """Whether a test accuracy (0–1) on that many images lies above the threshold, and its 95 % interval in per cent."""
    low, high = (100 * end for end in wilson_interval(round(accuracy * images), images))
    verdict: VerdictWord = (
        "supported" if low > LEARNT.value else "not supported" if high < LEARNT.value else "undecided"
    )
    return verdict, (low, high)


def measure(laboratory: Laboratory) -> Finding:
    """The shapes at every stage, and test accuracy by the recipe `fast`, a linear classifier's beside it."""
    shapes = [one.output_shape for one in describe(LeNet5()).layers if one.type in ("Conv2d", "MaxPool2d", "Linear")]
    whole = laboratory.train_size is None
    data = laboratory.data if whole else laboratory.at_most(laboratory.data, QUICK_IMAGES)
    linear = NetSpec(name="mlp", options={"hidden": ()})
    plan = laboratory.plan("lenet5", data=data, recipe="fast").with_changes(learning_rate=RATE)
    found = laboratory.compare(plan, [to("linear", net=linear)])
    lenet, control = found.variants
    runs, accuracies, images = lenet.runs, lenet.test, found.test_images
    learns, interval = decide(mean(accuracies), images)
    of_linear, interval_of_linear = decide(mean(control.test), images)
    has_shapes = shapes == SHAPES
    controls = (
        Control(
            "a linear classifier (softmax of the pixels), trained in the same way",
            100 * mean(control.test),
            interval_of_linear,
            len(control.test),
            of_linear,
        ),
    )
    return Finding(
        effect=100 * mean(accuracies),
        unit="% test accuracy",
        interval=interval,
        n=len(runs),
        of="seeds",
        verdict=controlled(all_of((learns, "supported" if has_shapes else "not supported")), *controls),
        says=f"From C1 to the output the shapes are {'' if has_shapes else 'not '}the lesson's. "
        f"Mean test accuracy {mean(accuracies):.2%} "
        f"(seeds: {', '.join(f'{accuracy:.2%}' for accuracy in accuracies)}) after "
        f"{runs[0].config.data.images['train']:,} training images; the interval is the sampling error of "
        f"{images:,} test images. A linear classifier, trained in the same way, comes to {mean(control.test):.2%}.",
        controls=controls,
        table=(
            ("stage", "shape"),
            *zip(("C1", "S2", "C3", "S4", "F5", "F6", "output"), ("×".join(map(str, s)) for s in shapes), strict=True),
        ),
        figures=(
            Lines(
                "Validation accuracy as it learns",
                tuple(float(epoch.epoch) for epoch in runs[0].epochs()),
                "epoch",
                "validation accuracy",
                (over_seeds("LeNet-5", ([epoch.validation_accuracy for epoch in run.epochs()] for run in runs)),),
                levels=((LEARNT.value / 100, f"{LEARNT.value:g} %, what the verdict asks of test accuracy"),),
                is_share=True,
            ),
        ),
        by_seed=tuple(100 * accuracy for accuracy in accuracies),
        boundary=(LEARNT.value,),
    )


CLAIM = Claim(
    id="lenet-digits",
    statement="LeNet-5, conv and pool twice and then dense, recognises digits.",
    section="LeNet: Classic CNN for Digits",
    kind="statistical",
    decides="supported when the shapes are the lesson's and the 95 % interval of mean test accuracy, the sampling "
    f"error of the test images, lies above {LEARNT.value:g} %, and a linear classifier's does not; not supported when "
    "a shape differs or the interval lies below",
    measure=measure,
    smallest=LEARNT,
)
