"""The net at a few moments of its training, in half precision: enough to watch it form, not to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from cnnlab.errors import UserError
from cnnlab.runs.folder import Run, read_tensors
from cnnlab.training.course import Course

#: Shares of a run's steps after which the net is kept: six moments with the finished net. What forms, forms early.
SHARES = (0.0, 0.01, 0.04, 0.15, 0.5)

#: The largest number of half precision.
_LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True)
class Checkpoint:
    """A kept moment. step: steps done, of `total_steps` of the whole run."""

    step: int
    total_steps: int
    steps_per_epoch: int
    weights: dict[str, Tensor]


def checkpoint_steps(total_steps: int) -> frozenset[int]:
    """The steps of a run after which its net is kept; 0 is before the first."""
    return frozenset(round(share * total_steps) for share in SHARES)


class Checkpoints:
    """Keeps a run's net after the steps that `checkpoint_steps` names."""

    def __init__(self, run: Run, net: nn.Module, course: Course) -> None:
        self.run, self.net, self.course = run, net, course
        self.steps = checkpoint_steps(course.total_steps)

    def after(self, step: int) -> None:
        """Keep the net as it is after `step` steps, if that is one to keep.

        What half precision cannot hold is kept whole. Raises UserError when the disk refuses.
        """
        if step not in self.steps:
            return
        halves = {name: _half(value.detach().cpu()).contiguous() for name, value in self.net.state_dict().items()}
        course = self.course
        record = {"step": step, "total_steps": course.total_steps, "steps_per_epoch": course.steps_per_epoch}
        self.run.write_tensors(f"checkpoints/{step:07}.safetensors", halves, record)


def read_checkpoints(run: Run) -> list[Checkpoint]:
    """All kept moments of a run in their order, in single precision; none for a run that kept none.

    Raises UserError when one is damaged.
    """
    return [_read(path) for path in sorted(_folder(run).glob("*.safetensors"))]


def _read(path: Path) -> Checkpoint:
    tensors, record = read_tensors(path)
    weights = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    try:
        return Checkpoint(**record, weights=weights)
    except TypeError:
        raise UserError(
            f"{path} holds {record}; expected step, total_steps and steps_per_epoch: train the run again, or remove "
            "its folder checkpoints"
        ) from None


def _folder(run: Run) -> Path:
    return run.path / "checkpoints"


def _half(value: Tensor) -> Tensor:
    fits = value.is_floating_point() and (value.numel() == 0 or float(value.abs().max()) <= _LARGEST_HALF)
    return value.half() if fits else value
