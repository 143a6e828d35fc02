"""A dense net ignores spatial structure, a CNN uses it."""

from __future__ import annotations

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.claims.words import decided, points
from cnnlab.experiments.statistics import factorial, paired_difference


def measure(laboratory: Laboratory) -> Finding:
    """MLP and SimpleCNN on images as they are and with one pixel permutation for all of them.

    By the lesson's recipe: the shifts and crops of `fast` would mean nothing for permuted images.
    """
    permuted = f"{laboratory.sized(laboratory.data)}+permuted-pixels"
    cells, images = {}, 1
    for net, is_cnn in (("mlp", False), ("simple-cnn", True)):
        found = laboratory.compare(laboratory.plan(net), [to("permuted", data=permuted)])
        images = found.test_images
        for figures, is_permuted in zip(found.variants, (False, True), strict=True):
            cells[is_cnn, is_permuted] = figures.test
    drop_of_cnn = paired_difference(cells[True, False], cells[True, True], resolution=1 / images)
    drop_of_mlp = paired_difference(cells[False, False], cells[False, True], resolution=1 / images)
    # What permuting does to the CNN, less what it does to the dense net.
    effect = factorial(cells, resolution=1 / images).interaction
    return Finding(
        effect=-100 * effect.mean,
        unit="points that the CNN loses more than the dense net",
        interval=points(effect, sign=-1),
        n=effect.n,
        of="seeds",
        verdict=decided(effect, expected="negative"),
        says=f"With its pixels in one random order the CNN loses {100 * drop_of_cnn.mean:.2f} points of test "
        f"accuracy, the "
        f"dense net {100 * drop_of_mlp.mean:.2f}: to it the order of pixels is nothing but names.",
        table=(
            ("net", "as they are", "permuted"),
            *(
                (name, *(f"{sum(cells[is_cnn, way]) / len(cells[is_cnn, way]):.2%}" for way in (False, True)))
                for name, is_cnn in (("mlp", False), ("simple-cnn", True))
            ),
        ),
    )


CLAIM = Claim(
    id="locality-matters",
    statement="Dense layers ignore spatial structure; convolutions use it.",
    section="Motivation: Why CNNs?",
    kind="statistical",
    decides="supported when one permutation of all pixels costs the CNN more test accuracy than the dense net, the "
    "95 % "
    "interval of the difference over seeds lying above 0",
    measure=measure,
)
