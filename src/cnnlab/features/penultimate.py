"""What a net answers to images, and the features that its last linear layer makes the answer from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.data.normalise import normalise
from cnnlab.evaluation import eval_mode, logits
from cnnlab.net_copy import copied

#: Images that tell which layer makes the answer: one alone takes one way through a net that has several.
TRIED = 8

#: Features that are taken, evenly spaced where a layer has more.
MOST_FEATURES = 1024


def answers_and_features(
    net: nn.Module, images: Tensor, *, mean: Sequence[float], std: Sequence[float]
) -> tuple[Tensor, Tensor | None]:
    """What the net answers, float32 (N, classes), and the input of its last linear layer, float32 (N, D), on the CPU.

    images: uint8 (N, C, H, W). The features are None where the answer has the form of no `torch.nn.Linear`'s result, as
    in a net that ends in a pooling, and where the layer's input has no row for each image, as in a mixture of experts;
    of more than MOST_FEATURES, that many evenly spaced. A copy of the net runs in eval mode; the net and all random
    states stay as they were.
    """
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        twin = copied(net)
        layer = _last_linear(twin, normalise(images[:TRIED].to(device), mean, std))
        if layer is None:
            return logits(twin, images, mean=mean, std=std), None
        taken: list[Tensor] = []

        def take(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
            taken.append((args[0] if args else named["input"]).detach().float().cpu())

        layer.register_forward_pre_hook(take, with_kwargs=True)
        features: Tensor | None = None

        def keep(part: slice) -> None:
            nonlocal features
            found = at_most(taken[-1]) if taken else None  # the last: before the first, one tries how images are stored
            taken.clear()
            if part.start == 0 and found is not None:  # in one block, as the answers are
                features = torch.empty(len(images), *found.shape[1:])
            if features is not None and found is not None and found.shape == features[part].shape:
                features[part] = found
            else:
                features = None  # it takes other ways for other images

        answers = logits(twin, images, mean=mean, std=std, after=keep)
        return answers, features


def features_layer(net: nn.Module, image: Tensor, *, mean: Sequence[float], std: Sequence[float]) -> str | None:
    """The path of the linear layer whose input are the features that `answers_and_features` gives; None for none.

    image: uint8 (1, C, H, W). The net and all random states stay as they were.
    """
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        twin = copied(net)
        layer = _last_linear(twin, normalise(image.to(device), mean, std))
    return None if layer is None else next(path for path, module in twin.named_modules() if module is layer)


def at_most(features: Tensor) -> Tensor:
    """The features that are taken of all of them, float (N, D)."""
    width = features.shape[1]
    return features if width <= MOST_FEATURES else features[:, torch.arange(MOST_FEATURES) * width // MOST_FEATURES]


def _last_linear(net: nn.Module, image: Tensor) -> nn.Linear | None:
    """The linear layer that ran last with a result of the answer's form, from features (N, D); None for none."""
    ran: list[tuple[nn.Module, torch.Size]] = []

    def note(module: nn.Module, _: tuple[Any, ...], result: Tensor) -> None:
        ran.append((module, result.shape))

    handles = [module.register_forward_hook(note) for module in net.modules() if isinstance(module, nn.Linear)]
    try:
        with eval_mode(net):
            answer = net(image)
    finally:
        for handle in handles:
            handle.remove()
    fitting = [module for module, shape in ran if len(shape) == 2 and shape == answer.shape]
    return fitting[-1] if fitting and isinstance(fitting[-1], nn.Linear) else None
