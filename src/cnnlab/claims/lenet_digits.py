"""LeNet has the lesson's shapes and learns MNIST."""

from __future__ import annotations

from statistics import mean

from cnnlab.anatomy import describe
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory
from cnnlab.evaluation import wilson_interval
from cnnlab.nets import LeNet5

SHAPES = [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120,), (84,), (10,)]

#: Test accuracy from which a net may be said to have learnt the digits.
LEARNT = 0.95


def measure(laboratory: Laboratory) -> Finding:
    """The shapes at every stage, and test accuracy by the default recipe."""
    shapes = [one.output_shape for one in describe(LeNet5()).layers if one.type in ("Conv2d", "MaxPool2d", "Linear")]
    runs = laboratory.train(laboratory.plan("lenet5", recipe="fast"))
    accuracies = [run.result()["test"]["accuracy"] for run in runs]
    images = runs[0].result()["test"]["images"]
    low, high = wilson_interval(round(mean(accuracies) * images), images)
    has_shapes = shapes == SHAPES
    verdict = (
        "supported" if has_shapes and low > LEARNT else "not supported" if high < LEARNT or not has_shapes else None
    )
    return Finding(
        effect=100 * mean(accuracies),
        unit="% test accuracy",
        interval=(100 * low, 100 * high),
        n=len(runs),
        of="seeds",
        verdict=verdict or "undecided",
        says=f"C1 to the output have the lesson's shapes: {has_shapes}. Mean test accuracy {mean(accuracies):.2%} "
        f"(seeds: "
        f"{', '.join(f'{accuracy:.2%}' for accuracy in accuracies)}); the interval is the test set's sampling error.",
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
                levels=((LEARNT, f"{LEARNT:.0%}, what the verdict asks of test accuracy"),),
                is_share=True,
            ),
        ),
        by_seed=tuple(100 * accuracy for accuracy in accuracies),
        boundary=(100 * LEARNT,),
    )


CLAIM = Claim(
    id="lenet-digits",
    statement="LeNet-5, conv and pool twice and then dense, recognises digits.",
    section="LeNet: Classic CNN for Digits",
    kind="statistical",
    decides=f"supported when the shapes are the lesson's and the test accuracy's 95 % interval lies above {LEARNT:.0%}",
    measure=measure,
)
