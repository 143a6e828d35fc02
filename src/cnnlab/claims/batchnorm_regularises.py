"""Batch norm can act as a mild regulariser."""

from __future__ import annotations

from statistics import mean

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.figures import Lines, from_case_to_case
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.words import by_seed, decided, points, seeds_to_settle
from cnnlab.experiments.statistics import paired_difference
from cnnlab.experiments.variants import VARIANTS

#: As in dropout-regularises, whose runs without dropout these are.
IMAGES, EPOCHS = 500, 16


def measure(laboratory: Laboratory) -> Finding:
    """SimpleCNN without dropout, with and without batch norm, on little data: the gap after the last epoch."""
    plan = laboratory.plan("simple-cnn", data=f"{laboratory.data}@{IMAGES}", epochs=EPOCHS).with_net(dropout=0.0)
    found = laboratory.compare(plan, [VARIANTS["no-batchnorm"]])
    with_norm, without = found.variants
    effect = paired_difference(without.gap, with_norm.gap)
    accuracy = paired_difference(with_norm.test, without.test, resolution=1 / found.test_images)
    return Finding(
        effect=100 * effect.mean,
        unit="points by which batch norm narrows the gap",
        interval=points(effect),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="positive"),
        says=f"On {IMAGES} training images the gap is {100 * mean(with_norm.gap):.2f} points with batch norm and "
        f"{100 * mean(without.gap):.2f} without; test accuracy is {100 * accuracy.mean:+.2f} points with it.",
        figures=(
            Lines(
                "Gap of every seed",
                ("without", "with batch norm"),
                "",
                "gap, training less validation",
                (from_case_to_case("each seed", without.gap, with_norm.gap),),
                levels=((0.0, ""),),
                is_share=True,
            ),
            Lines(
                "Test accuracy of every seed",
                ("without", "with batch norm"),
                "",
                "test accuracy",
                (from_case_to_case("each seed", without.test, with_norm.test),),
                is_share=True,
            ),
        ),
        by_seed=by_seed(effect),
        seeds_to_settle=seeds_to_settle(effect),
    )


CLAIM = Claim(
    id="batchnorm-regularises",
    statement="Batch norm can act as a mild regulariser.",
    section="Normalization: BatchNorm (Intuition)",
    kind="statistical",
    decides="supported when the gap after the last epoch is narrower with batch norm, the 95 % interval of the paired "
    "difference lying above 0",
    measure=measure,
)
