"""What PyTorch computes for the gallery, for the page to measure itself against."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.anatomy.walk import name_calls, walk
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.explorer.translation import Translation

#: Values of each layer, evenly spaced, that the page carries for every image of the gallery.
SAMPLED = 64
#: Values of whole layers that the page carries for the gallery's first images: about 0.5 MB in the page.
WHOLE = 90_000


def activations(net: nn.Module, translation: Translation, images: Tensor, mean: Any, std: Any) -> list[Tensor | None]:
    """Every translated layer's values for images uint8 (N, C, H, W), float32 (N, …), by PyTorch.

    None for a layer whose result the net wrote over. Raises UserError where the net goes another way than when it was
    traced.
    """
    trace = walk(net, tuple(images.shape[1:]), images=normalise(images, mean, std))
    made = {name: result for (name, _), result in zip(name_calls(trace.calls), trace.results, strict=True)}
    for translated in translation.layers:
        if translated.layer.name not in made:
            raise UserError(
                f"{translation.anatomy.net} does other things with the gallery's images than with random ones (no "
                f"{translated.layer.name}); expected a net whose layers do not depend on the image"
            )
    for translated in reversed(translation.layers):  # dropout in eval mode gives back the very tensor that it is given
        (source, *_) = translated.inputs
        if translated.operation["kind"] == "same" and made.get(source) is None:
            made[source] = made[translated.layer.name]
    results = [made[translated.layer.name] for translated in translation.layers]
    return [None if result is None else result.detach().float().cpu() for result in results]


def reference(values: list[Tensor | None], images: int) -> dict[str, Any]:
    """PyTorch's values for the page: samples of all images, whole layers of the first few.

    positions: flat places within a layer. samples: (images, positions). whole: a list of layers for each of the first
    images, at least one.
    """
    per_image = sum(value[0].numel() for value in values if value is not None)
    whole = min(max(1, WHOLE // per_image), images)
    layers: list[dict[str, Any] | None] = []
    for value in values:
        if value is None:
            layers.append(None)
            continue
        flat = value.flatten(1)
        count = flat.shape[1]
        positions = sorted({round(i * (count - 1) / max(1, SAMPLED - 1)) for i in range(SAMPLED)})
        layers.append(
            {
                "positions": positions,
                "samples": flat[:, positions],
                "largest": flat.abs().where(flat.isfinite(), 0).amax(dim=1),
                "whole": flat[:whole],
            }
        )
    return {"layers": layers, "whole_images": whole}


def probabilities(values: list[Tensor | None], translation: Translation) -> Tensor:
    """The gallery's class probabilities (N, classes), from the net's answer whether it is logits or their softmax."""
    names = [translated.layer.name for translated in translation.layers]
    answer = values[names.index(translation.output)]
    assert answer is not None
    operation = translation.layers[names.index(translation.output)].operation
    if operation["kind"] == "softmax" and not operation["log"]:
        return answer
    return torch.softmax(answer.double(), dim=1)
