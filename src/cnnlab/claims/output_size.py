"""The output-size formula gives a layer's real shape, strides and padding included."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Lines, Map, Maps, Series
from cnnlab.formulas import output_size


def measure(_laboratory: Laboratory) -> Finding:
    """Every H from 1 to 32 with K, s, p, d in small ranges: the formula against what PyTorch's layer gives."""
    cases = wrong = refused = tiling = 0
    for K, s, p, d in product((1, 2, 3, 5, 7), (1, 2, 3, 4), (0, 1, 2, 3), (1, 2, 3)):
        layer = nn.Conv1d(1, 1, K, stride=s, padding=p, dilation=d)
        for H in range(1, 33):
            cases += 1
            expected = output_size(H, K, stride=s, padding=p, dilation=d)
            try:
                got = layer(torch.zeros(1, 1, H)).shape[2]
            except RuntimeError:  # the kernel is larger than the padded image
                refused += 1
                wrong += expected > 0
                continue
            wrong += got != expected
            tiling += (H + 2 * p - d * (K - 1) - 1) % s == 0
    floored = cases - refused - tiling
    return Finding(
        effect=wrong,
        unit="cases in which formula and layer differ",
        interval=None,
        n=cases,
        of="cases",
        verdict="not supported" if wrong else "supported",
        says=f"Formula and layer agree in {cases - wrong:,} of {cases:,} cases. In {floored:,} of them the stride "
        f"does not "
        f"tile the padded image and the floor matters; in {refused:,} the kernel does not fit, the formula gives 0 or "
        f"less "
        "and PyTorch refuses.",
        figures=(_windows(), _stairs()),
    )


def _windows() -> Maps:
    """Where a kernel of 3 stands on 7 and on 8 pixels, by strides of 2 with padding 1: a row a position."""
    K, s, p = 3, 2, 1
    maps = []
    for H in (7, 8):
        layer = nn.Conv1d(1, 1, K, stride=s, padding=p)
        positions = layer(torch.zeros(1, 1, H)).shape[2]
        covered = np.zeros((positions, H + 2 * p))
        covered[:, [*range(p), *range(H + p, H + 2 * p)]] = -0.25  # the padding
        for i in range(positions):
            covered[i, i * s : i * s + K] = 1
        left = (H + 2 * p - K) % s
        over = f", {left} left over" if left else ""
        maps.append(Map(f"H = {H}: ⌊({H} + 2·{p} − {K}) / {s}⌋ + 1 = {positions}{over}", covered))
    return Maps("Where the kernel stands, a row a position (K = 3, s = 2, p = 1; blue: padding)", tuple(maps))


def _stairs() -> Lines:
    """Formula and layer for one kernel, by H and stride."""
    heights, K, p = tuple(range(5, 33)), 5, 2
    series = []
    for s in (1, 2):
        layer = nn.Conv1d(1, 1, K, stride=s, padding=p)
        formula = tuple(float(output_size(H, K, stride=s, padding=p, dilation=1)) for H in heights)
        given = tuple(float(layer(torch.zeros(1, 1, H)).shape[2]) for H in heights)
        series += [
            Series(f"formula, s = {s}", (formula,), shape="steps"),
            Series(f"layer, s = {s}", (given,), shape="dots"),
        ]
    return Lines(
        f"Formula and layer (K = {K}, p = {p})",
        tuple(map(float, heights)),
        "height H of the image",
        "height of the map",
        tuple(series),
    )


CLAIM = Claim(
    id="output-size",
    statement="⌊(H + 2p − K) / s⌋ + 1 is the height that a convolution really gives.",
    section="Shapes in Conv Layers",
    kind="exact",
    decides="supported when formula and layer differ in no case",
    measure=measure,
)
