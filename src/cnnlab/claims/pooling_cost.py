"""Pooling cuts later parameters and multiply-adds."""

from __future__ import annotations

from cnnlab.anatomy import describe
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Bars
from cnnlab.nets import ConvNet

#: SimpleCNN's layers that multiply.
LAYERS = ("convolution 1", "convolution 2", "dense 1", "dense 2")


def measure(_laboratory: Laboratory) -> Finding:
    """SimpleCNN with its pools and without: what every layer after the first pool costs."""
    pooled, plain = (describe(ConvNet(pool=pool)) for pool in ("max", "none"))
    rows = [
        (name, f"{layer.parameters:,}", f"{other.parameters:,}", f"{layer.macs:,}", f"{other.macs:,}")
        for name, layer, other in zip(
            LAYERS, (one for one in pooled.layers if one.macs), (one for one in plain.layers if one.macs), strict=True
        )
    ]
    figures = tuple(
        Bars(
            title,
            LAYERS,
            ("with two pools", "without"),
            tuple(tuple(float(measure(one)) for one in net.layers if one.macs) for net in (pooled, plain)),
        )
        for title, measure in (
            ("Multiply-adds for one image", lambda layer: layer.macs),
            ("Parameters", lambda layer: layer.parameters),
        )
    )
    is_less = pooled.parameters < plain.parameters and pooled.macs < plain.macs
    return Finding(
        effect=plain.macs / pooled.macs,
        unit="times as many multiply-adds without pooling",
        interval=None,
        n=2,
        of="nets",
        verdict="supported" if is_less else "not supported",
        says=f"SimpleCNN has {pooled.parameters:,} parameters and {pooled.macs:,} multiply-adds for one image; without "
        f"its two pools {plain.parameters:,} ({plain.parameters / pooled.parameters:.1f} ×) and {plain.macs:,} "
        f"({plain.macs / pooled.macs:.1f} ×). The filters' own parameters do not change; the dense layer's do.",
        table=(("layer", "parameters, pooled", "without", "multiply-adds, pooled", "without"), *rows),
        figures=figures,
        boundary=(1.0,),
        is_ratio=True,
    )


CLAIM = Claim(
    id="pooling-cost",
    statement="Pooling reduces resolution, and with it later parameters and multiply-adds.",
    section="Pooling: Downsampling Features",
    kind="exact",
    decides="supported when the pooled net has fewer of both",
    measure=measure,
)
