"""The same function, computed faster: views of a net that share its parameters, buffers and layers."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from cnnlab.errors import UserError
from cnnlab.net_copy import copied
from cnnlab.nets.answers import main_answer
from cnnlab.training.fused import ConvNormPoolRelu, NormPoolRelu, PoolRelu
from cnnlab.training.proof import same_function


def proven_view(net: nn.Module, images: Tensor, dtype: torch.dtype) -> nn.Module:
    """`quick_view` where it computes what the net computes on images float32 (N, C, H, W), else the net itself.

    It does for nets that call their containers; code that keeps what a layer changes in place may differ. dtype: what
    the view will compute in, float32 or bfloat16. It has made a step in it already, on a copy, so that whatever is
    compiled for it is compiled before its steps are timed. The net is left as it was.
    """
    view = quick_view(net)
    if view is net or not same_function(net, images, _call, _call_quickly):
        return net
    with torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
        with torch.autocast(images.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            answers = main_answer(_call_quickly(copied(net).train(), images))
        answers.float().sum().backward()
    return view


def _call(net: nn.Module, images: Tensor) -> Tensor:
    return net(images)


def _call_quickly(net: nn.Module, images: Tensor) -> Tensor:
    return quick_view(net)(images)


def quick_view(net: nn.Module, *, fused: bool = True) -> nn.Module:
    """A view of the net whose `nn.Sequential`s, when they are called, need fewer passes over memory.

    Where neighbours in one are batch norm, ReLU and a 2×2 max pool, one module does all three (`NormPoolRelu`), with
    the convolution before them where it is of one channel (`ConvNormPoolRelu`). Where they are ReLU and max pool alone,
    one does both (`PoolRelu`), or the pool comes first: max and ReLU are both monotone, so they commute, with equal
    values and gradients, and the ReLU has a quarter of the work. Layers with hooks stay where they are. Only
    containers are copied, and only what a call of one does is another: layers, parameters and buffers are the net's
    own, and to code that slices, indexes or iterates, a container holds what it held. fused: False leaves the layers
    apart.
    """
    children = {
        name: child if child is None else quick_view(child, fused=fused) for name, child in net._modules.items()
    }
    layers = [child for child in children.values() if child is not None]
    quicker = _quicker(layers, fused=fused) if type(net) is nn.Sequential else layers
    if quicker == layers and all(children[name] is net._modules[name] for name in children):
        return net
    view = copy.copy(net)
    view._modules = children
    if quicker != layers:
        view.forward = partial(_in_turn, quicker)
    return view


def _quicker(layers: Sequence[nn.Module], *, fused: bool) -> list[nn.Module]:
    """Layers that give, one after another, what `layers` give."""
    quicker = list(layers)
    for i in range(len(quicker) - 1):
        relu, pool = quicker[i : i + 2]
        if type(relu) is nn.ReLU and type(pool) is nn.MaxPool2d and not (_has_hooks(relu) or _has_hooks(pool)):
            quicker[i], quicker[i + 1] = pool, relu
    if not fused:
        return quicker
    kinds: tuple[tuple[int, Callable[..., nn.Module | None]], ...] = (
        (3, NormPoolRelu.of),
        (2, ConvNormPoolRelu.of),
        (2, PoolRelu.of),
    )
    for length, one_of in kinds:
        for i in range(len(quicker) - length + 1):
            some = quicker[i : i + length]
            one = None if any(_has_hooks(layer) for layer in some) else one_of(*some)
            if one is not None:
                quicker[i : i + length] = one, *[nn.Identity()] * (length - 1)
    return quicker


def _has_hooks(layer: nn.Module) -> bool:
    kinds = (layer._forward_hooks, layer._forward_pre_hooks, layer._backward_hooks, layer._backward_pre_hooks)
    return any(kinds)


def _in_turn(layers: Sequence[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


@dataclass(frozen=True)
class Crop:
    """A net fed with the central part of each image, its first dense layer using the columns that see that part.

    weight: the dense layer's parameter name. channels, full, seen: the map it reads is (channels, *full) for a whole
    image and (channels, *seen) for a cropped one.
    """

    size: int
    weight: str
    channels: int
    full: tuple[int, int]
    seen: tuple[int, int]

    def forward(self, net: nn.Module, images: Tensor) -> Tensor:
        """Logits (N, classes) for images (N, C, H, W) that were cropped by `central`."""
        return functional_call(net, {self.weight: self.columns(net.get_parameter(self.weight))}, (images,))

    def columns(self, weight: Tensor) -> Tensor:
        """Of the dense layer's weight (units, inputs) the columns that see the crop."""
        top, left = (self.full[0] - self.seen[0]) // 2, (self.full[1] - self.seen[1]) // 2
        maps = weight.unflatten(1, (self.channels, *self.full))
        return maps[:, :, top : top + self.seen[0], left : left + self.seen[1]].flatten(1)


def central(images: Tensor, size: int) -> Tensor:
    """The central size×size pixels of images (N, C, H, W)."""
    top, left = (images.shape[2] - size) // 2, (images.shape[3] - size) // 2
    return images[:, :, top : top + size, left : left + size]


#: Images of noise that a crop is tried on.
TRIED = 4


def find_crop(net: nn.Module, image_shape: tuple[int, int, int], size: int) -> Crop | None:
    """How the net can be trained on central crops of `size`, or None where it cannot.

    Half the pixels cost half the time, and the digits of MNIST lie in the central 20×20 of their 28×28. It works for
    any net that reads its image through layers that are modules and then a `nn.Linear` over the flattened map, as long
    as the crop's map lies in the middle of the full one. That the crop then computes what the whole dense layer
    makes of its map with zeros around it, whatever the order in which the net flattens, is tried on noise, forwards
    and backwards. The net and the process's random state are left as they were.
    """
    if size >= min(image_shape[1:]):
        return None
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    noise = torch.randn(TRIED, *image_shape, generator=torch.Generator().manual_seed(0)).to(device)
    full = _first_dense_layer(net, noise)
    cropped = _first_dense_layer(net, central(noise, size))
    if full is None or cropped is None or full.name != cropped.name or full.source != cropped.source:
        return None
    channels, *full_size = full.shape
    cropped_channels, *seen = cropped.shape
    fits = (
        channels == cropped_channels
        and min(seen) >= 1
        and all((a - b) % 2 == 0 and a > b for a, b in zip(full_size, seen, strict=True))
        and net.get_parameter(f"{full.name}.weight").shape[1] == channels * full_size[0] * full_size[1]
    )
    if not fits:
        return None
    crop = Crop(size, f"{full.name}.weight", channels, (full_size[0], full_size[1]), (seen[0], seen[1]))
    in_zeros = partial(_in_zeros, crop, cropped.source)
    return crop if same_function(net, central(noise, size), in_zeros, crop.forward) else None


def require_crop(net: nn.Module, image_shape: tuple[int, int, int], size: int) -> Crop:
    """`find_crop`, or a UserError that says why not."""
    crop = find_crop(net, image_shape, size)
    if crop is None:
        raise UserError(
            f"crop {size}: the net cannot be trained on central crops of its {image_shape[1]}×{image_shape[2]} images; "
            "expected a smaller size whose map lies in the middle of the full one, and a linear layer after modules: "
            "choose another size (multiples of 4 off each side fit most nets) or leave crop out"
        )
    return crop


class _Reached(Exception):  # noqa: N818 - not an error: it ends a forward pass that has told all it can
    pass


@dataclass(frozen=True)
class _Dense:
    """The first `nn.Linear` that runs, by name, and the last map before it.

    source: the layer that made the map and which of its calls it was, from 0; None: it is the image. shape: the map's
    (C, H, W).
    """

    name: str
    source: tuple[str, int] | None
    shape: tuple[int, ...]


def _first_dense_layer(net: nn.Module, images: Tensor) -> _Dense | None:
    """What runs in eval mode before a dense layer does, on images (N, C, H, W); None where none does."""
    shape, source = tuple(images.shape[1:]), None
    reached: list[str] = []
    handles = []

    def remember(name: str) -> Callable[..., None]:
        calls = itertools.count()

        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            nonlocal shape, source
            call = next(calls)
            if isinstance(output, Tensor) and output.dim() == 4:
                shape, source = tuple(output.shape[1:]), (name, call)

        return hook

    def stop_at(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object) -> None:
            reached.append(name)
            raise _Reached

        return hook

    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            handles.append(module.register_forward_pre_hook(stop_at(name)))
        elif not any(module.children()):
            handles.append(module.register_forward_hook(remember(name)))
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with torch.no_grad():
            net(images)
    except _Reached:
        pass
    except Exception:  # the cropped image does not fit a layer before the dense one, or the net asks for its size
        return None
    finally:
        for module, mode in modes.items():
            module.training = mode
        for handle in handles:
            handle.remove()
    return _Dense(reached[0], source, shape) if reached else None


def _in_zeros(crop: Crop, source: tuple[str, int] | None, net: nn.Module, images: Tensor) -> Tensor:
    """Logits for cropped images (N, C, H, W) by the net as it is, the crop's map standing in a full one of zeros.

    source: which call of which layer makes the map, as `_Dense` has it.
    """
    vertical, horizontal = ((full - seen) // 2 for full, seen in zip(crop.full, crop.seen, strict=True))
    edges = (horizontal, horizontal, vertical, vertical)
    if source is None:
        return net(F.pad(images, edges))
    name, wanted = source
    calls = itertools.count()

    def hook(_module: nn.Module, _inputs: object, output: Any) -> Any:
        return F.pad(output, edges) if next(calls) == wanted else output

    handle = net.get_submodule(name).register_forward_hook(hook)
    try:
        return net(images)
    finally:
        handle.remove()
