"""Whether a net written by hand is the same as a given one, layer for layer and answer for answer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.evaluation import eval_mode
from cnnlab.homework.behaviour import checked_logits
from cnnlab.homework.feedback import Feedback, blank, is_blank, never_raises, off, right
from cnnlab.homework.softmax import is_softmax
from cnnlab.net_copy import copied

#: Layers without weights whose place decides what is computed.
_PLACES = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout, nn.Flatten, nn.BatchNorm2d)


@never_raises
def check_same_net(yours: Any, reference: nn.Module, *, image_shape: tuple[int, int, int] = (1, 28, 28)) -> Feedback:
    """Check that a net has the layers of `reference`, and with the same weights the same answers, bit for bit.

    Both stay as they are. image_shape: (C, H, W) of the random images that both answer.
    """
    if is_blank(yours):
        return blank()
    if isinstance(yours, type):
        return off(f"you have the class {yours.__name__}: make a net of it, {yours.__name__}()")
    if not isinstance(yours, nn.Module):
        return off(f"you have {type(yours).__name__}: expected a torch.nn.Module")
    mine, other = yours.state_dict(), reference.state_dict()
    theirs = type(reference).__name__
    missing = [name for name in other if name not in mine]
    extra = [name for name in mine if name not in other]
    if missing or extra:
        says = [f"{theirs} has {_few(missing)}, yours does not"] if missing else []
        says += [f"yours has {_few(extra)}, {theirs} does not"] if extra else []
        return off(*says, "are all its layers there, in its order, under its names?")
    shapes = [
        f"{name} is {_shape(mine[name])}, that of {theirs} {_shape(tensor)}"
        for name, tensor in other.items()
        if mine[name].shape != tensor.shape
    ]
    if shapes:
        return off(*shapes[:3])
    order = _order(yours, reference)
    if order is not None:
        return off(order)
    twin = copied(yours)
    twin.load_state_dict(other)
    images = torch.randn(4, *image_shape, generator=torch.Generator().manual_seed(0))
    with eval_mode(twin), eval_mode(reference):
        answers, expected = checked_logits(twin, images), checked_logits(reference, images)
    if answers.shape != expected.shape:
        return off(f"yours answers with {_shape(answers)}, {theirs} with {_shape(expected)} for 4 images")
    if is_softmax(answers):
        return off("yours ends with a softmax: leave it out, the loss takes logits and applies it itself")
    if not torch.equal(answers, expected):
        return off(
            f"with the same weights the answers differ by up to {float((answers - expected).abs().max()):.2g}: "
            "the layers agree, so look at what forward does between them"
        )
    parameters = sum(parameter.numel() for parameter in yours.parameters())
    return right(
        f"the same net: {len(mine)} tensors of the same names and shapes, {parameters:,} parameters, "
        "and with the same weights the same answers, bit for bit"
    )


def _order(yours: nn.Module, reference: nn.Module) -> str | None:
    """Where the layers without weights differ, in the order in which they were made."""
    mine, other = (
        [(name, layer) for name, layer in net.named_modules() if isinstance(layer, _PLACES)]
        for net in (yours, reference)
    )
    theirs = type(reference).__name__
    for (name, layer), (name_there, there) in zip(mine, other, strict=False):
        if (name, str(layer)) != (name_there, str(there)):
            return f"yours has {name}: {layer}, where {theirs} has {name_there}: {there}"
    if len(mine) != len(other):
        longer, whose = (mine, "yours") if len(mine) > len(other) else (other, theirs)
        name, layer = longer[min(len(mine), len(other))]
        return f"only {whose} has {name}: {layer}"
    return None


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"
