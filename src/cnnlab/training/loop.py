"""THE loop: from a state and images to a trained net, one record an epoch.

It knows nothing of terminals, pages or files: it yields records, and calls `on_step` now and then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from cnnlab.config import Count, Loss, Seconds, Share, Training
from cnnlab.data.augment import augment
from cnnlab.data.imageset import ImageSet, Split
from cnnlab.data.normalise import normalise
from cnnlab.evaluation import logits
from cnnlab.nets.answers import main_answer
from cnnlab.training.balance import class_weights, mean_loss
from cnnlab.training.course import Course
from cnnlab.training.execution import Crop, central, proven_view, require_crop
from cnnlab.training.graphed import Graphed, OneStep, can_be_graphed, set_learning_rate
from cnnlab.training.machine import random_state, set_random_state
from cnnlab.training.state import TrainingState, derived_seed

#: Seconds between two calls of `on_step`.
STEP_INTERVAL_S = 0.1

#: Training images that a quicker view of the net is tried on before it is used.
TRIED = 8

#: Training images that are measured again in eval mode after each epoch, evenly spaced over the split.
REMEASURED = 10_000


@dataclass(frozen=True)
class Step:
    """Where the training loop is, and the figures of its epoch so far.

    step, total_steps: of the whole run, done and in all. images_per_s: of this epoch so far. loss, accuracy: of the
    epoch so far, as seen while training (nats; 0–1).
    """

    step: int
    total_steps: int
    epoch: int
    images_per_s: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch, or of the part of one that ends the run.

    Losses are mean cross-entropies in nats, accuracies 0–1.

    epoch: counts from 1. training_loss, training_accuracy: as seen while training (weights moving, dropout and
    augmentation on, label smoothing and class weights in the loss). remeasured_loss, remeasured_accuracy: plain images
    in eval mode after the epoch, on `remeasured_images` of the training split. validation_loss, validation_accuracy:
    likewise on the validation split. is_best: so far, by validation accuracy, then by its loss.
    train_time_s: since the run began, training steps alone; eval_time_s: of this epoch's measurements.
    """

    epoch: Annotated[Count, Field(ge=1)]
    steps: Annotated[Count, Field(ge=1)]
    learning_rate: Annotated[float, Field(strict=True, ge=0, le=1e39)]
    training_loss: Loss
    training_accuracy: Share
    remeasured_loss: Loss
    remeasured_accuracy: Share
    remeasured_images: Annotated[Count, Field(ge=1)]
    validation_loss: Loss
    validation_accuracy: Share
    is_best: Annotated[bool, Field(strict=True)]
    train_time_s: Seconds
    eval_time_s: Seconds


class Diverged(Exception):  # noqa: N818 - the field's word
    """The loss or the weights became NaN or infinite; the state is of no use any more."""


def fit(
    state: TrainingState,
    data: ImageSet,
    training: Training,
    *,
    on_step: Callable[[Step], None] | None = None,
    milestones: Collection[int] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Epoch]:
    """Train from where `state` stands to the end of the run; yield a record after every epoch.

    `on_step` is called about ten times a second, between two steps, and after the steps of the whole run that
    `milestones` names: the state may be packed there and at every yield.
    When `should_stop` says so, the loop ends between two steps and the state can go on later. The process's random
    state stays as it was at every yield. Raises Diverged.
    """
    position, device = state.position, state.device
    course = Course.of(training, data)
    course.require(position)
    few = data.train.evenly_spaced(TRIED).images.to(device)
    view = proven_view(state.net, net_input(few, data, training, None), state.dtype)
    crop = require_crop(state.net, data.image_shape, training.crop) if training.crop else None
    images, labels = data.train.images.to(device), data.train.labels.to(device)
    weights = class_weights(training, data, device)
    remeasured = data.train.evenly_spaced(REMEASURED)
    generator = torch.Generator()
    augmentation, fill = training.augmentation.model_dump(), background(data)

    def learn(x: Tensor, y: Tensor, seen: Crop | None) -> tuple[Tensor, Tensor]:
        """Learn from a batch. Returns its loss and how many of its answers are right, both before that."""
        x = net_input(x, data, training, seen)
        with torch.autocast(device.type, torch.bfloat16, enabled=state.dtype == torch.bfloat16):
            answers = view(x) if seen is None else seen.forward(view, x)
        answers = main_answer(answers).float()
        loss = mean_loss(answers, y, training, weights)
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        return loss.detach(), (answers.detach().argmax(dim=1) == y).sum()

    is_graphed = can_be_graphed(state.net, training, device)
    one_step: OneStep = Graphed(learn, state.optimizer, device) if is_graphed else learn

    while not course.is_over(position.epoch):
        if training.patience is not None and position.epoch - position.best_epoch >= training.patience:
            return
        first_step = position.epoch * course.steps_per_epoch
        steps = course.steps(position.epoch)
        order = course.order(state.seed, position.epoch).to(device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            begin_draws(state, generator)
            view.train()
            started = last_call = time.perf_counter()
            spent_before, seen_before = position.train_time_s, position.seen
            # Summed in double precision step by step, so that when it is looked at changes no digit (MPS has none).
            double = torch.float32 if device.type == "mps" else torch.float64
            loss_sum = torch.tensor(position.loss_sum, dtype=double, device=device)
            correct = torch.tensor(position.correct, device=device)

            while position.step < steps:
                step = first_step + position.step
                set_learning_rate(state.optimizer, course.learning_rate(step))
                batch = order[course.batch(position.step)]
                x = augment(images[batch], **augmentation, fill=fill, generator=generator)
                loss, right = one_step(x, labels[batch], crop if course.is_cropped(step) else None)

                loss_sum += loss * len(batch)
                correct += right
                position.step += 1
                position.seen += len(batch)

                now = time.perf_counter()
                is_due = position.step == steps or first_step + position.step in milestones
                if is_due or now - last_call >= STEP_INTERVAL_S:
                    position.loss_sum, position.correct = float(loss_sum), int(correct)
                    if not math.isfinite(position.loss_sum):
                        raise Diverged
                    position.train_time_s = spent_before + time.perf_counter() - started
                    state.dropout_random = random_state(device)
                    state.augment_random = generator.get_state()
                    if on_step is not None:
                        rate = (position.seen - seen_before) / (time.perf_counter() - started)
                        on_step(step_record(state, course, rate))
                    if should_stop() and position.step < steps:
                        return
                    last_call = now
            position.train_time_s = spent_before + time.perf_counter() - started

        yield end_epoch(state, course, data, remeasured)
        if should_stop():
            return


def background(data: ImageSet) -> int:
    """The pixel value (0–255) that fills what a moved image leaves: black, or the mean of photographs."""
    return round(255 * sum(data.mean) / len(data.mean)) if data.preparation == "resize" else 0


def begin_draws(state: TrainingState, generator: torch.Generator) -> None:
    """Put the random states of dropout (the process's) and of augmentation to where the state's epoch stands."""
    position = state.position
    if position.step == 0:
        torch.manual_seed(derived_seed(state.seed, "dropout", position.epoch))
        generator.manual_seed(derived_seed(state.seed, "augment", position.epoch))
    else:
        assert state.dropout_random is not None  # set with every step
        assert state.augment_random is not None
        set_random_state(state.device, state.dropout_random)
        generator.set_state(state.augment_random)


def net_input(images: Tensor, data: ImageSet, training: Training, crop: Crop | None) -> Tensor:
    """uint8 images (N, C, H, W) → float32 as a training's net sees them: cropped, normalised, laid out."""
    x = images if crop is None else central(images, crop.size)
    x = normalise(x, data.mean, data.std)
    return x.contiguous(memory_format=torch.channels_last) if training.channels_last else x


def end_epoch(state: TrainingState, course: Course, data: ImageSet, remeasured: Split) -> Epoch:
    """Measure the net after an epoch's last step, put the position to the next epoch, and make the record.

    remeasured: the training images to measure again. Raises Diverged.
    """
    position = state.position
    started = time.perf_counter()
    remeasured_loss, remeasured_accuracy = _measure(state, remeasured, data)
    validation_loss, validation_accuracy = _measure(state, data.validation, data)
    if not math.isfinite(remeasured_loss + validation_loss):
        raise Diverged
    eval_time_s = time.perf_counter() - started
    is_best = (validation_accuracy, -validation_loss) > (position.best_accuracy, -position.best_loss)
    training_loss, training_accuracy = position.loss_sum / position.seen, position.correct / position.seen
    steps = position.step
    learning_rate = course.learning_rate(position.epoch * course.steps_per_epoch + steps - 1)
    position.epoch += 1
    position.step, position.loss_sum, position.correct, position.seen = 0, 0.0, 0, 0
    if is_best:
        position.best_epoch = position.epoch
        position.best_accuracy, position.best_loss = validation_accuracy, validation_loss
    return Epoch(
        epoch=position.epoch,
        steps=steps,
        learning_rate=learning_rate,
        training_loss=training_loss,
        training_accuracy=training_accuracy,
        remeasured_loss=remeasured_loss,
        remeasured_accuracy=remeasured_accuracy,
        remeasured_images=len(remeasured),
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        is_best=is_best,
        train_time_s=position.train_time_s,
        eval_time_s=eval_time_s,
    )


def _measure(state: TrainingState, split: Split, data: ImageSet) -> tuple[float, float]:
    """Mean cross-entropy and accuracy on a split in eval mode, in the precision that the net is trained in."""
    answers = logits(state.net, split.images, mean=data.mean, std=data.std, dtype=state.dtype)
    accuracy = int((answers.argmax(dim=1) == split.labels).sum()) / len(split)
    return float(F.cross_entropy(answers.double(), split.labels)), accuracy


def step_record(state: TrainingState, course: Course, images_per_s: float) -> Step:
    """Where a training is in its run."""
    position = state.position
    return Step(
        step=position.epoch * course.steps_per_epoch + position.step,
        total_steps=course.total_steps,
        epoch=position.epoch + 1,
        images_per_s=images_per_s,
        loss=position.loss_sum / position.seen,
        accuracy=position.correct / position.seen,
    )
