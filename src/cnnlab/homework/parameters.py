"""How many numbers a layer learns, and how the count goes wrong."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import nn

from cnnlab.homework.feedback import Feedback, blank, explained, is_blank, never_raises, off, right
from cnnlab.homework.reading import answer_text, as_number

Layer = nn.Conv2d | nn.Linear | nn.BatchNorm2d


@never_raises
def check_parameters(yours: Any, layer: Layer) -> Feedback:
    """Check a count of the parameters of a convolution, a dense layer or a batch norm."""
    if is_blank(yours):
        return blank()
    answer = as_number(yours)
    if not isinstance(answer, int):
        return off(f"you have {answer_text(yours)}: expected a whole number")
    expected = sum(parameter.numel() for parameter in layer.parameters())
    arithmetic, mistakes = _counted(layer)
    if answer == expected:
        return right(f"right: {arithmetic} = {expected:,}")
    found = explained(answer, mistakes)
    says = (
        found[0]
        if found
        else f"the {type(layer).__name__}'s weight is {_shape(layer)}: count its numbers, and its biases"
    )
    return off(f"you have {answer_text(answer)}: {says}")


def _shape(layer: Layer) -> str:
    return "×".join(map(str, layer.weight.shape))


def _counted(layer: Layer) -> tuple[str, list[tuple[float, str]]]:
    """The count in figures, and what other counts would mean."""
    if isinstance(layer, nn.BatchNorm2d):
        channels = layer.num_features
        return f"{channels} γ + {channels} β", [
            (channels, "each channel has a γ and a β"),
            (4 * channels, "the running means and variances are not parameters: they are measured, not learned"),
            (2, "each channel has a γ and a β of its own"),
        ]
    outputs, biases = layer.weight.shape[0], 0 if layer.bias is None else layer.weight.shape[0]
    weights = layer.weight.numel()
    plus = f" + {biases} biases" if biases else ""
    mistakes: list[tuple[float, str]] = [
        (weights, "the biases are missing: one for each output" if biases else ""),
        (weights + 1, "each output has a bias of its own"),
        (weights + outputs, "this layer has no biases"),
    ]
    if isinstance(layer, nn.Linear):
        mistakes += [
            (layer.in_features + outputs, "every output has a weight for every input: multiply"),
            (weights + layer.in_features, "a bias belongs to an output, not to an input"),
        ]
        return f"{layer.in_features}·{outputs}{plus}", mistakes
    K_h, K_w = layer.kernel_size
    inputs = layer.in_channels // layer.groups
    mistakes += [
        (
            K_h * K_w * outputs + biases,
            f"each filter sees all {inputs} channels that come in: {K_h}·{K_w} weights for each",
        ),
        (K_h * K_w * outputs, f"each filter sees all {inputs} channels that come in, and has a bias"),
        (K_h * inputs * outputs + biases, f"a filter has {K_h}·{K_w} weights for a channel, not {K_h}"),
        (prod((K_h, K_w, inputs)) + 1, f"that is one filter: there are {outputs}"),
        (prod((K_h, K_w, inputs)), f"that is one filter without its bias: there are {outputs}"),
        (weights + inputs, "a bias belongs to a filter, not to a channel that comes in"),
    ]
    return f"{K_h}·{K_w}·{inputs}·{outputs}{plus}", mistakes
