"""From a name or a user's file to a net that fits the data."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from cnnlab.config import NetSpec
from cnnlab.errors import UserError, nearest
from cnnlab.nets.convnet import ConvNet
from cnnlab.nets.fit import require_logits
from cnnlab.nets.lenet import LeNet5
from cnnlab.nets.mlp import MLP
from cnnlab.nets.simple_cnn import SimpleCNN
from cnnlab.own_code import load_module, loaded_code, own_mistakes


def lenet5_1998(in_channels: int = 1, image_size: int = 28, num_classes: int = 10) -> LeNet5:
    """LeNet-5 with all four parts of the original in place."""
    return LeNet5(
        in_channels,
        image_size,
        num_classes,
        connections="table",
        subsampling="trainable",
        activation="scaled-tanh",
        output="rbf",
    )


NETS: dict[str, Callable[..., nn.Module]] = {
    "lenet5": LeNet5,
    "lenet5-1998": lenet5_1998,
    "simple-cnn": SimpleCNN,
    "mlp": MLP,
    "conv-net": ConvNet,
}


#: The most convolutions or dense layers, and the most parameters, that one of cnnlab's nets may have. Options and image
#: sizes come from run folders, too, and a lesson's nets have a hundredth of either.
MOST_LAYERS, MOST_PARAMETERS = 1_000, 100_000_000

#: What the data decide about every net.
_GIVEN = ("in_channels", "image_size", "num_classes")


def build_net(
    spec: NetSpec,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    own_code: str | None = None,
    needs_logits: bool = True,
) -> nn.Module:
    """Make the net that `spec` names, for images of `image_shape` (C, H, W), with initial weights from `seed`.

    The process's random state is left as it was. own_code: the `file.py:ClassName` that the user named on the command
    line just now; a spec that names a file is only run when it is equal to it, so that no run folder can bring code
    along. What it names may be a class, a function that returns a net, or a net; class and function get those of
    `in_channels`, `image_size` and `num_classes` that they name.
    needs_logits: check that a net of the user's answers such images with `num_classes` logits.

    Raises UserError for an unknown net, an option the net does not have, a file or class that cannot be loaded, one of
    cnnlab's nets that would be too large, and a net whose forward does not turn such images into `num_classes` logits;
    OwnCodeError where a user's own code raises.
    """
    given = _given(image_shape, num_classes)
    if is_own(spec.name):
        if own_code != spec.name:
            raise UserError(
                f"this run's net is {spec.name}, a file of its author's; a run folder's code is never run by itself: "
                f"name it with --net {spec.name} if you trust it"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # a net that the file itself makes has its weights from here
            make = _load_maker(spec.name)
        accepted = inspect.signature(make).parameters
        given = {name: value for name, value in given.items() if name in accepted}
        takes = set(accepted) - set(_GIVEN)
    else:
        outline(spec, image_shape=image_shape, num_classes=num_classes)
        takes = options_of(spec.name)
        make = NETS[spec.name]
    _require_options(spec, takes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _made(spec, make, given)
        if is_own(spec.name) and needs_logits:
            require_logits(net, spec.name, image_shape, num_classes)
    return net


def outline(spec: NetSpec, *, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    """One of cnnlab's nets without its numbers: names, shapes and types of its tensors, which take no memory.

    Raises UserError as `build_net` does, and where the net would be too large.
    """
    _require_options(spec, options_of(spec.name))
    several = [len(value) for value in spec.options.values() if isinstance(value, tuple)]
    each = spec.options.get("convs_per_block", 1)
    layers = max(several, default=1) * (each if isinstance(each, int) else 1)
    if layers > MOST_LAYERS:
        raise UserError(
            f"{spec.name}: got options for {layers:,} layers; expected at most {MOST_LAYERS:,}: choose fewer"
        )
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        net = _made(spec, NETS[spec.name], _given(image_shape, num_classes))
    count = sum(value.numel() for value in net.state_dict().values())
    if count > MOST_PARAMETERS:
        raise UserError(
            f"{spec.name}: {count:,} parameters on images of {'×'.join(map(str, image_shape))}; expected at most "
            f"{MOST_PARAMETERS:,}: choose smaller images or narrower layers"
        )
    return net


def _given(image_shape: tuple[int, int, int], num_classes: int) -> dict[str, Any]:
    channels, height, width = image_shape
    return {
        "in_channels": channels,
        "image_size": height if height == width else (height, width),
        "num_classes": num_classes,
    }


def _require_options(spec: NetSpec, takes: set[str]) -> None:
    for option in spec.options:
        if option not in takes:
            listing = ", ".join(sorted(takes)).replace("_", "-") or "none"
            raise UserError(f"{spec.name} has no option {option.replace('_', '-')}; it takes: {listing}")


def _made(spec: NetSpec, make: Callable[..., nn.Module], given: dict[str, Any]) -> nn.Module:
    try:
        inspect.signature(make).bind(**given, **spec.options)
    except TypeError as error:
        raise _unbound(spec, make, given, error) from error
    try:
        with own_mistakes():
            net = make(**given, **spec.options)
    except UserError:
        raise
    except Exception as error:
        said = str(error).partition("\n")[0]  # PyTorch's own go on with a trace of C++
        raise UserError(f"{spec.name}: building the net failed: {type(error).__name__}: {said}") from error
    if not isinstance(net, nn.Module):
        raise UserError(
            f"{spec.name}: it returned {'nothing' if net is None else type(net).__name__}; expected a torch.nn.Module: "
            "let the function return the net"
        )
    return net


def options_of(name: str) -> set[str]:
    """The options that a net can be given, by the names of its constructor's keywords; none of a user's own net.

    Raises UserError for an unknown net, with the nearest name.
    """
    if is_own(name):
        return set()
    if name not in NETS:
        raise UserError(f"unknown net {name}; {nearest(name, NETS)}, or path/to/file.py:ClassName for your own")
    return set(inspect.signature(NETS[name]).parameters) - set(_GIVEN)


def kind_of(name: str, option: str) -> Any:
    """The kind of an option of one of cnnlab's nets, as its constructor has it; a tuple where it takes a sequence."""
    kind = inspect.signature(NETS[name], eval_str=True).parameters[option].annotation
    return tuple[int, ...] if kind == Sequence[int] else kind


def is_own(name: str) -> bool:
    """Whether a net's name is a user's `path/to/file.py:ClassName`."""
    return ".py:" in name


def net_code(name: str) -> dict[str, str]:
    """File → SHA-256 of the code that makes a user's own net: its file and those that it imports from beside it.

    As they were when they were last loaded in this process, else as they are now. Empty for cnnlab's own nets, whose
    code is cnnlab's version. Raises UserError when there is no such file.
    """
    return loaded_code(name.rpartition(":")[0]).hashes if is_own(name) else {}


def parameter_count(net: nn.Module) -> int:
    """The number of trained parameters."""
    return sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad)


def _unbound(spec: NetSpec, make: Callable[..., nn.Module], given: dict[str, Any], error: TypeError) -> UserError:
    """What to tell a user whose net needs more than it gets."""
    missing = [
        name
        for name, one in inspect.signature(make).parameters.items()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        if name not in given and name not in spec.options
    ]
    if not (missing and is_own(spec.name)):
        return UserError(f"{spec.name}: building the net failed: TypeError: {error}")
    return UserError(
        f"{spec.name}: building the net needs {', '.join(missing)}; expected a value for each: add "
        f"{' '.join(f'--net-option {name}=VALUE' for name in missing)}, or write a function that returns the net and "
        "name that"
    )


def _load_maker(name: str) -> Callable[..., nn.Module]:
    """What makes the net that a user's `file.py:Name` stands for: a class, a function, or a net as it lies there."""
    path_text, _, wanted = name.rpartition(":")
    module = load_module(path_text)
    found: Any = getattr(module, wanted, None)
    if isinstance(found, nn.Module):
        return lambda: found
    if inspect.isclass(found) and issubclass(found, nn.Module):
        return found
    if callable(found) and not inspect.isclass(found):
        return found
    classes = [
        key
        for key, value in vars(module).items()
        if isinstance(value, nn.Module) or (inspect.isclass(value) and issubclass(value, nn.Module))
    ]
    raise UserError(
        f"{path_text}: no class {wanted} that is a torch.nn.Module, nor a function or a net of that name; "
        + (nearest(wanted, classes) if classes else "the file has none: derive your class from nn.Module")
    )
