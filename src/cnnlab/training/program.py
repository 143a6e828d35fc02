"""One program for several nets of one kind: their parameters and their images, stacked, in; answers out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from cnnlab.config import Training
from cnnlab.data.imageset import ImageSet
from cnnlab.net_copy import copied
from cnnlab.nets.answers import main_answer
from cnnlab.training.execution import Crop, quick_view
from cnnlab.training.machine import random_state, resolve_device, resolve_precision, set_random_state
from cnnlab.training.stack import Stack
from cnnlab.training.state import derived_seed, start

Tensors = Mapping[str, Tensor]


class Program:
    """A net as a function of S seeds' parameters and images at once, by `torch.func.vmap`.

    Convolutions become grouped ones, dense layers batched products; batch norm keeps each seed's own statistics, in
    the stacked buffers. What dropout multiplies by is drawn outside, for every seed just as it would be alone.
    """

    def __init__(self, net: nn.Module) -> None:
        net = copied(net)
        self._tape = _Tape()
        for module in list(net.modules()):
            for name, child in module._modules.items():
                if type(child) is nn.Dropout:
                    module._modules[name] = _TapedDropout(child.p, self._tape)
        for module in net.modules():
            if _asks_for_layout(module):
                module.forward = partial(_normalised, module)
        #: Whether numbers are drawn for each seed at every step.
        self.has_dropout = any(isinstance(module, _TapedDropout) and module.p > 0 for module in net.modules())
        self._net = quick_view(net, fused=False).train()
        self._calls: dict[tuple[int, ...], list[_Call]] = {}

    def __call__(
        self, parameters: Tensors, buffers: Tensors, images: Tensor, masks: Sequence[Tensor], crop: Crop | None = None
    ) -> Tensor:
        """Images (S, N, C, H, W) → logits (S, N, classes), in training mode; masks: of `draw_masks`."""

        def one(parameters: Tensors, buffers: Tensors, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
            self._tape.masks = iter(masks)
            return self._forward(parameters, buffers, images, crop)

        return vmap(one)(parameters, buffers, images, tuple(masks))

    def draw_masks(self, stack: Stack, images: Tensor, crop: Crop | None = None) -> list[Tensor]:
        """What each dropout layer will multiply by, (S, …) a call, drawn for every seed from its own random state.

        A seed's `dropout_random` moves on as it does when it is trained alone: the same calls in the same order, on
        tensors of the same shape and memory format. Draws from the process's state, so call it inside a fork of it.
        """
        calls = self._dropout_calls(stack, images, crop)
        if not calls:
            return []
        drawn = []
        for state in stack.states:
            assert state.dropout_random is not None
            set_random_state(state.device, state.dropout_random)
            drawn.append([call.draw(state.device) for call in calls])
            state.dropout_random = random_state(state.device)
        return [torch.stack(of_call) for of_call in zip(*drawn, strict=True)]

    def _dropout_calls(self, stack: Stack, images: Tensor, crop: Crop | None) -> list[_Call]:
        """Which dropout runs on what, found by one forward pass of the first net for every shape of images."""
        shape = tuple(images.shape[1:])
        if shape not in self._calls:
            self._tape.masks, self._tape.calls = None, []
            first = {name: value[0] for name, value in stack.parameters.items()}
            own_buffers = {name: value[0].clone() for name, value in stack.buffers.items()}
            with torch.no_grad():
                self._forward(first, own_buffers, images[0], crop)
            self._calls[shape] = self._tape.calls
        return self._calls[shape]

    def _forward(self, parameters: Tensors, buffers: Tensors, images: Tensor, crop: Crop | None) -> Tensor:
        if crop is not None:
            parameters = {**parameters, crop.weight: crop.columns(parameters[crop.weight])}
        return main_answer(functional_call(self._net, ({**parameters}, {**buffers}), (images,)))


def why_alone(net: nn.Module, data: ImageSet, training: Training) -> str | None:
    """Why seeds of a net must be trained one by one; None where one program gives what the net gives.

    Found by trying: two seeds on a few images each, against the net itself. The net and the process's random state
    stay as they were.
    """
    if training.patience is not None:
        return "each may stop early (patience)"
    images = data.train.images[:16].float() / 255
    if len(images) < 2:
        return "there is one training image"
    try:
        off = _difference(net, images[: len(images) // 2 * 2].unflatten(0, (2, -1)), training)
    except Exception as error:  # whatever it is: a net of the user's own may do anything
        return f"torch.func.vmap cannot run it ({' '.join(str(error).split())[:100]})"
    is_fp32 = resolve_precision(training.precision, resolve_device(training.device)) == torch.float32
    if not off <= (1e-3 if is_fp32 else 0.1):
        return f"together it gives other answers (by {off:.1%})"
    return None


def _difference(net: nn.Module, images: Tensor, training: Training) -> float:
    """How far answers to images (2, N, C, H, W) together are from answers alone, as a share of the largest."""
    states = [start(copied(net), training, seed=seed) for seed in (0, 1)]
    device, dtype = states[0].device, states[0].dtype
    images = images.to(device)
    with (
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16),
    ):
        alone = []
        for state, own in zip(states, images, strict=True):
            torch.manual_seed(derived_seed(state.seed, "dropout", 0))
            state.dropout_random = random_state(device)
            alone.append(main_answer(copied(state.net).train()(own)))
        stack, program = Stack(states, training), Program(net)
        together = program(stack.parameters, stack.buffers, images, program.draw_masks(stack, images))
    together.float().sum().backward()
    expected = torch.stack(alone).detach().float()
    return float((together.detach().float() - expected).abs().max() / expected.abs().max().clamp(min=1e-6))


def _asks_for_layout(module: nn.Module) -> bool:
    """Whether it is a batch norm whose kernels on CUDA want to know the layout in memory, which vmap does not say."""
    if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return False
    is_whole = module.affine and module.track_running_stats and module.momentum is not None
    return is_whole and module.weight.is_cuda


def _normalised(norm: Any, x: Tensor) -> Tensor:
    """What a batch norm gives in training, (N, C) or (N, C, H, W), by sums and products; it counts the batch.

    In its parameters' precision, as the layer's own kernels compute.
    """
    dims = [0, *range(2, x.dim())]
    wide = x.to(norm.weight.dtype)
    var, mean = torch.var_mean(wide, dims, correction=0)
    m = x.numel() // x.shape[1]
    with torch.no_grad():
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        for running, of_batch in ((norm.running_mean, mean), (norm.running_var, var * (m / max(m - 1, 1)))):
            running.mul_(1 - norm.momentum).add_(of_batch, alpha=norm.momentum)
    scale = norm.weight * torch.rsqrt(var + norm.eps)
    form = (1, -1, *[1] * (x.dim() - 2))
    return (wide * scale.view(form) + (norm.bias - mean * scale).view(form)).to(x.dtype)


@dataclass(frozen=True)
class _Call:
    """A run of a dropout layer: its rate, and the tensor that it saw."""

    p: float
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype

    def draw(self, device: torch.device) -> Tensor:
        """0 or 1/(1-p) for every number, from the process's random state."""
        ones = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=device).fill_(1)
        return F.dropout(ones, self.p)


@dataclass
class _Tape:
    """What the dropout layers of one forward pass multiply by, in the order in which they run; None: take notes."""

    masks: Iterator[Tensor] | None = None
    calls: list[_Call] = field(default_factory=list)


class _TapedDropout(nn.Module):
    """Dropout by a mask that was drawn before."""

    def __init__(self, p: float, tape: _Tape) -> None:
        super().__init__()
        self.p, self.tape = p, tape

    def forward(self, x: Tensor) -> Tensor:
        if self.p == 0:  # torch draws nothing then
            return x
        if self.tape.masks is None:
            self.tape.calls.append(_Call(self.p, tuple(x.shape), x.stride(), x.dtype))
            return x
        return x * next(self.tape.masks)
