"""The net at a few moments of its training, in half precision: enough to watch it form, not to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from cnnlab.config import Count, Strict, checked
from cnnlab.net_copy import weights_of
from cnnlab.nets.resolve import is_own, outline
from cnnlab.runs.folder import Run
from cnnlab.runs.records import parse_json, read_tensors, require_fit
from cnnlab.training.course import Course

#: Shares of a run's steps after which the net is kept: six moments with the finished net. What forms, forms early.
SHARES = (0.0, 0.01, 0.04, 0.15, 0.5)

#: The most moments of a run that are read.
MOST = 100

#: The largest number of half precision.
_LARGEST_HALF = torch.finfo(torch.float16).max


class _Place(Strict):
    step: Count
    total_steps: Annotated[Count, Field(ge=1)]
    steps_per_epoch: Annotated[Count, Field(ge=1)]

    @model_validator(mode="after")
    def _within_the_run(self) -> _Place:
        if self.step > self.total_steps:
            raise ValueError(f"expected a step of the run's {self.total_steps}")
        return self


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A kept moment. step: steps done, of `total_steps` of the whole run. kept: its weights as the file has them."""

    step: int
    total_steps: int
    steps_per_epoch: int
    kept: dict[str, Tensor]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights in single precision, read from the file when they are asked for."""
        return {name: value.float() if value.is_floating_point() else value for name, value in self.kept.items()}


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
        halves = {name: _half(value) for name, value in weights_of(self.net).items()}
        course = self.course
        record = {"step": step, "total_steps": course.total_steps, "steps_per_epoch": course.steps_per_epoch}
        self.run.write_tensors(f"checkpoints/{step:07}.safetensors", halves, record)


def read_checkpoints(run: Run) -> list[Checkpoint]:
    """All kept moments of a run in their order; none for a run that kept none.

    Raises UserError when one is damaged, and when it is no moment of the net that the run's config names, if that is
    one of cnnlab's.
    """
    spec, data = run.config.net, run.config.data
    outlined = None if is_own(spec.name) else outline(spec, image_shape=data.image_shape, num_classes=len(data.classes))
    return [_read(path, outlined) for path in sorted(_folder(run).glob("*.safetensors"))[:MOST]]


def _read(path: Path, outlined: nn.Module | None) -> Checkpoint:
    tensors, metadata = read_tensors(path)
    mend = "train the run again, or remove its folder checkpoints"
    if outlined is not None:
        # What half precision cannot hold is kept whole.
        forms = {name: value.to("meta") for name, value in tensors.items()}
        whole = {name: form.float() if form.dtype == torch.float16 else form for name, form in forms.items()}
        require_fit(f"{path}: its weights do not fit the run's net", whole, outlined.state_dict(), mend=mend)
    place = checked(_Place, parse_json(metadata.get("record", ""), str(path)), str(path), is_file=True)
    return Checkpoint(**place.model_dump(), kept=tensors)


def _folder(run: Run) -> Path:
    return run.path / "checkpoints"


def _half(value: Tensor) -> Tensor:
    fits = value.is_floating_point() and (value.numel() == 0 or float(value.abs().max()) <= _LARGEST_HALF)
    return value.half() if fits else value
