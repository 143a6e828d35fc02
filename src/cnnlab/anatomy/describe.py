"""A net's anatomy: every layer with its shape, parameters, multiply-adds, memory and receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from numbers import Integral
from typing import Any

from torch import nn

from cnnlab.anatomy import arithmetic
from cnnlab.anatomy.batch import fits, for_one_image
from cnnlab.anatomy.field_rules import field_after
from cnnlab.anatomy.fields import Axis, Field, field_of_image, field_of_nothing, is_rectangle
from cnnlab.anatomy.lazy import with_parameters
from cnnlab.anatomy.walk import BATCH, Call, name_calls, walk
from cnnlab.errors import UserError
from cnnlab.given_kinds import given_net

#: A number for both axes where they agree, else (rows, columns); None where units differ.
PerAxis = int | None | tuple[int | None, int | None]


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels that a layer's units depend on.

    The unit in row i sees the rows start + i · jump … start + i · jump + size - 1, as far as they lie in the image;
    columns likewise. Where all units see the same pixels jump is 0. kind: "exact" where every unit sees those
    pixels and no others; "upper bound" where some see fewer (gaps left by dilation, branches that meet crosswise,
    channels of different fields side by side) or what the layer does is not known.
    """

    size: PerAxis
    jump: PerAxis
    start: PerAxis
    kind: str


@dataclass(frozen=True)
class Layer:
    """One layer: a module of PyTorch's, or a function that the net's own code calls.

    name: the module's path, or the function after the path of the module that calls it. type: `Conv2d`, or `relu` for a
    function. inputs: names of the layers it reads, "input" for the image. input_shapes, output_shape: (C, H, W) or
    (values,), without the batch; windows that are folded into the batch stand first. parameters: those first used here
    (`shared`: names of layers that brought the rest). macs: multiply-adds for one image. activation_bytes: new memory
    for one image's output; 0 where the output is a view of the input. dense_equivalent_parameters: of one dense layer,
    biases included, between the same two shapes. size_arithmetic, field_arithmetic: formulas filled in, rows, then
    columns where they differ. parameters_arithmetic, macs_arithmetic: formulas filled in.
    """

    name: str
    type: str
    inputs: tuple[str, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    activation_bytes: int
    receptive_field: ReceptiveField
    dense_equivalent_parameters: int
    size_arithmetic: tuple[str, ...]
    field_arithmetic: tuple[str, ...]
    parameters_arithmetic: str | None
    macs_arithmetic: str | None
    shared: tuple[str, ...]
    field: Field
    call: Call

    def to_json(self) -> dict[str, Any]:
        """The layer as plain values."""
        field = self.receptive_field
        return {
            "name": self.name,
            "type": self.type,
            "inputs": list(self.inputs),
            "output_shape": list(self.output_shape),
            "parameters": self.parameters,
            "macs": self.macs,
            "activation_bytes": self.activation_bytes,
            "receptive_field": {
                "size": _plain(field.size),
                "jump": _plain(field.jump),
                "start": _plain(field.start),
                "kind": field.kind,
            },
            "dense_equivalent_parameters": self.dense_equivalent_parameters,
            "size_arithmetic": list(self.size_arithmetic),
            "field_arithmetic": list(self.field_arithmetic),
            "parameters_arithmetic": self.parameters_arithmetic,
            "macs_arithmetic": self.macs_arithmetic,
            "shared": list(self.shared),
        }


@dataclass(frozen=True)
class Anatomy:
    """A net taken apart.

    input: (C, H, W). parameters: of the whole net, each once, trained or not. macs: multiply-adds for one image.
    unused_parameters: names of those that no layer uses on its way from the image. outputs: names of the layers whose
    results the net returns. notes: what could not be seen and why.
    """

    net: str
    input: tuple[int, ...]
    parameters: int
    trained_parameters: int
    macs: int
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    unused_parameters: tuple[str, ...]
    notes: tuple[str, ...]

    def layer(self, name: str) -> Layer:
        """The layer of that name. Raises KeyError."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """The anatomy as plain values: the document of `cnnlab describe --json`."""
        return {
            "net": self.net,
            "input": list(self.input),
            "parameters": self.parameters,
            "trained_parameters": self.trained_parameters,
            "macs": self.macs,
            "macs_convention": arithmetic.CONVENTION,
            "layers": [layer.to_json() for layer in self.layers],
            "outputs": list(self.outputs),
            "unused_parameters": list(self.unused_parameters),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        head = ("layer", "type", "output", "parameters", "multiply-adds", "field")
        rows = [
            (
                layer.name,
                layer.type,
                "×".join(map(str, layer.output_shape)) or "1",
                f"{layer.parameters:,}",
                f"{layer.macs:,}",
                field_text(layer.receptive_field),
            )
            for layer in self.layers
        ]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if i < 3 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in [head, *rows]
        ]
        total = f"{self.parameters:,} parameters, {self.macs:,} multiply-adds"
        return "\n".join([f"{self.net} on {'×'.join(map(str, self.input))}: {total}", *lines])


def describe(net: nn.Module, input_shape: tuple[int, int, int] = (1, 28, 28)) -> Anatomy:
    """Take a net apart: shapes, parameters, multiply-adds, memory and receptive fields of all that it executes.

    A copy of the net runs once, in eval mode, on two random images of `input_shape` (C, H, W); the net and all random
    states stay as they were. Raises UserError where the images do not fit, naming the layer.
    """
    if not isinstance(input_shape, Sequence) or not all(isinstance(size, Integral) for size in input_shape):
        raise UserError(f"input_shape: got {input_shape!r}; expected whole numbers (C, H, W), such as (1, 28, 28)")
    net = with_parameters(given_net(net), input_shape)
    trace = walk(net, input_shape)
    calls, named = trace.calls, name_calls(trace.calls)
    _settle_batches(net, input_shape, calls)
    names = [name for name, _ in named]
    fields: dict[int, Field] = {-1: field_of_image(input_shape[1], input_shape[2])}
    owners: dict[str, str] = {}
    layers = []
    leads_on = _leads_to(trace.outputs, calls)
    for i, (call, (name, kind)) in enumerate(zip(calls, named, strict=True)):
        fields[i] = (
            field_after(call, [fields[source] for source in call.inputs])
            if call.inputs
            else field_of_nothing(fields[-1])
        )
        new = {key: tensor for key, tensor in call.parameters.items() if key not in owners}
        shared = tuple(dict.fromkeys(owners[key] for key in call.parameters if key in owners))
        owners |= dict.fromkeys(new, name)
        inputs = tuple("input" if source < 0 else names[source] for source in call.inputs)
        before = fields[call.inputs[0]] if call.inputs else fields[i]
        if (
            i in leads_on or call.parameters or not call.inputs
        ):  # the rest is only looked at by the net's own code, in an `if` say
            layers.append(_layer(call, name, kind, inputs, before, fields[i], new, shared))
    all_parameters = dict(net.named_parameters())
    return Anatomy(
        net=type(net).__name__,
        input=tuple(input_shape),
        parameters=sum(parameter.numel() for parameter in all_parameters.values()),
        trained_parameters=sum(parameter.numel() for parameter in all_parameters.values() if parameter.requires_grad),
        macs=sum(layer.macs for layer in layers),
        layers=tuple(layers),
        outputs=tuple("input" if i < 0 else names[i] for i in trace.outputs),
        unused_parameters=tuple(name for name in all_parameters if name not in owners),
        notes=(*trace.notes, *_unused_results(calls, names, leads_on)),
    )


def _settle_batches(net: nn.Module, input_shape: tuple[int, ...], calls: list[Call]) -> None:
    """Where a first dimension is not the batch, a run on one image more tells where that is."""
    if all(call.inputs and fits((*call.whole_input_shapes, call.whole_shape), call.images) for call in calls):
        return
    images = BATCH + 1
    again = walk(net, input_shape, batch=images).calls
    if [call.function for call in again] != [call.function for call in calls]:
        return
    for call, other in zip(calls, again, strict=True):
        if not call.inputs and other.whole_shape != call.whole_shape:  # the same for each image of the batch
            call.images, call.flop = BATCH, call.flop // BATCH
        if len(other.whole_input_shapes) == len(call.whole_input_shapes) and call.images == BATCH:
            call.output_shape = for_one_image(call.whole_shape, call.images, other.whole_shape, images)
            call.input_shapes = tuple(
                for_one_image(shape, call.images, other_shape, images)
                for shape, other_shape in zip(call.whole_input_shapes, other.whole_input_shapes, strict=True)
            )


def _leads_to(outputs: tuple[int, ...], calls: list[Call]) -> set[int]:
    """Indices of the calls that the net's answer depends on; all of them where the answer's way was lost."""
    if not outputs:
        return set(range(len(calls)))
    reached, waiting = set(), [i for i in outputs if i >= 0]
    while waiting:
        i = waiting.pop()
        if i not in reached:
            reached.add(i)
            waiting.extend(source for source in calls[i].inputs if source >= 0)
    return reached


def _unused_results(calls: list[Call], names: list[str], leads_on: set[int]) -> list[str]:
    unused = [name for i, name in enumerate(names) if i not in leads_on and calls[i].parameters and calls[i].inputs]
    return [f"computed, but the net's answer does not depend on it: {', '.join(unused)}"] if unused else []


def field_text(field: ReceptiveField) -> str:
    """`14×14`, `≤ 5×5` for an upper bound, `varies` where units differ."""
    rows, columns = field.size if isinstance(field.size, tuple) else (field.size, field.size)
    if rows is None or columns is None:
        return "varies"
    return f"{'' if field.kind == 'exact' else '≤ '}{rows}×{columns}"


def _layer(
    call: Call,
    name: str,
    kind: str,
    inputs: tuple[str, ...],
    before: Field,
    field: Field,
    new: dict[str, Any],
    shared: tuple[str, ...],
) -> Layer:
    sizes = (arithmetic.output_side(call, side) for side in (0, 1))
    field_sizes = (
        arithmetic.field_side(call, before.rows, field.rows),
        arithmetic.field_side(call, before.columns, field.columns),
    )
    parameters, macs = arithmetic.parameters(call, new), arithmetic.multiply_adds(call)
    return Layer(
        name=name,
        type=kind,
        inputs=inputs,
        input_shapes=call.input_shapes,
        output_shape=call.output_shape,
        parameters=parameters.value,
        macs=macs.value,
        activation_bytes=0 if call.is_view else prod(call.output_shape) * call.element_bytes,
        receptive_field=_receptive_field(field),
        dense_equivalent_parameters=arithmetic.dense_equivalent(call).value,
        size_arithmetic=tuple(dict.fromkeys(text for text in sizes if text)),
        field_arithmetic=tuple(dict.fromkeys(text for text in field_sizes if text)),
        parameters_arithmetic=parameters.arithmetic,
        macs_arithmetic=macs.arithmetic,
        shared=shared,
        field=field,
        call=call,
    )


def _receptive_field(field: Field) -> ReceptiveField:
    (size, jump, start), (width, jump_x, start_x) = _figures(field.rows), _figures(field.columns)
    is_exact = field.is_exact and not field.differs_along and is_rectangle(field.rows) and is_rectangle(field.columns)
    return ReceptiveField(
        size=size if size == width else (size, width),
        jump=jump if jump == jump_x else (jump, jump_x),
        start=start if start == start_x else (start, start_x),
        kind="exact" if is_exact else "upper bound",
    )


def _figures(axis: Axis) -> tuple[int | None, int | None, int | None]:
    """Size, jump and start; where units differ, the widest stretch of pixels and no jump."""
    if axis.size is not None:
        return axis.size, axis.jump, axis.start
    widths = [int(pixels[-1] - pixels[0] + 1) if len(pixels := row.nonzero()[0]) else 0 for row in axis.seen]
    first = axis.seen[0].nonzero()[0]
    return max(widths), None, int(first[0]) if len(first) else 0


def _plain(value: PerAxis) -> Any:
    return list(value) if isinstance(value, tuple) else value
