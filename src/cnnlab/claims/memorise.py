"""A CNN can memorise."""

from __future__ import annotations

from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, over_seeds
from cnnlab.claims.laboratory import Laboratory

#: Training images, whose labels are dealt out at random, and passes over them.
IMAGES, EPOCHS = 300, 40

#: Training accuracy that counts as memorised.
LEARNT = 0.99


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN without dropout on shuffled labels: accuracy on what it has seen, and on what it has not."""
    data = f"{laboratory.data}@{IMAGES}+shuffled-labels"
    plan = laboratory.plan("simple-cnn", data=data, epochs=EPOCHS).with_net(dropout=0.0)
    runs = laboratory.train(plan)
    last = [run.epochs()[-1] for run in runs]
    training = [epoch.remeasured_accuracy for epoch in last]
    validation = [epoch.validation_accuracy for epoch in last]
    classes = len(runs[0].config.data.classes)
    # Images of one class get few different answers, so these are not as many independent guesses: no exact test.
    is_at_chance = mean(validation) < 2 / classes
    return Finding(
        effect=100 * mean(training),
        unit="% of random labels learnt by heart",
        interval=None,
        n=len(runs),
        of="seeds",
        verdict="supported" if min(training) >= LEARNT and is_at_chance else "not supported",
        says=f"After {EPOCHS} passes over {IMAGES} images with labels dealt out at random the net knows "
        f"{mean(training):.1%} of them (lowest seed {min(training):.1%}); it is right on {mean(validation):.1%} of the "
        f"validation images, where chance gives {1 / classes:.0%}.",
        figures=(
            Lines(
                "Accuracy as it learns random labels",
                tuple(float(epoch.epoch) for epoch in runs[0].epochs()),
                "epoch",
                "accuracy",
                tuple(
                    over_seeds(name, ([getattr(epoch, measure) for epoch in run.epochs()] for run in runs))
                    for name, measure in (
                        ("training images, measured again", "remeasured_accuracy"),
                        ("validation images", "validation_accuracy"),
                    )
                ),
                levels=((LEARNT, f"{LEARNT:.0%}: learnt by heart"), (1 / classes, f"{1 / classes:.0%}: chance")),
                is_share=True,
            ),
        ),
        by_seed=tuple(100 * one for one in training),
        boundary=(100 * LEARNT,),
    )


CLAIM = Claim(
    id="memorise",
    statement="A CNN can memorise its training images.",
    section="Regularization: Overfitting in CNNs",
    kind="statistical",
    decides=f"supported when, with random labels, training accuracy in eval mode reaches {LEARNT:.0%} for every seed "
    f"and "
    "validation accuracy stays below twice chance",
    measure=measure,
)
