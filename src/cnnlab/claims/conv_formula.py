"""A conv layer computes the sliding dot product (a cross-correlation), bias added."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Map, Maps
from cnnlab.formulas import conv2d

#: Of sums of up to 200 products of numbers around 1 in float64; differences come from the order of summation.
TOLERANCE = 1e-12


def measure(laboratory: Laboratory) -> Finding:
    """Random layers and images in float64: the equation in NumPy against PyTorch, and with the kernel flipped."""
    random = np.random.default_rng(0)
    cases, largest, flipped = 60, 0.0, np.inf
    for _ in range(cases):
        C_in, C_out, s, p = (int(random.integers(*ends)) for ends in ((1, 5), (1, 5), (1, 4), (0, 3)))
        K = int(random.integers(2, 6))
        layer = nn.Conv2d(C_in, C_out, K, stride=s, padding=p).double()
        drawn = {name: random.normal(size=one.shape) for name, one in layer.named_parameters()}
        layer.load_state_dict({name: torch.from_numpy(values) for name, values in drawn.items()})
        X = random.normal(size=(2, C_in, 12, 11))
        weight, bias = (parameter.detach().numpy() for parameter in layer.parameters())
        answer = layer(torch.from_numpy(X)).detach().numpy()
        largest = max(largest, float(np.abs(conv2d(X, weight, bias, stride=s, padding=p) - answer).max()))
        mirrored = conv2d(X, weight[:, :, ::-1, ::-1], bias, stride=s, padding=p)
        flipped = min(flipped, float(np.abs(mirrored - answer).max()))
    return Finding(
        effect=largest,
        unit="largest deviation",
        interval=None,
        n=cases,
        of="layers",
        verdict="supported" if largest <= TOLERANCE else "not supported",
        says=f"Over {cases} random layers the equation, written out in NumPy, and PyTorch's layer differ by at most "
        f"{largest:.0e}. With the kernel flipped, as a convolution in mathematics has it, they differ by at least "
        f"{flipped:.2f}: what the field calls a convolution is a cross-correlation.",
        figures=(_pictures(laboratory),),
    )


def _pictures(laboratory: Laboratory) -> Maps:
    """A filter for vertical edges on a real image: by the equation, by the layer, and with the kernel flipped."""
    image = laboratory.load(laboratory.data).validation.images[0, 0].double() / 255
    kernel = torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    layer = nn.Conv2d(1, 1, 3, bias=False).double()
    with torch.no_grad():
        layer.weight.copy_(kernel)
        given = layer(image[None, None])[0, 0].numpy()
    X, K, none = image.numpy()[None, None], kernel.numpy()[None, None], np.zeros(1)
    by_equation = conv2d(X, K, none)[0, 0]
    flipped = conv2d(X, K[:, :, ::-1, ::-1], none)[0, 0]
    scale = float(np.abs(given).max())
    return Maps(
        "One filter on one image",
        (
            Map("image X", X[0, 0], kind="gray"),
            Map("kernel K", K[0, 0], scale=2, has_numbers=True),
            Map("the equation's Y", by_equation, scale=scale),
            Map("the layer's Y", given, scale=scale),
            Map("equation − layer", by_equation - given, scale=scale),
            Map("with K flipped", flipped, scale=scale),
        ),
    )


CLAIM = Claim(
    id="conv-formula",
    statement="A convolution layer computes Y[i, j] = Σ K[u, v] · X[i+u, j+v], with the bias added.",
    section="Convolution: Local Receptive Fields",
    kind="exact",
    decides=f"supported when no value differs by more than {TOLERANCE:.0e} in float64",
    measure=measure,
)
