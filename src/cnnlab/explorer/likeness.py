"""What tells images unlike those that a net was trained on, as the page carries it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.config import DataRecord
from cnnlab.explorer.operations import sources
from cnnlab.explorer.translation import Translation
from cnnlab.features.penultimate import answers_and_features, at_most, features_layer
from cnnlab.features.unlike import FALSE_ALARMS, NEIGHBOUR, Unlike

#: The largest whole number that a value is rounded to: 15 bits and a sign.
LARGEST = 2**15 - 1

#: How far the page's features may be from the net's, as a share of the largest: the rounding of another order of sums.
AGREES = 1e-4


class WholeNumbers:
    """Tensors as 16-bit whole numbers, one after the other; two nets' equal ones lie there once."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._count = 0

    def add(self, values: Tensor) -> dict[str, Any]:
        """Where a tensor lies among them, its shape, and what a step of one stands for."""
        step = float(values.abs().max()) / LARGEST
        whole = (values.double() / (step or 1.0)).round().numpy().astype("<i2").tobytes()
        if whole not in self._places:
            self._places[whole] = self._count
            self._count += values.numel()
        return {"from": self._places[whole], "shape": list(values.shape), "step": step}

    def content(self) -> bytes:
        """All of them, two bytes each, the lower one first."""
        return b"".join(self._places)


def likeness(
    unlike: Unlike,
    net: nn.Module,
    translated: Translation,
    values: Sequence[Tensor | None],
    images: Tensor,
    record: DataRecord,
    numbers: WholeNumbers,
) -> dict[str, Any] | None:
    """What was fitted to a net, for the page: the large tensors among `numbers`, the others as they are.

    images: uint8 (N, C, H, W). values: every layer's, for these. None where no layer of the page gives the features
    that the net shows.
    """
    features = None
    if unlike.neighbours is not None:
        features = _features_layer(net, translated, values, images, record)
        if features is None:
            return None
    return {
        "scores": list(unlike.score_names),
        "middle": unlike.middle,
        "spread": unlike.spread,
        "sums": unlike.sums,
        "side": list(unlike.side),
        "neighbour": NEIGHBOUR,
        "rate": FALSE_ALARMS,
        "features": features,
        "means": numbers.add(unlike.pixel_means),
        "components": numbers.add(unlike.pixel_components),
        "neighbours": None if unlike.neighbours is None else numbers.add(unlike.neighbours),
    }


def _features_layer(
    net: nn.Module, translated: Translation, values: Sequence[Tensor | None], images: Tensor, record: DataRecord
) -> str | None:
    """The page's name of the linear layer whose input are the features; None where that is not what the net shows."""
    path = features_layer(net, images[:1], mean=record.mean, std=record.std)
    names = [each.layer.name for each in translated.layers]
    linear = [
        each.layer
        for each in translated.layers
        if (each.layer.call.module, each.layer.call.function) == (path, "linear")
    ]
    if not linear:
        return None
    (source, *_) = sources(linear[-1]).values()
    _, shown = answers_and_features(net, images, mean=record.mean, std=record.std)
    computed = values[names.index(source)] if source in names else None
    if shown is None or computed is None:
        return None
    computed = at_most(computed.flatten(1))
    if computed.shape != shown.shape:
        return None
    far = float((computed - shown).abs().nan_to_num(torch.inf).max())
    return linear[-1].name if far <= AGREES * float(shown.abs().max()) else None
