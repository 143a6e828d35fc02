"""What every layer of a net answers to images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.anatomy.walk import Call, Trace, Walks, name_calls, walk
from cnnlab.errors import UserError
from cnnlab.given_kinds import given_net
from cnnlab.net_copy import copied
from cnnlab.nets.layout import channels_last, runs_channels_last

#: Images in a run, and the bytes of activations above which it takes fewer: a run holds them about ten times over.
BATCH, MEMORY = 250, 2**25

#: Images in a run of which only the answers are kept: their maps stay in the processor's caches.
ANSWERED = 50


def feature_maps(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What every layer answers: its name, as `describe` gives it → its answer.

    A copy of the net runs in eval mode; the net, its modes and gradients and all random states stay as they were. What
    a later layer writes over (`ReLU(inplace=True)`) is kept as it was before.

    images: float (N, C, H, W) as the net sees them, normalised. Returns float (N, C', H', W') for a layer with maps,
    (N, values) for a dense one, in the order in which the net runs them. Raises UserError where the images do not fit
    the net, and for whole-number pixels.
    """
    require_normalised(images)
    trace = walk(given_net(net), tuple(images.shape[1:]), images=images, keep=_copied)
    return _by_name(trace)


def units(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """`feature_maps` with each layer's units along the second dimension: (N, units, …).

    A dense layer on tokens or on maps with channels last has its units along the last one. Layers whose results do
    not have an entry an image, such as windows folded into the batch, are left out.
    """
    require_normalised(images)
    trace = walk(net, tuple(images.shape[1:]), images=images, keep=_copied)
    calls = dict(zip((name for name, _ in name_calls(trace.calls)), trace.calls, strict=True))
    return {
        name: units_second(result, calls[name]) for name, result in _by_name(trace).items() if calls[name].is_by_image
    }


def units_second(result: Tensor, call: Call) -> Tensor:
    """A call's result with its units along the second dimension."""
    return result.movedim(call.unit_dim, 1) if result.dim() > 1 else result


def batches(
    net: nn.Module,
    images: Tensor,
    take: Callable[[str, Tensor], Any] = lambda _, values: values.clone(),
    *,
    layers: Collection[str] | None = None,
) -> Iterator[tuple[slice, dict[str, Any]]]:
    """`units` for many images, some at a time: which images, and what was taken of every layer's answer to them.

    take: is given a layer's name and its answer, (N, units, …), before a later layer writes over it, and what it gives
    back is all that is kept of it; by default a copy. It may not write over it either. layers: those that are asked
    for, by default all; the net runs no further than the last of them. On a CPU images are stored channels last where
    the net takes them so, which changes answers by rounding. Raises as `feature_maps` does, and UserError where a layer
    that was asked for does not run for some of the images.
    """
    require_normalised(images)
    walks, lay, first = first_walk(net, images[:2])
    known = _Known.of(first, layers)
    size = max(1, min(BATCH, MEMORY // max(1, known.bytes_an_image)))
    for start in range(0, len(images), size):
        part = slice(start, min(start + size, len(images)))
        taken = _taken(walks, lay(images[part]), known, take, layers)
        require_ran(layers or (), taken)
        yield part, taken


def require_ran(layers: Collection[str], ran: Container[str]) -> None:
    """Raise UserError unless the net ran these layers, each with an entry an image."""
    for name in layers:
        if name not in ran:
            raise UserError(
                f"layer {name} did not run for all images: the net takes other ways for other images; expected one "
                "that takes all of them through the same layers"
            )


def first_walk(net: nn.Module, images: Tensor) -> tuple[Walks, Callable[[Tensor], Tensor], Trace]:
    """A net ready for many runs, what lays images out for it, and its first run, on a few images.

    On a CPU they are stored channels last where the net takes them so. Raises as `feature_maps` does.
    """
    walks = Walks(net, tuple(images.shape[1:]))
    if not images.is_cuda:
        with suppress(UserError):  # code that calls `view` on maps does not take them
            return walks, channels_last, walks.run(channels_last(images))
    return walks, torch.Tensor.contiguous, walks.run(images)


@dataclass(frozen=True)
class _Known:
    """What one run has told of the next ones. wanted: call → layer, of the layers that are asked for."""

    calls: list[tuple[str, str]]
    wanted: dict[int, str]
    last: int | None
    bytes_an_image: int

    @classmethod
    def of(cls, trace: Trace, layers: Collection[str] | None) -> _Known:
        names = [name for name, _ in name_calls(trace.calls)]
        wanted = {
            i: name for i, name in enumerate(names) if trace.calls[i].is_by_image and (layers is None or name in layers)
        }
        can_end = layers is not None and not any(call.function == "opaque" for call in trace.calls)
        return cls(
            _signature(trace.calls),
            wanted,
            max(wanted, default=0) if can_end else None,
            sum(4 * prod(call.output_shape) for call in trace.calls if call.inputs),
        )


def _taken(
    walks: Walks,
    images: Tensor,
    known: _Known,
    take: Callable[[str, Tensor], Any],
    layers: Collection[str] | None,
) -> dict[str, Any]:
    def keep(number: int, call: Call, result: Tensor) -> Any:
        name = known.wanted.get(number)
        return None if name is None or not call.is_by_image else take(name, units_second(result.detach(), call))

    trace = walks.run(images, keep=keep, last=known.last)
    if _signature(trace.calls) != known.calls[: len(trace.calls)]:  # a net that goes other ways for other images
        known = _Known.of(walks.run(images), layers)
        trace = walks.run(images, keep=keep)
    return {name: trace.results[i] for i, name in known.wanted.items()}


def _signature(calls: Sequence[Call]) -> list[tuple[str, str]]:
    return [(call.function, call.module) for call in calls]


def _copied(_number: int, _call: Call, result: Tensor) -> Tensor:
    return result.detach().clone()


def answers(net: nn.Module, images: Tensor) -> Tensor:
    """What the net answers: float (N, classes), without a way back to the images. The net stays as it was."""
    require_normalised(images)
    return answers_to(net, images[:1], images.split(ANSWERED))


def answers_to(net: nn.Module, like: Tensor, parts: Iterable[Tensor]) -> Tensor:
    """What the net answers to images that come some at a time, all together: float (N, classes), as `answers` gives it.

    like: one such image (1, C, H, W). On a CPU images are stored channels last where the net takes them so.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[like.device] if like.is_cuda else []):
        twin = copied(net).eval()
        channels, height, width = like.shape[1:]
        is_last = not like.is_cuda and runs_channels_last(twin, (channels, height, width))
        return torch.cat([twin(channels_last(part) if is_last else part) for part in parts])


def run(net: nn.Module, images: Tensor) -> Trace:
    """One run of a copy of the net whose results lead back to `Trace.images`, so that gradients can be taken."""
    require_normalised(images)
    return walk(net, tuple(images.shape[1:]), images=images)


def logits_of(trace: Trace) -> Tensor:
    """What the net returned in a run: float (N, classes). Raises UserError where the way to it cannot be followed."""
    found = trace.results[trace.outputs[0]] if trace.outputs and trace.outputs[0] >= 0 else None
    if found is None or found.dim() != 2 or not found.requires_grad:
        raise no_way_back("the net's answer, logits (N, classes),")
    return found


def no_way_back(what: str) -> UserError:
    """What to tell where no gradient leads from a value of the net to its image."""
    return UserError(
        f"{what} cannot be followed back to the net's image; expected values made by PyTorch's own functions: leave "
        ".detach(), NumPy and torch.no_grad() out of forward; layers are frozen by requires_grad_(False) alone"
    )


def result_of(trace: Trace, layer: str) -> Tensor:
    """What a layer answered in a run, on the way from image to answer. Raises KeyError for an unknown layer."""
    names = [name for name, _ in name_calls(trace.calls)]
    found = trace.results[names.index(layer)] if layer in names else None
    if found is None:
        raise KeyError(layer)
    return found


def require_normalised(images: Tensor) -> None:
    """Raise UserError for anything but a batch of float images."""
    if not isinstance(images, Tensor):
        raise UserError(
            f"images: got {type(images).__name__}; expected a tensor, float (N, C, H, W): torch.as_tensor makes one"
        )
    if images.dim() != 4 or not images.is_floating_point() or len(images) == 0:
        got = f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
        raise UserError(
            f"images: got {got}; expected float (N, C, H, W), normalised as the net was trained: "
            "cnnlab.data.normalise.normalise(images, data.mean, data.std)"
        )


def _by_name(trace: Trace) -> dict[str, Tensor]:
    named = zip(name_calls(trace.calls), trace.results, strict=True)
    return {name: result for (name, _), result in named if result is not None}
