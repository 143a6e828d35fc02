"""Layers that only move, repeat or choose values: which value of the layer before each of theirs is."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.anatomy.walk import Call

#: How an enlargement takes a value that is there.
_NEAREST = ("nearest", "nearest-exact")

#: Function → what it does with a tensor of places, given its operands by name.
MOVES: dict[str, Callable[[Tensor, dict[str, Any]], Tensor]] = {
    "getitem": lambda places, given: places[given["index"]],
    "permute": lambda places, given: places.permute(given["dims"]),
    "transpose": lambda places, given: places.transpose(given["dim0"], given["dim1"]),
    "movedim": lambda places, given: places.movedim(given["source"], given["destination"]),
    "flip": lambda places, given: places.flip(given["dims"]),
    "roll": lambda places, given: places.roll(given["shifts"], given.get("dims", ())),
    "narrow": lambda places, given: places.narrow(given["dim"], given["start"], given["length"]),
    "select": lambda places, given: places.select(given["dim"], given["index"]),
    "repeat_interleave": lambda places, given: places.repeat_interleave(given["repeats"], given.get("dim")),
    "pixel_shuffle": lambda places, given: F.pixel_shuffle(places, given["upscale_factor"]),
    "pixel_unshuffle": lambda places, given: F.pixel_unshuffle(places, given["downscale_factor"]),
    "channel_shuffle": lambda places, given: F.channel_shuffle(places, given["groups"]),
    "pad": lambda places, given: F.pad(places, given["pad"], given.get("mode", "constant")),
    "interpolate": lambda places, given: F.interpolate(places, **_settings(given)),
    "upsample": lambda places, given: F.interpolate(places, **_settings(given)),
}


def taken(call: Call) -> list[int] | None:
    """Which value of one image's input each value of a call's result is, in order; -1 for a 0 that it adds.

    The function itself is asked: it is run on a tensor that holds its own places. None for a call that does something
    else than take values, or that takes another image's.
    """
    shape, images = call.whole_input_shapes[0], call.images
    makes_new = call.function in ("interpolate", "upsample") and call.operands.get("mode", "nearest") not in _NEAREST
    if not call.is_by_image or shape[0] != images or makes_new:
        return None
    # in doubles, since some functions take no whole numbers
    places = torch.arange(1, prod(shape) + 1, dtype=torch.float64).reshape(shape)  # 0: what is added
    try:
        result = MOVES[call.function](places, call.operands)
    except (
        KeyError,
        TypeError,
        RuntimeError,
        IndexError,
    ):  # its settings depend on the image, or are not known by name
        return None
    if tuple(result.shape) != call.whole_shape:
        return None
    each = result.reshape(images, -1).long() - 1
    size = prod(shape[1:])
    own = torch.arange(images)[:, None] * size
    within = torch.where(each < 0, -1, each - own)
    if not bool((within == within[:1]).all() and (within < size).all() and (within >= -1).all()):
        return None
    return within[0].tolist()


def runs(places: list[int]) -> list[int]:
    """Places as runs, three numbers each: the first, how far it is to the next, and how many there are."""
    found: list[int] = []
    values = np.asarray(places, dtype=np.int64)
    at = 0
    while at < len(values):
        if at + 1 == len(values):
            found += [int(values[at]), 0, 1]
            break
        step = values[at + 1] - values[at]
        others = np.flatnonzero(np.diff(values[at:]) != step)
        count = int(others[0]) + 1 if len(others) else len(values) - at
        found += [int(values[at]), int(step), count]
        at += count
    return found


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Of an enlargement."""
    names = ("size", "scale_factor", "mode", "recompute_scale_factor")
    return {name: given[name] for name in names if given.get(name) is not None}
