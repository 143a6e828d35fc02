"""A dense net ignores spatial structure, a CNN uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnnlab.claims.claim import Claim, Finding, found_over_seeds
from cnnlab.claims.judging import Control, Judged, Smallest, judge
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.config import NetSpec
from cnnlab.experiments.statistics import factorial, paired_difference
from cnnlab.figures import Lines, Map, Maps, from_case_to_case

SMALLEST = Smallest(
    1.0, "point", "a point of accuracy is what nets of this size are told apart by; less would be a detail"
)


def decide(cells: Mapping[tuple[bool, bool], Sequence[float]], *, images: int) -> tuple[Judged, Control]:
    """Judge what permuting costs the CNN more than the dense net, and as the control what it costs the dense net.

    cells: (CNN or dense, permuted or not) → test accuracy (0–1) of every seed. images: tested on.
    """
    as_they_are = {(is_cnn, not is_permuted): values for (is_cnn, is_permuted), values in cells.items()}
    more = factorial(as_they_are, resolution=1 / images).interaction
    of_dense = paired_difference(cells[False, False], cells[False, True], resolution=1 / images)
    control = Control.of("what permuting costs the dense net itself", judge(of_dense, SMALLEST, scale=100))
    return judge(more, SMALLEST, scale=100), control


def measure(laboratory: Laboratory) -> Finding:
    """MLP and SimpleCNN on images as they are and with one pixel permutation for all of them.

    By the lesson's recipe: the shifts and crops of `fast` would mean nothing for permuted images.
    """
    permuted = f"{laboratory.sized(laboratory.data)}+permuted-pixels"
    cnn = NetSpec(name="simple-cnn")
    found = laboratory.compare(
        laboratory.plan("mlp"),
        [to("mlp, permuted", data=permuted), to("cnn", net=cnn), to("cnn, permuted", net=cnn, data=permuted)],
    )
    images = found.test_images
    cells = {
        (is_cnn, is_permuted): found.variants[2 * is_cnn + is_permuted].test
        for is_cnn in (False, True)
        for is_permuted in (False, True)
    }
    drop_of_cnn = paired_difference(cells[True, False], cells[True, True])
    judged, control = decide(cells, images=images)
    return found_over_seeds(
        judged,
        unit="points of test accuracy that permuting the pixels costs the CNN more than the dense net",
        controls=(control,),
        says=f"With its pixels in one random order the CNN loses {100 * drop_of_cnn.mean:.2f} points of test "
        f"accuracy; that of the dense net changes by {-control.effect:+z.2f}.",
        table=(
            ("net", "as they are", "permuted"),
            *(
                (name, *(f"{sum(cells[is_cnn, way]) / len(cells[is_cnn, way]):.2%}" for way in (False, True)))
                for name, is_cnn in (("mlp", False), ("simple-cnn", True))
            ),
        ),
        figures=(
            _pictures(laboratory, permuted),
            Lines(
                "Test accuracy of every seed",
                ("as they are", "permuted"),
                "pixels",
                "test accuracy",
                tuple(
                    from_case_to_case(name, cells[is_cnn, False], cells[is_cnn, True])
                    for name, is_cnn in (("mlp", False), ("simple-cnn", True))
                ),
                is_share=True,
            ),
        ),
    )


def _pictures(laboratory: Laboratory, permuted: str) -> Maps:
    """Two test images, as they are and as the nets of the other half see them."""
    sets = {"": laboratory.load(laboratory.sized(laboratory.data)), ", permuted": laboratory.load(permuted)}
    return Maps(
        "The same images to a dense net, other images to a convolution",
        tuple(
            Map(f"a {data.classes[int(data.test.labels[i])]}{way}", data.test.images[i, 0].numpy() / 255, kind="gray")
            for i in (0, 1)
            for way, data in sets.items()
        ),
    )


CLAIM = Claim(
    id="locality-matters",
    statement="Dense layers ignore spatial structure; convolutions use it.",
    section="Motivation: Why CNNs?",
    kind="statistical",
    decides="supported when one permutation of all pixels costs the CNN at least 1 point of test accuracy more than "
    "the dense net, the 95 % interval of the difference over seeds lying above 0, and what it costs the dense net does "
    "not pass the same rule; not supported when the interval lies below 1 point",
    measure=measure,
    smallest=SMALLEST,
)
