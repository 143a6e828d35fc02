"""A net as a list of layers that the page can compute, each reading layers before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from cnnlab.anatomy import Anatomy, Layer, describe
from cnnlab.errors import UserError
from cnnlab.explorer.operations import IMAGE, Operation, operation, sources, unknown


@dataclass(frozen=True)
class TranslatedLayer:
    """One layer: as anatomy saw it, and what the page computes for it."""

    layer: Layer
    operation: Operation

    @property
    def inputs(self) -> tuple[str, ...]:
        """The page's names of the layers that it reads."""
        return tuple(sources(self.layer).values())

    def to_page(self) -> dict[str, Any]:
        """The layer as plain values and tensors."""
        layer = self.layer
        return {
            "name": layer.name,
            "type": layer.type,
            "inputs": list(self.inputs),
            "shape": list(layer.output_shape),
            "parameters": layer.parameters,
            "size_arithmetic": list(layer.size_arithmetic),
            "window": _window(layer),
            "operation": self.operation,
        }


@dataclass(frozen=True)
class Translation:
    """The layers in an order in which each reads only earlier ones; `output`: the name of the one that answers."""

    layers: tuple[TranslatedLayer, ...]
    output: str
    anatomy: Anatomy


def translate(net: nn.Module, image_shape: tuple[int, int, int], classes: int) -> Translation:
    """Trace a net and translate it for the page.

    The net and all random states stay as they were. Raises UserError for a layer that the page does not know, by its
    name, and for a net that does not answer with one vector of `classes` values.
    """
    anatomy = describe(net, image_shape)
    by_name = {layer.name: layer for layer in anatomy.layers}
    if len(anatomy.outputs) != 1 or anatomy.outputs[0] not in by_name:
        raise UserError(
            f"{anatomy.net} returns {len(anatomy.outputs)} results that could be followed; expected one vector of "
            f"{classes} values: let its forward return the logits alone"
        )
    output = anatomy.outputs[0]
    if by_name[output].output_shape != (classes,):
        shape = "×".join(map(str, by_name[output].output_shape))
        raise UserError(f"{anatomy.net} answers with {shape}; expected a vector of {classes} values, one a class")
    needed = {output}
    for layer in reversed(anatomy.layers):
        if layer.name in needed:
            needed.update(set(sources(layer).values()) - {IMAGE})
    for name in needed:
        if name.startswith("."):
            raise unknown(
                by_name[name],
                "the page keeps names that begin with a dot for itself, as PyTorch's add_module refuses them",
            )
    layers = tuple(TranslatedLayer(layer, operation(layer)) for layer in anatomy.layers if layer.name in needed)
    return Translation(layers, output, anatomy)


def _window(layer: Layer) -> dict[str, list[int]] | None:
    """Where units' fields lie, the image's border left out of account: the first one's start, how far it is to the next
    one's, and their size, each for rows and columns. None where units differ.
    """
    axes = (layer.field.rows, layer.field.columns)
    if len(layer.output_shape) != 3 or [axis.dim for axis in axes] != [2, 3]:
        return None
    figures = {key: [getattr(axis, key) for axis in axes] for key in ("start", "jump", "size")}
    return None if any(None in both for both in figures.values()) else figures
