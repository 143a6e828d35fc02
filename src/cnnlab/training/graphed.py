"""A step of training as one CUDA graph.

A step of a small net is a hundred kernels of some microseconds each, and Python takes longer to launch them than the
GPU to compute them. A graph is launched as one (Ng et al. 2021, "Accelerating PyTorch with CUDA Graphs").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cnnlab.config import Training
from cnnlab.training.execution import Crop

#: A step in training: images uint8 (N, C, H, W), or (S·N, C, H, W) of S seeds, labels and what the net sees of them →
#: the loss and how many answers are right.
OneStep = Callable[[Tensor, Tensor, Crop | None], tuple[Tensor, Tensor]]

#: Steps of each shape that are made one kernel after another, before one is recorded: libraries choose their ways.
BEFORE = 3

#: Optimizers whose step can be recorded with a learning rate that moves.
_RECORDED = ("adam", "adamw")


def can_be_graphed(net: nn.Module, training: Training, device: torch.device) -> bool:
    """Whether every step of a training launches the same kernels: on CUDA, of layers by PyTorch and cnnlab alone.

    Code of the user's own may do another thing at every call, which a graph would not.
    """
    return (
        device.type == "cuda"
        and training.optimizer in _RECORDED
        and all(type(module).__module__.startswith(("torch.nn.", "cnnlab.nets.")) for module in net.modules())
        and not any(
            module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
            for module in net.modules()
        )
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give all parameters a learning rate, also where a graph reads it from the device."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


class Graphed:
    """A step that is recorded for each shape of batch and each crop once it was made a few times, and then repeated.

    What it gives is overwritten by the next call. The optimizer takes its learning rate from the device from now on.
    """

    def __init__(self, step: OneStep, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self._step, self._device = step, device
        self._made: dict[tuple[object, ...], _Made] = {}
        self._aside = torch.cuda.Stream(device)
        for group in optimizer.param_groups:
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(device)
            group["capturable"] = True

    def __call__(self, images: Tensor, labels: Tensor, crop: Crop | None) -> tuple[Tensor, Tensor]:
        """The step's loss and how many answers are right, as `step` gives them."""
        made = self._made.setdefault((tuple(images.shape), None if crop is None else crop.size), _Made())
        made.times += 1
        if made.times <= BEFORE:
            return self._beside(images, labels, crop)
        if made.graph is None:
            made.images, made.labels, made.graph = images.clone(), labels.clone(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(made.graph):
                made.given = self._step(made.images, made.labels, crop)
        made.images.copy_(images)
        made.labels.copy_(labels)
        made.graph.replay()
        return made.given

    def _beside(self, images: Tensor, labels: Tensor, crop: Crop | None) -> tuple[Tensor, Tensor]:
        """Make a step on a stream of its own, as a recording wants those before it."""
        self._aside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._aside):
            given = self._step(images, labels, crop)
        torch.cuda.current_stream(self._device).wait_stream(self._aside)
        return given


@dataclass
class _Made:
    """How often a step of one kind was asked for, its recording, and where that reads and writes."""

    times: int = 0
    graph: torch.cuda.CUDAGraph | None = None
    images: Tensor = field(default_factory=lambda: torch.empty(0))
    labels: Tensor = field(default_factory=lambda: torch.empty(0))
    given: tuple[Tensor, Tensor] = field(default_factory=lambda: (torch.empty(0), torch.empty(0)))
