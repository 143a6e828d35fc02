"""What every layer of a net answers to images."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor, nn

from cnnlab.anatomy.walk import Call, Trace, name_calls, walk
from cnnlab.errors import UserError
from cnnlab.net_copy import copied

#: Images in a run, and the bytes of activations above which it takes fewer: a run holds them about ten times over.
BATCH, MEMORY = 250, 2**25


def feature_maps(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What every layer answers: its name, as `describe` gives it → its answer.

    A copy of the net runs in eval mode; the net, its modes and gradients and all random states stay as they were. What
    a later layer writes over (`ReLU(inplace=True)`) is kept as it was before.

    images: float (N, C, H, W) as the net sees them, normalised. Returns float (N, C', H', W') for a layer with maps,
    (N, values) for a dense one, in the order in which the net runs them. Raises UserError where the images do not fit
    the net, and for whole-number pixels.
    """
    require_normalised(images)
    trace = walk(net, tuple(images.shape[1:]), images=images, keep=lambda _, result: result.detach().clone())
    return _by_name(trace)


def units(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """`feature_maps` with each layer's units along the second dimension: (N, units, …).

    A dense layer on tokens or on maps with channels last has its units along the last one. Layers whose results do
    not have an entry an image, such as windows folded into the batch, are left out.
    """
    require_normalised(images)
    trace = walk(net, tuple(images.shape[1:]), images=images, keep=lambda _, result: result.detach().clone())
    calls = dict(zip((name for name, _ in name_calls(trace.calls)), trace.calls, strict=True))
    return {
        name: units_second(result, calls[name]) for name, result in _by_name(trace).items() if calls[name].is_by_image
    }


def units_second(result: Tensor, call: Call) -> Tensor:
    """A call's result with its units along the second dimension."""
    return result.movedim(call.unit_dim, 1) if result.dim() > 1 else result


def batches(net: nn.Module, images: Tensor) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """`units` for many images, some at a time: which images, and what every layer answers to them."""
    require_normalised(images)
    bytes_an_image = sum(4 * prod(one.shape[1:]) for one in feature_maps(net, images[:2]).values())
    size = max(1, min(BATCH, MEMORY // max(1, bytes_an_image)))
    for start in range(0, len(images), size):
        part = slice(start, min(start + size, len(images)))
        yield part, units(net, images[part])


def answers(net: nn.Module, images: Tensor) -> Tensor:
    """What the net answers: float (N, classes), without a way back to the images. The net stays as it was."""
    require_normalised(images)
    with torch.no_grad(), torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
        twin = copied(net).eval()
        return torch.cat([twin(part) for part in images.split(BATCH)])


def run(net: nn.Module, images: Tensor) -> Trace:
    """One run of a copy of the net whose results lead back to `Trace.images`, so that gradients can be taken."""
    require_normalised(images)
    return walk(net, tuple(images.shape[1:]), images=images)


def logits_of(trace: Trace) -> Tensor:
    """What the net returned in a run: float (N, classes). Raises UserError where the way to it cannot be followed."""
    found = trace.results[trace.outputs[0]] if trace.outputs and trace.outputs[0] >= 0 else None
    if found is None or found.dim() != 2 or not found.requires_grad:
        raise UserError(
            "the net's answer cannot be followed back to its image; expected logits (N, classes) made by PyTorch's own "
            "functions: leave .detach(), NumPy and torch.no_grad() out of forward"
        )
    return found


def result_of(trace: Trace, layer: str) -> Tensor:
    """What a layer answered in a run, on the way from image to answer. Raises KeyError for an unknown layer."""
    names = [name for name, _ in name_calls(trace.calls)]
    found = trace.results[names.index(layer)] if layer in names else None
    if found is None:
        raise KeyError(layer)
    return found


def require_normalised(images: Tensor) -> None:
    """Raise UserError for anything but a batch of float images."""
    if images.dim() != 4 or not images.is_floating_point() or len(images) == 0:
        got = f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
        raise UserError(
            f"images: got {got}; expected float (N, C, H, W), normalised as the net was trained: "
            "cnnlab.data.normalise.normalise(images, data.mean, data.std)"
        )


def _by_name(trace: Trace) -> dict[str, Tensor]:
    named = zip(name_calls(trace.calls), trace.results, strict=True)
    return {name: result for (name, _), result in named if result is not None}
