"""Whether a quicker way to compute a net computes what the net computes: tried on a few images, not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnnlab.net_copy import copied
from cnnlab.nets.answers import main_answer

#: A net and images (N, C, H, W) → logits (N, classes).
Forward = Callable[[nn.Module, Tensor], Tensor]

#: Largest difference, as a share of the largest number of its kind: above rounding, far below another function.
#: float32 is for nets that cannot run in float64.
TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4}


def same_function(net: nn.Module, images: Tensor, plain: Forward, quicker: Forward) -> bool:
    """Whether `quicker` gives what `plain` gives on images (N, C, H, W), in training mode with dropout off.

    Compared are answers, the gradients of all parameters, and buffers afterwards, such as running averages. False,
    too, where either raises. Each runs on a copy of the net, from the same random state: net, modes, gradients and
    the process's random state stay as they were. Answers alone come first: most that differs, differs there.
    """
    for dtype, tolerance in TOLERANCES.items():
        try:
            return all(
                _differ_by(*(_outcome(net, images, forward, dtype, backwards) for forward in (plain, quicker)))
                <= tolerance
                for backwards in (False, True)
            )
        except Exception:  # whatever it is: a net of the user's own may do anything
            continue
    return False


def _outcome(
    net: nn.Module, images: Tensor, forward: Forward, dtype: torch.dtype, backwards: bool
) -> list[list[Tensor]]:
    """Answers, buffers and, where wanted, gradients of a pass of a copy of the net: a list of each kind."""
    trial = copied(net).to(dtype).train()
    trial.zero_grad()
    devices = [images.device] if images.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), _NoDropout(), torch.set_grad_enabled(backwards):
        torch.manual_seed(0)
        answers = main_answer(forward(trial, images.to(dtype)))
        if backwards:
            weights = torch.linspace(-1, 2, answers.numel(), dtype=answers.dtype, device=answers.device)
            (answers * weights.view_as(answers)).sum().backward()
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in trial.parameters()]
    return [[answers.detach()], [buffer.double() for buffer in trial.buffers()], gradients]


def _differ_by(expected: list[list[Tensor]], got: list[list[Tensor]]) -> float:
    """The largest difference, each kind's as a share of its largest number; infinite where something is not finite."""
    largest = 0.0
    for kind, of_kind in zip(expected, got, strict=True):
        scale = max((float(value.abs().max()) for value in kind if value.numel()), default=0.0)
        for value, other in zip(kind, of_kind, strict=True):
            if value.shape != other.shape:
                return float("inf")
            off = float((value - other).abs().max()) if value.numel() else 0.0
            share = off / scale if off else 0.0
            largest = max(largest, share if share == share else float("inf"))
    return largest


_DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout}


class _NoDropout(TorchFunctionMode):
    """Dropout hands on what it gets: masks for maps of two sizes could not be the same."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DROPOUTS:
            return args[0] if args else kwargs["input"]
        return func(*args, **kwargs)
