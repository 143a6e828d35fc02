"""The same function, computed faster: views of a net that share its parameters, buffers and layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cnnlab.errors import UserError
from cnnlab.training.fused import NormPoolRelu


def quick_view(net: nn.Module, *, fused: bool = True) -> nn.Module:
    """A view of the net that computes the same function in fewer passes over memory.

    Where neighbours in an `nn.Sequential` are batch norm, ReLU and a 2×2 max pool, one module does all three
    (`NormPoolRelu`). Where they are ReLU and max pool alone, the pool comes first: max and ReLU are both monotone, so
    they commute, with equal values and gradients, and the ReLU has a quarter of the work. Layers, parameters and
    buffers are the net's own; only containers are copied. fused: False leaves the layers apart, and all names as they
    are.
    """
    children = {
        name: child if child is None else quick_view(child, fused=fused) for name, child in net._modules.items()
    }
    if type(net) is nn.Sequential:
        layers = list(children.values())
        for i in range(len(layers) - 1):
            if type(layers[i]) is nn.ReLU and type(layers[i + 1]) is nn.MaxPool2d:
                layers[i], layers[i + 1] = layers[i + 1], layers[i]
        for i in range(len(layers) - 2):
            one = NormPoolRelu.of(*layers[i : i + 3]) if fused else None
            if one is not None:
                layers[i : i + 3] = one, nn.Identity(), nn.Identity()
        children = dict(zip(children, layers, strict=True))
    if all(children[name] is net._modules[name] for name in children):
        return net
    view = copy.copy(net)
    view._modules = children
    return view


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


def find_crop(net: nn.Module, image_shape: tuple[int, int, int], size: int) -> Crop | None:
    """How the net can be trained on central crops of `size`, or None where it cannot.

    Half the pixels cost half the time, and the digits of MNIST lie in the central 20×20 of their 28×28. It works for
    any net that reads its image through layers that are modules and then a `nn.Linear` over the flattened map, as long
    as the crop's map lies in the middle of the full one. Runs two blank images through the net in eval mode; the net
    is left as it was.
    """
    if size >= min(image_shape[1:]):
        return None
    full = _first_dense_layer(net, torch.zeros(1, *image_shape))
    cropped = _first_dense_layer(net, central(torch.zeros(1, *image_shape), size))
    if full is None or cropped is None or full[0] != cropped[0]:
        return None
    name, (channels, *full_size) = full
    _, (cropped_channels, *seen) = cropped
    fits = (
        channels == cropped_channels
        and min(seen) >= 1
        and all((a - b) % 2 == 0 and a > b for a, b in zip(full_size, seen, strict=True))
        and net.get_parameter(f"{name}.weight").shape[1] == channels * full_size[0] * full_size[1]
    )
    if not fits:
        return None
    return Crop(size, f"{name}.weight", channels, (full_size[0], full_size[1]), (seen[0], seen[1]))


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


def _first_dense_layer(net: nn.Module, image: Tensor) -> tuple[str, tuple[int, ...]] | None:
    """The name of the first `nn.Linear` that runs, and the (C, H, W) of the last map before it."""
    last_map = tuple(image.shape[1:])
    reached: list[str] = []
    handles = []

    def remember(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal last_map
        if isinstance(output, Tensor) and output.dim() == 4:
            last_map = tuple(output.shape[1:])

    def stop_at(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object) -> None:
            reached.append(name)
            raise _Reached

        return hook

    for name, module in net.named_modules():
        if isinstance(module, nn.Linear):
            handles.append(module.register_forward_pre_hook(stop_at(name)))
        elif not any(module.children()):
            handles.append(module.register_forward_hook(remember))
    modes = {module: module.training for module in net.modules()}
    device = next(net.parameters()).device
    net.eval()
    try:
        with torch.no_grad():
            net(image.to(device))
    except _Reached:
        pass
    except RuntimeError:  # the cropped image does not fit a layer before the dense one
        return None
    finally:
        for module, mode in modes.items():
            module.training = mode
        for handle in handles:
            handle.remove()
    return (reached[0], last_map) if reached else None
