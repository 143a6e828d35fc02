"""Feature maps taken by hand, against those that the net has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.homework.feedback import Feedback, blank, is_blank, never_raises, off, right
from cnnlab.net_copy import copied


@never_raises
def check_feature_maps(yours: Any, net: nn.Module, images: Tensor) -> Feedback:
    """Check what every convolution of a net answers to images.

    yours: a convolution's name (`features.0`) → its maps (N, C, H, W). images: float (N, C, H, W), normalised. The net
    is looked at and left as it is.
    """
    if is_blank(yours):
        return blank()
    if not isinstance(yours, Mapping):
        return off(f"you have {type(yours).__name__}: expected a dict, a layer's name → its maps")
    names = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    missing = [name for name in names if name not in yours]
    if missing:
        return off(f"missing: {', '.join(missing)} (you have {', '.join(map(str, yours)) or 'none'})")
    expected = _outputs(net, images, names, train=False)
    for name in names:
        maps = yours[name]
        if not isinstance(maps, Tensor):
            return off(
                f"{name}: you have {type(maps).__name__}: expected a tensor; a hook gets (module, inputs, output)"
            )
        if maps.shape == expected[name].shape[1:]:
            return off(f"{name}: the batch is missing: {tuple(maps.shape)}, expected {tuple(expected[name].shape)}")
        if maps.shape != expected[name].shape:
            return off(
                f"{name}: {tuple(maps.shape)}, expected {tuple(expected[name].shape)}"
                + _of_input(maps, name, net, images)
            )
        if not torch.allclose(maps.detach(), expected[name], atol=1e-5):
            return off(f"{name}: {_why(maps.detach(), expected[name], name, net, images)}")
    holding = [name for name in names if yours[name].requires_grad]
    if holding:
        return off(
            f"{holding[0]}: the right values, with the whole graph back to the images attached: output.detach(), or "
            "run the net under torch.no_grad()"
        )
    hooked = [name for name, module in net.named_modules() if module._forward_hooks]
    if hooked:
        return off(f"the right values, but {hooked[0]} still has its hook: keep the handle and call handle.remove()")
    return right(f"right: {', '.join(f'{name} {tuple(yours[name].shape)}' for name in names)}, detached, hooks removed")


def _outputs(net: nn.Module, images: Tensor, names: list[str], *, train: bool) -> dict[str, Tensor]:
    """What the layers of a copy answer, in train or eval mode."""
    twin, kept = copied(net).train(train), {}
    for name in names:
        layer = twin.get_submodule(name)
        layer._forward_hooks.clear()
        layer.register_forward_hook(lambda _layer, _given, got, name=name: kept.update({name: got.clone()}))
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        twin(images)
    return kept


def _of_input(maps: Tensor, name: str, net: nn.Module, images: Tensor) -> str:
    given: list[Tensor] = []
    twin = copied(net).eval()
    twin.get_submodule(name).register_forward_pre_hook(lambda _layer, inputs: given.append(inputs[0]))
    with torch.no_grad():
        twin(images)
    return ": that is what comes in, not what goes out" if given and maps.shape == given[0].shape else ""


def _why(maps: Tensor, expected: Tensor, name: str, net: nn.Module, images: Tensor) -> str:
    """What kind of other values these are."""
    if torch.allclose(maps, expected.relu(), atol=1e-5):
        return (
            "these are the values after a ReLU: it writes over its input (inplace=True), or the hook is on it; clone()"
        )
    if torch.allclose(maps, _outputs(net, images, [name], train=True)[name], atol=1e-5):
        return "these are the values in train mode: net.eval() first, else batch norm takes this batch's statistics"
    if len(maps) > 1 and any(torch.allclose(maps[0], each, atol=1e-5) for each in expected[1:]):
        return "the images are in another order"
    return "other values: were these the same images, normalised, through the same trained net?"
