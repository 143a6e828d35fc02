"""Shifting the image shifts the feature map by as much, away from the border."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.figures import Map, Maps

#: Pixels, along each axis.
SHIFT = 4
TOLERANCE = 1e-12


def measure(laboratory: Laboratory) -> Finding:
    """A 3×3 layer on real images shifted by every offset: the map of the shifted image against the shifted map."""
    images = laboratory.load(laboratory.data).validation.images[:20].double() / 255
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.Conv2d(images.shape[1], 8, 3, padding=1).double()
        dense = nn.Linear(images[0].numel(), 8 * images[0, 0].numel()).double()
    margin = SHIFT + 1
    inside = (..., slice(margin, -margin), slice(margin, -margin))
    largest = largest_dense = 0.0
    offsets = [offset for offset in product(range(-SHIFT, SHIFT + 1), repeat=2) if offset != (0, 0)]
    with torch.no_grad():
        map_ = layer(images)
        dense_map = dense(images.flatten(1)).reshape(map_.shape)
        for offset in offsets:
            shifted = images.roll(offset, dims=(2, 3))
            moved = layer(shifted)
            largest = max(largest, float((moved - map_.roll(offset, dims=(2, 3)))[inside].abs().max()))
            moved_dense = dense(shifted.flatten(1)).reshape(map_.shape)
            difference = (moved_dense - dense_map.roll(offset, dims=(2, 3)))[inside]
            largest_dense = max(largest_dense, float(difference.abs().max()))
        pictures = _pictures(images[:1], layer, dense)
    return Finding(
        effect=largest,
        unit="largest deviation",
        interval=None,
        n=len(offsets),
        of="offsets",
        verdict="supported" if largest <= TOLERANCE else "not supported",
        says=f"For {len(offsets)} offsets of up to {SHIFT} pixels the map of the shifted image is the shifted map, to "
        f"{largest:.1g}, away from the border. A dense layer between the same shapes misses by up to "
        f"{largest_dense:.2f}.",
        figures=(pictures,),
    )


def _pictures(image: Tensor, layer: nn.Conv2d, dense: nn.Linear) -> Maps:
    """One image and one map of it, shifted down and right, against the map of the shifted image."""
    shift = (SHIFT, SHIFT)
    shifted = image.roll(shift, dims=(2, 3))
    map_, moved = layer(image), layer(shifted)
    of_dense, of_dense_moved = (dense(x.flatten(1)).reshape(map_.shape) for x in (image, shifted))
    difference, of_dense = (
        after - before.roll(shift, dims=(2, 3)) for before, after in ((map_, moved), (of_dense, of_dense_moved))
    )
    inside = (SHIFT + 1, SHIFT + 1, map_.shape[2] - 2 * SHIFT - 2, map_.shape[3] - 2 * SHIFT - 2)
    channel = int(map_.std(dim=(0, 2, 3)).argmax())
    scale = float(map_[0, channel].abs().max())
    named = (("its map", map_), ("map of the shifted image", moved), ("that less the shifted map", difference))
    return Maps(
        f"An image shifted by {SHIFT} pixels down and to the right",
        (
            Map("image", image[0, 0].numpy(), kind="gray"),
            Map("shifted image", shifted[0, 0].numpy(), kind="gray"),
            *(
                Map(name, one[0, channel].numpy(), scale=scale, box=inside if one is difference else None)
                for name, one in named
            ),
            Map("the same difference of a dense layer", of_dense[0, channel].numpy(), scale=scale, box=inside),
        ),
    )


CLAIM = Claim(
    id="weight-sharing",
    statement="One filter serves the whole image: when the image shifts, its feature map shifts by as much.",
    section="From Dense to Convolutional",
    kind="exact",
    decides=f"supported when no value away from the border differs by more than {TOLERANCE:.0e} in float64",
    measure=measure,
)
