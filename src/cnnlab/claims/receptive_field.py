"""Stacking convolutions widens what a unit sees."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cnnlab.anatomy import describe
from cnnlab.anatomy.verify import verify_fields
from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Map, Maps
from cnnlab.nets import LeNet5, SimpleCNN

DEPTHS = range(1, 7)


def measure(laboratory: Laboratory) -> Finding:
    """One to six 3×3 layers, LeNet-5 and SimpleCNN: computed fields against the pixels that gradients reach."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stacks = [nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(depth))) for depth in DEPTHS]
        nets: list[nn.Module] = [*stacks, LeNet5(), SimpleCNN()]
        sizes = [describe(stack).layers[-1].receptive_field.size for stack in stacks]
        checks = [check for net in nets for check in verify_fields(net)]
    outside = sum(check.outside for check in checks)
    missed = sum(check.pixels - check.reached for check in checks)
    units = sum(len(check.units) for check in checks)
    grows = sizes == [2 * depth + 1 for depth in DEPTHS]
    return Finding(
        effect=outside + missed,
        unit="pixels in which computed field and gradient differ",
        interval=None,
        n=units,
        of="units",
        verdict="supported" if grows and not outside + missed else "not supported",
        says=f"A unit over one to six 3×3 layers sees {', '.join(f'{size}×{size}' for size in sizes)} pixels: two more "
        f"along each axis for every layer. For {units} units of these, of LeNet-5 and of SimpleCNN, gradients reach "
        f"the "
        f"pixels computed and no others (differences: {outside + missed}).",
        table=(("3×3 layers", "field"), *((str(d), f"{s}×{s}") for d, s in zip(DEPTHS, sizes, strict=True))),
        figures=(_pictures(laboratory, stacks),),
    )


def _pictures(laboratory: Laboratory, stacks: list[nn.Sequential]) -> Maps:
    """The pixels that the gradient of the unit in the middle reaches, and the box of the field computed for it."""
    image = laboratory.load(laboratory.data).validation.images[:1, :1].float() / 255
    height, width = image.shape[2:]
    row, column = height // 2, width // 2
    maps = []
    for depth, stack in zip(DEPTHS, stacks, strict=True):
        x = torch.ones_like(image).requires_grad_()
        (gradient,) = torch.autograd.grad(stack(x)[0, 0, row, column], x)
        field = describe(stack, (1, height, width)).layers[-1].field.of(row, column)
        rows, columns = (np.flatnonzero(field.any(axis=axis)) for axis in (1, 0))
        maps.append(
            Map(
                f"{depth} layer{'s' if depth > 1 else ''}: {len(rows)}×{len(columns)}",
                image[0, 0].double().numpy(),
                kind="gray",
                marks=(gradient[0, 0] != 0).numpy(),
                box=(int(rows[0]), int(columns[0]), len(rows), len(columns)),
            )
        )
    return Maps("What the unit in the middle sees: box computed, tint where its gradient is not 0", tuple(maps))


CLAIM = Claim(
    id="receptive-field",
    statement="Stacking convolutions widens the part of the image that a unit depends on.",
    section="Convolution: Local Receptive Fields",
    kind="exact",
    decides="supported when every layer widens the field and gradients reach its pixels and no others",
    measure=measure,
)
