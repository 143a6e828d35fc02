"""A net's stages: each convolution or dense layer with what is done to its values on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import Tensor

from cnnlab.anatomy import Anatomy, Layer
from cnnlab.anatomy.signatures import VALUE_BY_VALUE

#: Layers that begin a stage.
_WEIGHTED = ("conv2d", "conv_transpose2d", "linear")


@dataclass(frozen=True)
class Stage:
    """A convolution or dense layer, then batch norm, activation and the like, value by value, up to the next layer.

    weighted: the layer itself. affine: the last before the activation, the layer or its batch norm: below a ReLU it has
    values, and gradients, where the output is 0. output: what the next layer gets. is_answer: whether the net returns
    it.
    """

    weighted: Layer
    affine: Layer
    output: Layer
    is_answer: bool

    @property
    def name(self) -> str:
        """The name of the convolution or dense layer."""
        return self.weighted.name

    @property
    def has_maps(self) -> bool:
        """Whether its units lie in maps, and not each for itself."""
        return is_map(self.output)

    @property
    def units(self) -> int:
        """Channels, or values of a dense layer."""
        return self.output.output_shape[self.output.call.unit_dim - 1]


def stages(anatomy: Anatomy) -> tuple[Stage, ...]:
    """All stages, in the order in which the net runs them."""
    readers: dict[str, list[Layer]] = {}
    for layer in anatomy.layers:
        for name in layer.inputs:
            readers.setdefault(name, []).append(layer)
    found = []
    for layer in anatomy.layers:
        if layer.call.function not in _WEIGHTED or not layer.output_shape or not layer.call.is_by_image:
            continue
        affine = output = layer
        while (after := _on_the_spot(output, readers)) is not None:
            if after.call.function == "batch_norm" and affine is output:
                affine = after
            output = after
        found.append(Stage(layer, affine, output, is_answer=output.name in anatomy.outputs))
    return tuple(found)


def filters(layer: Layer) -> Tensor | None:
    """The filters of a convolution: float (channels, channels in a group, K, K); None for any other layer.

    Those are the parameters; where a net's own code changes them before use, by a mask say, they are as they were
    before. None as well where it makes them of parameters of another shape, as the connection table of 1998 does.
    """
    if layer.call.function != "conv2d":
        return None
    shape = tuple(layer.call.arguments["weight"])
    return next((one.detach().cpu() for one in layer.call.parameters.values() if tuple(one.shape) == shape), None)


def is_map(layer: Layer) -> bool:
    """Whether a layer's output is (C, H, W) with more than one place."""
    is_maps = layer.call.is_by_image and layer.call.unit_dim == 1 and len(layer.output_shape) == 3
    return is_maps and prod(layer.output_shape[1:]) > 1


def last_maps(anatomy: Anatomy) -> Layer | None:
    """The last maps that are no pool's: the layer where Grad-CAM looks. None for a net without maps."""
    with_maps = [
        layer
        for layer in anatomy.layers
        if is_map(layer) and (layer.call.function in VALUE_BY_VALUE or layer.call.function in _WEIGHTED)
    ]
    return with_maps[-1] if with_maps else None


def last_hidden(anatomy: Anatomy) -> str | None:
    """The layer whose values the answer is made from; None where that is the image, or cannot be told."""
    found = stages(anatomy)
    if not found:
        return None
    name = found[-1].weighted.inputs[0] if found[-1].is_answer else found[-1].output.name
    return None if name == "input" else name


def _on_the_spot(layer: Layer, readers: dict[str, list[Layer]]) -> Layer | None:
    """The one layer that reads this one, if it works value by value on it alone."""
    after = readers.get(layer.name, [])
    if len(after) != 1 or after[0].inputs != (layer.name,) or after[0].output_shape != layer.output_shape:
        return None
    return after[0] if after[0].call.function in VALUE_BY_VALUE else None
