"""Gradient ascent: an image made to excite one unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from cnnlab.anatomy.walk import Call, Walks, name_calls
from cnnlab.errors import UserError
from cnnlab.features.activations import first_walk, no_way_back, units_second

#: Steps, and how far each goes: that many times a gradient scaled to a root mean square of 1.
STEPS, STEP = 48, 0.5

#: The regularisation: what is left of the image after every step, and the blur's width in pixels every few steps.
DECAY, BLUR, BLUR_EVERY = 0.97, 0.8, 3


@dataclass(frozen=True, eq=False)
class Ascent:
    """Images made for units. images: float (units, C, H, W), normalised. before, after: the units' values (units,)."""

    images: Tensor
    before: Tensor
    after: Tensor


def ascend(
    net: nn.Module,
    targets: Sequence[tuple[str, int]],
    *,
    image_shape: tuple[int, int, int],
    low: Sequence[float],
    high: Sequence[float],
    seed: int = 0,
) -> Ascent:
    """For each target make an image that excites it: the unit in the middle of a channel's map, or a dense value.

    Gradient ascent on the image (Erhan et al. 2009) from faint noise about the mean image, with L2 decay and Gaussian
    blur as in Yosinski et al. 2015 (§3; their small-norm and small-contribution clipping is left out), the gradient
    scaled to a root mean square of 1, and every pixel kept within what a pixel can be.

    targets: (layer, unit), layers as `describe` names them; best one before the activation, since a ReLU that answers 0
    has no gradient. low, high: a channel's smallest and largest normalised pixel. Raises UserError for a layer that the
    net does not run, and for one whose values cannot be followed back to the image.
    """
    generator = torch.Generator().manual_seed(seed)
    images = 0.1 * torch.randn(len(targets), *image_shape, generator=generator)
    least, most = (torch.tensor(bound)[:, None, None] for bound in (low, high))
    images = images.clamp(least, most)
    walks, lay, first = first_walk(net, images[:1])
    found = first.calls
    names = [name for name, _ in name_calls(found)]
    for layer, _ in targets:
        if layer not in names:
            raise UserError(f"the net runs no layer {layer}; expected one of: {', '.join(names)}")
    can_end = not any(call.function == "opaque" for call in found)
    before, after = images.new_zeros(len(targets)), images.new_zeros(len(targets))
    for layer in dict.fromkeys(layer for layer, _ in targets):  # one at a time: the net runs no further than it
        which = [i for i, target in enumerate(targets) if target[0] == layer]
        call, units = names.index(layer), torch.tensor([targets[i][1] for i in which])
        last = call if can_end else None
        part = lay(images[which])
        before[which] = _values(walks, part, call, units, last)[0].detach()
        for step in range(STEPS):
            gradient = _gradient(walks, part, call, units, last)
            if gradient is None:
                raise no_way_back(f"layer {layer}")
            size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-12)
            part = (part + STEP * gradient / size) * DECAY
            if step % BLUR_EVERY == BLUR_EVERY - 1:
                part = _blurred(part)
            part = lay(part.clamp(least, most))  # or images of one channel, laid out either way, lose it
        images[which], after[which] = part, _values(walks, part, call, units, last)[0].detach()
    return Ascent(images, before, after)


def _values(walks: Walks, images: Tensor, call: int, units: Tensor, last: int | None) -> tuple[Tensor, Tensor]:
    """Of each image the unit that it is for, in the result of the call, and the images to take gradients for."""

    def middles(number: int, found: Call, result: Tensor) -> Tensor | None:
        if number != call:
            return None
        by_unit = units_second(result, found)
        middle = tuple(side // 2 for side in by_unit.shape[2:])
        # Or torch.utils.checkpoint counts what this keeps for its gradient as its own.
        with saved_tensors_hooks(lambda kept: kept, lambda kept: kept):
            return by_unit[(torch.arange(len(units)), units, *middle)]

    trace = walks.run(images, keep=middles, last=last)
    return trace.results[call], trace.images


def _gradient(walks: Walks, images: Tensor, call: int, units: Tensor, last: int | None) -> Tensor | None:
    """The gradient of what `_values` gives, for the images; None where none leads there."""
    with torch.enable_grad():
        values, leaf = _values(walks, images, call, units, last)
        aim = values.sum()
    if not aim.requires_grad:
        return None
    return torch.autograd.grad(aim, leaf)[0]


def _blurred(images: Tensor) -> Tensor:
    """A Gaussian of BLUR pixels, 5 taps wide, the border continued."""
    taps = torch.exp(-0.5 * (torch.arange(-2, 3) / BLUR) ** 2)
    taps = taps / taps.sum()
    channels = images.shape[1]
    kernel = torch.outer(taps, taps).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="replicate"), kernel, groups=channels)
