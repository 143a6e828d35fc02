"""A run's steps: how many, in which order they see the images, at which rate, and which of them see only the crop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cnnlab.config import Training
from cnnlab.data.augment import require_smaller
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.training.balance import balanced_order
from cnnlab.training.schedules import rate_factor
from cnnlab.training.state import Position, derived_seed


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Into how many batches of nearly equal size, about `batch_size`, an epoch's images are spread.

    At most half as many more than `batch_size` come into one (of 95 images and batches of 64), and a lone image only
    where batches of one were asked for or there is no other: batch norm has nothing to average over it.
    """
    nearest = math.ceil(images / batch_size - 0.5)
    return max(1, min(nearest, images if batch_size == 1 else images // 2))


@dataclass(frozen=True)
class Course:
    """The steps of a training on that many images. Steps count from 0 over the whole run, epochs from 0 too.

    labels: of the training images, int64 (N,), where each class is to be drawn as often.
    """

    training: Training
    images: int
    steps_per_epoch: int
    total_steps: int
    labels: Tensor | None = field(default=None, compare=False)

    @classmethod
    def of(cls, training: Training, data: ImageSet) -> Course:
        """The course of a training on a data set. Raises UserError for an augmentation beyond its images."""
        require_smaller(training.augmentation, data.image_shape)
        count = len(data.train)
        per_epoch = steps_per_epoch(count, training.batch_size)
        labels = data.train.labels if training.balance == "draws" else None
        return cls(training, count, per_epoch, max(1, round(training.epochs * per_epoch)), labels)

    def require(self, position: Position) -> None:
        """Raise UserError where a training of these steps cannot stand at a position that was read from a file."""
        epochs = math.ceil(self.total_steps / self.steps_per_epoch)
        is_under_way = position.epoch < epochs and position.step <= self.steps(position.epoch)
        is_over = position.epoch == epochs and position.step == 0
        if not (is_under_way or is_over) or position.seen != self.seen(position.step):
            raise UserError(
                f"the training stands at step {position.step} of epoch {position.epoch + 1} with {position.seen:,} "
                f"images seen; expected a place in {epochs} epochs of {self.steps_per_epoch} steps: its state is "
                "damaged, train the run again"
            )

    def seen(self, steps: int) -> int:
        """Images that the given number of steps from the start of a run, or of an epoch, see."""
        return steps * self.images // self.steps_per_epoch

    def batch(self, step: int) -> slice:
        """Of an epoch's order, the images of its step `step`: all steps together take the whole order once."""
        return slice(self.seen(step), self.seen(step + 1))

    def is_over(self, epoch: int) -> bool:
        """Whether no step is left after that many epochs."""
        return epoch * self.steps_per_epoch >= self.total_steps

    def steps(self, epoch: int) -> int:
        """Steps of an epoch; the last may be a part of one."""
        return min(self.steps_per_epoch, self.total_steps - epoch * self.steps_per_epoch)

    def order(self, seed: int, epoch: int) -> Tensor:
        """The training images' indices in an order of this seed's and epoch's own; balanced draws where labels are."""
        generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
        if self.labels is not None:
            return balanced_order(self.labels, generator)
        return torch.randperm(self.images, generator=generator)

    def learning_rate(self, step: int) -> float:
        """The learning rate that the schedule gives a step."""
        training = self.training
        return training.learning_rate * rate_factor(training.schedule, step / self.total_steps, warmup=training.warmup)

    def is_cropped(self, step: int) -> bool:
        """Whether a step sees only the central crop, where the training has one."""
        return self.training.crop is not None and step < self.training.crop_share * self.total_steps
