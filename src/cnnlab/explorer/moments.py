"""The net's weights at the moments that its run kept, for the page's time slider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from cnnlab.data.imageset import ImageSet, Split
from cnnlab.evaluation import logits
from cnnlab.explorer.translation import Translation, translate
from cnnlab.net_copy import copied
from cnnlab.runs.checkpoints import read_checkpoints
from cnnlab.runs.folder import Run
from cnnlab.runs.records import require_fit

#: Validation images, evenly spaced, that every moment is measured on.
MEASURED = 1000
#: The most that a net's moments may add to the page, in bytes; of a larger net only the finished one is shown.
MOST_BYTES = 16_000_000


@dataclass(frozen=True)
class Moment:
    """The net after some steps. accuracy: 0–1, on that many validation images, in eval mode.

    halves: float16, all tensors of the translation's operations in their order; None for the finished net.
    """

    step: int
    epochs: float
    accuracy: float
    images: int
    halves: np.ndarray | None

    def to_page(self) -> dict[str, Any]:
        """The moment without its weights."""
        return {"step": self.step, "epochs": self.epochs, "accuracy": self.accuracy, "images": self.images}


@dataclass(frozen=True)
class History:
    """A net's moments, the finished net last.

    too_large: bytes that the others would have added to the page, where they are left out for that.
    """

    moments: tuple[Moment, ...]
    total_steps: int
    too_large: int | None = None


def history(run: Run, net: nn.Module, translated: Translation, data: ImageSet) -> History | None:
    """What a finished run kept of its way to the net of its best epoch; None for a run that kept nothing.

    The net is only read. Raises UserError when a kept moment is damaged.
    """
    last_step = sum(record.steps for record in run.epochs()[: run.result().best_epoch])
    kept = [each for each in read_checkpoints(run) if each.step < last_step]
    if not kept:
        return None
    measured = data.validation.evenly_spaced(MEASURED)
    steps_per_epoch, total_steps = kept[0].steps_per_epoch, kept[0].total_steps
    last = Moment(last_step, last_step / steps_per_epoch, _accuracy(net, data, measured), len(measured), None)
    size = len(kept) * 2 * sum(tensor.numel() for tensor in operation_tensors(translated))
    if size > MOST_BYTES:
        return History((last,), total_steps, too_large=size)
    moments = []
    then = copied(net)
    for checkpoint in kept:
        what = f"{run.path}: the moment after {checkpoint.step} steps does not fit the net"
        weights = checkpoint.weights
        require_fit(what, weights, net.state_dict(), mend="remove its folder checkpoints")
        then.load_state_dict(weights)
        tensors = operation_tensors(translate(then, run.config.data.image_shape, len(run.config.data.classes)))
        flat = np.concatenate([tensor.detach().cpu().float().numpy().ravel() for tensor in tensors])
        largest = np.finfo(np.float16).max
        moments.append(
            Moment(
                checkpoint.step,
                checkpoint.step / steps_per_epoch,
                _accuracy(then, data, measured),
                len(measured),
                flat.clip(-largest, largest).astype("<f2"),
            )
        )
    return History((*moments, last), total_steps)


def operation_tensors(translated: Translation) -> list[Tensor]:
    """All tensors of a translation's operations, in the order in which the page meets them."""
    return [tensor for layer in translated.layers for tensor in _tensors(layer.operation)]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _tensors(inner)


def _accuracy(net: nn.Module, data: ImageSet, split: Split) -> float:
    answers = logits(net, split.images, mean=data.mean, std=data.std)
    return int((answers.argmax(dim=1) == split.labels.cpu()).sum()) / len(split)
