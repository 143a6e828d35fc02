"""A net that the page trains: its layers as the explorer's, its tensors by PyTorch's names, and how these begin."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from cnnlab.anatomy import Layer
from cnnlab.config import NetSpec
from cnnlab.errors import UserError
from cnnlab.explorer.translation import TranslatedLayer, translate
from cnnlab.nets.convnet import ConvNet
from cnnlab.nets.resolve import build_net, is_own, options_of
from cnnlab.playground.settings import camel_case

#: The nets of the page, as it names them to the reader.
TITLES = {"lenet5": "LeNet-5", "simple-cnn": "SimpleCNN", "mlp": "MLP", "conv-net": "ConvNet"}

#: What conv-net begins as. Its own defaults are SimpleCNN, which stands beside it; this half of it trains quicker.
BEGINNING = {"widths": (16, 32)}

#: Batch norm's share of the new statistics in its running ones: PyTorch's default, the only one that the page knows.
MOMENTUM = 0.1


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor of a net by the name that PyTorch's state_dict has for it.

    at: its place in the net's block of float32 numbers. role: "parameter", which is trained, or "buffer", a running
    mean or variance. initial: what it begins as: {"kind": "uniform", "bound": b}, drawn from -b … b, or
    {"kind": "constant", "value": v}.
    """

    name: str
    at: int
    shape: tuple[int, ...]
    role: str
    initial: dict[str, Any]

    def to_page(self) -> dict[str, Any]:
        """The tensor as plain values."""
        return {
            "name": self.name,
            "at": self.at,
            "shape": list(self.shape),
            "role": self.role,
            "initial": self.initial,
        }


@dataclass(frozen=True)
class PlannedNet:
    """A net of the page. spec: by which cnnlab builds it. module: it, with the weights that it was planned with.

    dropout: the share of units that it turns off by itself. layers: the explorer's, each tensor as its place and shape.
    output: the name of the layer that answers. tensors: in the order in which PyTorch draws them.
    """

    spec: NetSpec
    module: nn.Module
    dropout: float
    layers: tuple[dict[str, Any], ...]
    output: str
    tensors: tuple[PlannedTensor, ...]

    @property
    def parameters(self) -> int:
        """The number of trained values."""
        return sum(math.prod(tensor.shape) for tensor in self.tensors if tensor.role == "parameter")

    def numbers(self) -> np.ndarray:
        """The net's block: all its tensors as they are, float32, one after the other."""
        state = self.module.state_dict()
        return np.concatenate([state[tensor.name].detach().cpu().float().numpy().ravel() for tensor in self.tensors])

    def to_page(self) -> dict[str, Any]:
        """The net as plain values, without its numbers."""
        name = self.spec.name
        return {
            "net": name,
            "title": TITLES.get(name, name),
            "options": _options(self.spec) | {"dropout": self.dropout},
            "dropout": self.dropout,
            "design": _design(self.spec) if name == "conv-net" else None,
            "parameters": self.parameters,
            "layers": list(self.layers),
            "output": self.output,
            "tensors": [tensor.to_page() for tensor in self.tensors],
            "counters": [name for name in self.module.state_dict() if name.endswith(".num_batches_tracked")],
        }


def plan_net(
    spec: NetSpec, image_shape: tuple[int, int, int], classes: int, *, weights: dict[str, Tensor] | None = None
) -> PlannedNet:
    """The net that `spec` names, for images (C, H, W), as the page trains it.

    weights: those of a run, to go on from. Raises UserError for a net of the user's own, for weights that do not fit,
    and where the page cannot train it, naming the layer.
    """
    if is_own(spec.name):
        raise UserError(
            f"the playground cannot train {spec.name}, a net of your own; expected one of {', '.join(TITLES)}: train "
            "it with cnnlab train"
        )
    if spec.name not in TITLES:
        options_of(spec.name)  # an unknown name is refused with the nearest one
        raise UserError(f"the playground cannot train {spec.name}; expected one of {', '.join(TITLES)}")
    module = build_net(spec, image_shape=image_shape, num_classes=classes, seed=0)
    planned = plan_module(module, spec, image_shape, classes)
    if weights is not None:
        module.load_state_dict(weights)
    return planned


def plan_module(module: nn.Module, spec: NetSpec, image_shape: tuple[int, int, int], classes: int) -> PlannedNet:
    """A net that was just built under the seed 0, as the page trains it; it is only read.

    Raises UserError where the page cannot train it, naming the layer.
    """
    translated = translate(module, image_shape, classes)
    if translated.anatomy.unused_parameters:
        raise _refused(spec, translated.anatomy.unused_parameters[0], "no layer on the way to the answer uses it")
    names = [_named(layer, module, spec) for layer in translated.layers]
    tensors = _tensors(module, spec)
    places = {tensor.name: tensor for tensor in tensors}
    layers = tuple(_placed(layer, its, places) for layer, its in zip(translated.layers, names, strict=True))
    answer = next(layer for layer in translated.layers if layer.layer.name == translated.output)
    if answer.operation["kind"] == "softmax":
        raise _refused(spec, translated.output, "the page's loss has its own softmax; expected logits")
    shares = {float(each.p) for each in module.modules() if isinstance(each, _DropoutNd)}
    if len(shares) > 1:
        raise _refused(spec, "dropout", f"its layers drop {sorted(shares)}; expected one share for all of them")
    return PlannedNet(spec, module, max(shares, default=0.0), layers, translated.output, tensors)


def _named(translated: TranslatedLayer, module: nn.Module, spec: NetSpec) -> dict[str, str]:
    """What a layer's operation calls its tensors → their names. Raises UserError where the page cannot train it."""
    layer, operation = translated.layer, translated.operation
    reason = _untrainable(layer, operation, module)
    if reason is not None:
        raise _refused(spec, layer.name, reason)
    of_parameters = {id(tensor): name for name, tensor in layer.call.parameters.items()}
    names = {}
    for key, value in operation.items():
        if isinstance(value, Tensor):
            running = {"mean": "running_mean", "variance": "running_var"}.get(key)
            name = of_parameters.get(id(value)) if running is None else f"{layer.call.module}.{running}"
            if name is None:
                raise _refused(spec, layer.name, f"its {key} is made from others; expected a parameter of the net")
            names[key] = name
    return names


def _placed(translated: TranslatedLayer, names: dict[str, str], places: dict[str, PlannedTensor]) -> dict[str, Any]:
    """A layer for the page, with places instead of tensors."""
    operation = dict(translated.operation)
    for key, name in names.items():
        operation[key] = {"at": places[name].at, "shape": list(places[name].shape)}
    if operation["kind"] == "batch_norm":
        operation["momentum"] = MOMENTUM
    return translated.to_page() | {"operation": operation}


def _untrainable(layer: Layer, operation: dict[str, Any], module: nn.Module) -> str | None:
    """Why the page cannot go back through a layer, or None."""
    kind = operation["kind"]
    if layer.shared:
        return f"it shares its weights with {layer.shared[0]}; expected weights of its own"
    if kind in ("linear", "reshape", "pool"):
        return None
    if kind == "conv":
        is_plain = operation["groups"] == 1 and operation["dilation"] == [1, 1]
        return None if is_plain else "its groups or dilation are not 1"
    if kind == "activation":
        return None if operation["function"] == "relu" else f"{operation['function']}; expected ReLU"
    if kind == "same":
        is_plain = "dropout" not in operation or (layer.call.is_module and layer.call.module_type == "Dropout")
        return None if is_plain else "expected nn.Dropout, which drops each unit by itself"
    if kind == "combine":
        is_sum = operation["by"] == "add" and all("layer" in each for each in operation["operands"])
        return None if is_sum else f"{operation['by']} is no sum of two layers"
    if kind == "batch_norm":
        norm = dict(module.named_modules()).get(layer.call.module)
        is_plain = isinstance(norm, _BatchNorm) and norm.affine and norm.momentum == MOMENTUM
        return None if is_plain else f"expected nn.BatchNorm2d with γ, β and a momentum of {MOMENTUM}"
    return f"{layer.call.function} is not one that the page can go back through"


def _tensors(module: nn.Module, spec: NetSpec) -> tuple[PlannedTensor, ...]:
    """All float tensors of a net that was just built under the seed 0, in the order in which they were drawn.

    A net may make its layers in another order than it holds them, so each draw is tried on those that are left.
    """
    state = module.state_dict()
    left = {path: begin for path, part in module.named_modules() if (begin := _beginnings(part))}
    planned, at = [], 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        while left:
            path = next((path for path, beginnings in left.items() if _is_drawn_next(state, path, beginnings)), None)
            if path is None:
                raise _refused(spec, next(iter(left)), "it does not begin as PyTorch's layers do by default")
            for name, initial in left.pop(path).items():
                name = f"{path}.{name}" if path else name
                if name in state:
                    _drawn(initial, state[name].shape)
                    role = "buffer" if ".running_" in name else "parameter"
                    planned.append(PlannedTensor(name, at, tuple(state[name].shape), role, initial))
                    at += state[name].numel()
    floats = [name for name, value in state.items() if value.is_floating_point()]
    others = set(floats) - {tensor.name for tensor in planned}
    if others:
        raise _refused(spec, min(others), "it belongs to no convolution, linear layer or batch norm")
    return tuple(planned)


def _beginnings(part: nn.Module) -> dict[str, dict[str, Any]]:
    """What the tensors of a layer begin as, in the order in which PyTorch draws them; none of other modules."""
    if isinstance(part, nn.Conv2d | nn.Linear):
        inputs = part.weight[0].numel()
        bounds = {"weight": _weight_bound(inputs), "bias": 1 / math.sqrt(inputs)}
        return {name: {"kind": "uniform", "bound": bound} for name, bound in bounds.items()}
    if isinstance(part, _BatchNorm):
        values = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
        return {name: {"kind": "constant", "value": value} for name, value in values.items()}
    return {}


def _is_drawn_next(state: dict[str, Tensor], path: str, beginnings: dict[str, dict[str, Any]]) -> bool:
    """Whether a layer's tensors are what the process's random state gives next; the state stays as it is."""
    named = {f"{path}.{name}" if path else name: initial for name, initial in beginnings.items()}
    with torch.random.fork_rng(devices=[]):
        return all(
            torch.equal(state[name], _drawn(initial, state[name].shape))
            for name, initial in named.items()
            if name in state
        )


def _weight_bound(inputs: int) -> float:
    """Up to where PyTorch draws a layer's weights: 1/√inputs, rounded as nn.init.kaiming_uniform_ comes to it."""
    return math.sqrt(3.0) * (nn.init.calculate_gain("leaky_relu", math.sqrt(5)) / math.sqrt(inputs))


def _drawn(initial: dict[str, Any], shape: torch.Size) -> Tensor:
    if initial["kind"] == "constant":
        return torch.full(shape, initial["value"])
    return torch.empty(shape).uniform_(-initial["bound"], initial["bound"])


def _options(spec: NetSpec) -> dict[str, Any]:
    """The options by which cnnlab builds the net; all of them of a conv-net, whose blocks are set in the page."""
    chosen = spec.model_dump(mode="json")["options"]
    if spec.name != "conv-net":
        return chosen
    parameters = inspect.signature(ConvNet).parameters
    defaults = {name: each.default for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in (defaults | chosen).items()}


def _design(spec: NetSpec) -> dict[str, Any]:
    """conv-net's options under the names of the page's form; dropout is a setting of its own there."""
    return {camel_case(name): value for name, value in _options(spec).items() if name != "dropout"}


def _refused(spec: NetSpec, layer: str, reason: str) -> UserError:
    return UserError(f"the playground cannot train {spec.name}: layer {layer}: {reason}; train it with cnnlab train")
