"""A run's steps: how many, in which order they see the images, at which rate, and which of them see only the crop."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.config import Training
from cnnlab.data.imageset import ImageSet
from cnnlab.training.schedules import rate_factor
from cnnlab.training.state import derived_seed


@dataclass(frozen=True)
class Course:
    """The steps of a training on so many images. Steps count from 0 over the whole run, epochs from 0 too."""

    training: Training
    images: int
    batch_size: int
    steps_per_epoch: int
    total_steps: int

    @classmethod
    def of(cls, training: Training, data: ImageSet) -> Course:
        """The course of a training on a data set; a set smaller than a batch makes one smaller batch."""
        count = len(data.train)
        batch_size = min(training.batch_size, count)
        steps_per_epoch = count // batch_size  # the rest of an epoch's shuffled images waits for another epoch
        return cls(training, count, batch_size, steps_per_epoch, max(1, round(training.epochs * steps_per_epoch)))

    def is_over(self, epoch: int) -> bool:
        """Whether no step is left after so many epochs."""
        return epoch * self.steps_per_epoch >= self.total_steps

    def steps(self, epoch: int) -> int:
        """Steps of an epoch; the last may be a part of one."""
        return min(self.steps_per_epoch, self.total_steps - epoch * self.steps_per_epoch)

    def order(self, seed: int, epoch: int) -> Tensor:
        """The training images' indices in an order of this seed's and epoch's own."""
        generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
        return torch.randperm(self.images, generator=generator)

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step."""
        training = self.training
        return training.learning_rate * rate_factor(training.schedule, step / self.total_steps, warmup=training.warmup)

    def is_cropped(self, step: int) -> bool:
        """Whether a step sees only the central crop, where the training has one."""
        return self.training.crop is not None and step < self.training.crop_share * self.total_steps
