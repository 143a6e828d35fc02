"""Train a net in one call, in memory: the Python API's way in."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from cnnlab.config import Training, given_training
from cnnlab.data.imageset import ImageSet, given_images
from cnnlab.errors import UserError
from cnnlab.given_kinds import given_net
from cnnlab.nets.fit import require_logits
from cnnlab.training.doubts import doubts, remarks
from cnnlab.training.loop import Diverged, Epoch, Step, fit
from cnnlab.training.recipes import recipe
from cnnlab.training.state import start
from cnnlab.training.trial import require_trainable


@dataclass(frozen=True)
class TrainedNet:
    """The net with the weights of its best epoch by validation, and a record of every epoch.

    warnings: what makes its figures doubtful, or was not trained, a line each.
    """

    net: nn.Module
    training: Training
    epochs: tuple[Epoch, ...]
    warnings: tuple[str, ...] = ()


def train(
    net: nn.Module,
    data: ImageSet,
    training: Training | None = None,
    *,
    seed: int = 0,
    on_step: Callable[[Step], None] | None = None,
) -> TrainedNet:
    """Train `net` in place and give it the weights of its best epoch by validation. Two steps are tried on a copy.

    training: by default the recipe `fast`, which has no dropout of its own: give the net `dropout=0` for it.
    seed: of the order of images, augmentation and dropout; the process's random state stays as it was.
    on_step: called about ten times a second, between two steps.
    Raises UserError for a net that does not fit the images or cannot be trained,
    with what to change, and when the loss becomes NaN or infinite. The test split is not touched.
    """
    net, data = given_net(net), given_images(data)
    name = type(net).__name__
    with torch.random.fork_rng(devices=[]):
        require_logits(net, name, data.image_shape, len(data.classes))
    wanted = recipe("fast", net, data) if training is None else given_training(training)
    training = require_trainable(net, data, wanted, name=name)
    not_trained = remarks(net, data)
    state = start(net, training, seed=seed)
    records = []
    best = copy.deepcopy(net.state_dict())
    try:
        for record in fit(state, data, training, on_step=on_step):
            records.append(record)
            if record.is_best:
                best = copy.deepcopy(net.state_dict())
    except Diverged:
        raise UserError(divergence(training, len(records))) from None
    finally:
        net.load_state_dict(best)
        net.eval()
    return TrainedNet(net, training, tuple(records), (*not_trained, *doubts(net, data)))


def divergence(training: Training, epochs_done: int) -> str:
    """What to tell a user whose training diverged."""
    return (
        f"the loss became NaN or infinite in epoch {epochs_done + 1} at learning rate {training.learning_rate:g}; "
        f"expected a finite number: lower --learning-rate (try {training.learning_rate / 10:g}), or --precision fp32"
    )
