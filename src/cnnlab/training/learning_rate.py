"""Which learning rate: one short run with a rising rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from cnnlab.config import Training, given_training
from cnnlab.data.imageset import ImageSet, given_images
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.given_kinds import given_net
from cnnlab.net_copy import copied
from cnnlab.nets.answers import main_answer
from cnnlab.nets.fit import require_logits
from cnnlab.training.balance import class_weights, mean_loss
from cnnlab.training.state import derived_seed, start
from cnnlab.training.trial import require_parameters


@dataclass(frozen=True)
class LearningRates:
    """The curve of a range test, and what it suggests.

    rates, losses: of every step; losses smoothed, in nats.
    suggestion: a tenth of the rate at which the smoothed loss was lowest, or where it fell most steeply if that is
    lower still.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float


def find_learning_rate(
    net: nn.Module,
    data: ImageSet,
    training: Training | None = None,
    *,
    seed: int = 0,
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 100,
) -> LearningRates:
    """Train a copy of the net while the rate rises from `lowest` to `highest` by equal factors; stop when it diverges.

    The learning rate range test (Smith 2017, "Cyclical learning rates", §3.3), on a geometric scale. Losses are
    smoothed by an exponential average of 0.9. Net, modes, gradients and the process's random state stay as they were.

    training: batch size, optimizer and the like; by default `Training()`. seed: of the order of images and of dropout.
    steps: from the lowest rate to the highest, both among them. Raises UserError for fewer than 2, and for a net that
    does not fit the images or has nothing to train.
    """
    if steps < 2:
        raise UserError(f"steps {steps}: expected at least 2, one at the lowest rate and one at the highest: try 100")
    net, data = given_net(net), given_images(data)
    training = Training() if training is None else given_training(training)
    trial = copied(net)
    rates, losses = [], []
    smoothed = lowest_loss = math.inf
    with torch.random.fork_rng(devices=[]):
        require_logits(trial, type(net).__name__, data.image_shape, len(data.classes))
        require_parameters(trial, type(net).__name__)
        torch.manual_seed(derived_seed(seed, "dropout", 0))
        state = start(trial, training, seed=seed)
        generator = torch.Generator().manual_seed(derived_seed(seed, "order", 0))
        batch_size = min(training.batch_size, len(data.train))
        weights = class_weights(training, data, state.device)
        trial.train()
        for step in range(steps):
            rate = lowest * (highest / lowest) ** (step / (steps - 1))
            for group in state.optimizer.param_groups:
                group["lr"] = rate
            batch = torch.randint(len(data.train), (batch_size,), generator=generator)
            x = normalise(data.train.images[batch].to(state.device), data.mean, data.std)
            y = data.train.labels[batch].to(state.device)
            with torch.autocast(state.device.type, torch.bfloat16, enabled=state.dtype == torch.bfloat16):
                answers = main_answer(trial(x))
            loss = mean_loss(answers.float(), y, training, weights)
            value = loss.item()
            if not math.isfinite(value):
                break
            smoothed = value if step == 0 else 0.9 * smoothed + 0.1 * value
            lowest_loss = min(lowest_loss, smoothed)
            rates.append(rate)
            losses.append(smoothed)
            if smoothed > 4 * lowest_loss:
                break
            state.optimizer.zero_grad()
            loss.backward()
            state.optimizer.step()
    return LearningRates(tuple(rates), tuple(losses), _suggest(rates, losses))


def _suggest(rates: list[float], losses: list[float]) -> float:
    if len(losses) < 3:
        return rates[0] if rates else math.nan
    slopes = [later - earlier for earlier, later in pairwise(losses)]
    steepest = rates[slopes.index(min(slopes))]
    return min(steepest, rates[losses.index(min(losses))] / 10)
