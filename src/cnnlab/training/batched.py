"""Several seeds of one training, side by side in one program: the loop of `loop.py` with a dimension more."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from cnnlab.config import Training
from cnnlab.data.augment import augment
from cnnlab.data.imageset import ImageSet
from cnnlab.training import loop
from cnnlab.training.balance import class_weights, mean_loss
from cnnlab.training.course import Course
from cnnlab.training.execution import Crop, require_crop
from cnnlab.training.graphed import Graphed, OneStep, can_be_graphed, set_learning_rate
from cnnlab.training.loop import Diverged, Epoch, Step
from cnnlab.training.machine import random_state
from cnnlab.training.program import Program
from cnnlab.training.stack import Stack
from cnnlab.training.state import TrainingState


def fit_together(
    states: Sequence[TrainingState],
    data: ImageSet,
    training: Training,
    *,
    on_step: Callable[[TrainingState, Step], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[TrainingState, Epoch | Diverged]]:
    """Train states that differ in their seeds and stand at the same step; yield every one's record after every epoch.

    Each gets the figures that `fit` would give it but for rounding: its own images in its own order, its own
    augmentation and dropout, its own statistics of batch norm. A state that diverges is yielded with Diverged, and
    the others go on without it. `on_step`, `should_stop` and the process's random state are as for `fit`;
    train_time_s is a state's share of the common time. For nets and trainings that `why_alone` has nothing against.
    """
    assert len({(state.position.epoch, state.position.step) for state in states}) == 1
    device, dtype = states[0].device, states[0].dtype
    course = Course.of(training, data)
    for state in states:
        course.require(state.position)
    crop = require_crop(states[0].net, data.image_shape, training.crop) if training.crop else None
    program = Program(states[0].net)
    images, labels = data.train.images.to(device), data.train.labels.to(device)
    weights = class_weights(training, data, device)
    remeasured = data.train.evenly_spaced(loop.REMEASURED)
    augmentation, fill = training.augmentation.model_dump(), loop.background(data)

    together = list(states)
    while together and not course.is_over(together[0].position.epoch):
        seeds, position = len(together), together[0].position
        epoch, step, steps = position.epoch, position.step, course.steps(position.epoch)
        stack = Stack(together, training)
        orders = torch.stack([course.order(state.seed, epoch) for state in together]).to(device)  # (S, images)
        lost: set[int] = set()  # places in `together`

        def learn(
            x: Tensor, y: Tensor, seen: Crop | None, stack: Stack = stack, seeds: int = seeds
        ) -> tuple[Tensor, Tensor]:
            """As that of `fit`, of images (S·N, C, H, W) and labels (S, N): a loss and a count a seed, (S,)."""
            x = loop.net_input(x, data, training, seen).unflatten(0, (seeds, -1))
            with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
                masks = program.draw_masks(stack, x, seen)
                answers = program(stack.parameters, stack.buffers, x, masks, seen)
            answers = answers.float()
            losses = mean_loss(answers, y, training, weights)
            stack.optimizer.zero_grad()
            losses.sum().backward()  # a seed's loss depends on its own parameters alone
            stack.optimizer.step()
            return losses.detach(), (answers.detach().argmax(dim=2) == y).sum(dim=1)

        is_graphed = can_be_graphed(together[0].net, training, device) and not program.has_dropout
        one_step: OneStep = Graphed(learn, stack.optimizer, device) if is_graphed else learn
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            generators = [torch.Generator() for _ in together]
            for state, generator in zip(together, generators, strict=True):
                loop.begin_draws(state, generator)
                state.dropout_random = random_state(device)
            started = last_call = time.perf_counter()
            first, spent_before = step, [state.position.train_time_s for state in together]
            double = torch.float32 if device.type == "mps" else torch.float64
            loss_sums = torch.tensor([state.position.loss_sum for state in together], dtype=double, device=device)
            correct = torch.tensor([state.position.correct for state in together], device=device)

            while step < steps and not lost:
                of_run = epoch * course.steps_per_epoch + step
                set_learning_rate(stack.optimizer, course.learning_rate(of_run))
                batch = orders[:, course.batch(step)]
                x, y = images[batch], labels[batch]  # (S, N, C, H, W), (S, N)
                x = torch.cat(
                    [
                        augment(own, **augmentation, fill=fill, generator=each)
                        for own, each in zip(x, generators, strict=True)
                    ]
                )
                losses, right = one_step(x, y, crop if course.is_cropped(of_run) else None)

                loss_sums += losses * batch.shape[1]
                correct += right
                step += 1

                now = time.perf_counter()
                if now - last_call >= loop.STEP_INTERVAL_S or step == steps:
                    stack.hand_out()
                    sums, hits = loss_sums.tolist(), correct.tolist()
                    elapsed = time.perf_counter() - started
                    for i, (state, generator) in enumerate(zip(together, generators, strict=True)):
                        position = state.position
                        position.step, position.seen = step, course.seen(step)
                        position.loss_sum, position.correct = sums[i], hits[i]
                        position.train_time_s = spent_before[i] + elapsed / seeds
                        state.augment_random = generator.get_state()
                        if not math.isfinite(sums[i]):
                            lost.add(i)
                        elif on_step is not None:
                            rate = (course.seen(step) - course.seen(first)) / elapsed
                            on_step(state, loop.step_record(state, course, rate))
                    if not lost and should_stop() and step < steps:
                        return
                    last_call = now

        if step == steps:
            for i, state in enumerate(together):
                if i in lost:
                    continue
                try:
                    record = loop.end_epoch(state, course, data, remeasured)
                except Diverged:
                    lost.add(i)
                else:
                    yield state, record
        for i in sorted(lost):
            yield together[i], Diverged()
        together = [state for i, state in enumerate(together) if i not in lost]
        if step == steps and should_stop():
            return
