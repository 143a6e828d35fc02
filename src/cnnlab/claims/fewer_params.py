"""A dense layer's parameters grow with the image, a conv layer's do not."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from cnnlab.anatomy import describe
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Lines, Series

SIDES = (28, 56, 112, 224)


def measure(_laboratory: Laboratory) -> Finding:
    """LeNet-5's first layer at growing images, and a dense layer between the same two shapes."""
    rows = []
    for side in SIDES:
        (layer,) = describe(nn.Sequential(nn.Conv2d(1, 6, 5, padding=2)), (1, side, side)).layers
        rows.append((side, layer.parameters, layer.dense_equivalent_parameters))
    conv = [parameters for _, parameters, _ in rows]
    dense = [parameters for _, _, parameters in rows]
    is_so = len(set(conv)) == 1 and all(small < large for small, large in pairwise(dense))
    return Finding(
        effect=dense[0] / conv[0],
        unit=f"times as many parameters in the dense layer at {SIDES[0]}×{SIDES[0]}",
        interval=None,
        n=len(SIDES),
        of="image sizes",
        verdict="supported" if is_so else "not supported",
        says=f"Six 5×5 filters have {conv[0]:,} parameters at every size. A dense layer to the same output has "
        f"{dense[0]:,} at {SIDES[0]}×{SIDES[0]} and {dense[-1]:,} at {SIDES[-1]}×{SIDES[-1]}: twice the side, "
        f"{dense[1] / dense[0]:.1f} times the parameters.",
        table=(
            ("image", "convolution", "dense layer"),
            *((f"{side}×{side}", f"{few:,}", f"{many:,}") for side, few, many in rows),
        ),
        figures=(
            Lines(
                "Parameters of one layer",
                tuple(map(float, SIDES)),
                "side of the image, pixels",
                "parameters",
                (
                    Series("convolution", (tuple(map(float, conv)),)),
                    Series("dense layer", (tuple(map(float, dense)),)),
                ),
                log_x=True,
                log_y=True,
            ),
        ),
    )


CLAIM = Claim(
    id="fewer-params",
    statement="A dense layer's parameters grow with the image; a convolution's do not.",
    section="From Dense to Convolutional",
    kind="exact",
    decides="supported when the convolution has as many parameters at every size, and the dense layer more at each "
    "larger one",
    measure=measure,
)
