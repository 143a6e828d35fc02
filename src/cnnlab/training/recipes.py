"""Recipes: named ways to train, each a pure function of what is trained on what.

What a recipe reaches is measured by a program and stands in results/, not here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from cnnlab.config import Augmentation, Training, checked
from cnnlab.data.imageset import ImageSet, given_images
from cnnlab.errors import UserError, nearest
from cnnlab.given_kinds import given_net
from cnnlab.nets.layout import runs_channels_last
from cnnlab.training.course import steps_per_epoch
from cnnlab.training.execution import find_crop

#: Convolutions of a net without batch norm that the recipe `fast` trains at the rate of one with it: LeNet-5's. What is
#: deeper diverges sooner.
MOST_WITHOUT_NORM = 2

#: Images in a step of the recipe `fast` where there are few.
SMALLEST_BATCH = 16


@dataclass(frozen=True)
class Recipe:
    """A named way to train.

    summary: one line for the user. net_options: changes to the net itself (only where the net has such an option).
    smallest_batch: images in a step where there are few. length: of a run of default length, times the usual.
    """

    name: str
    summary: str
    net_options: dict[str, Any]
    training: Callable[[nn.Module, ImageSet, float], Training]
    smallest_batch: int
    length: float = 1.0


def recipe(name: str, net: nn.Module, data: ImageSet, *, epochs: float | None = None, **changes: Any) -> Training:
    """The training that a recipe gives a net on a data set, with `changes` on top.

    name: `fast`, `best` or `lesson`.
    epochs: the length of the run, which a schedule needs to know; by default enough for about 165,000 images, between
    3 and 20, and more where few images would make fewer than 200 steps of that; by `best` 8/3 of it.
    changes: any field of `Training`. Raises UserError for an unknown recipe and for a change out of range.
    """
    chosen = find_recipe(name)
    net, data = given_net(net), given_images(data)
    usual = default_epochs(len(data.train), chosen.smallest_batch)
    length = epochs if epochs is not None else round(usual * chosen.length)
    checked(Training, {"epochs": length}, "training options")
    base = chosen.training(net, data, length)
    return checked(Training, base.model_dump() | changes, "training options")


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises UserError with the nearest one."""
    if name not in RECIPES:
        raise UserError(f"unknown recipe {name}; {nearest(name, RECIPES)}")
    return RECIPES[name]


#: Steps that a run of default length makes at least.
FEWEST_STEPS = 200


def default_epochs(images: int, batch_size: int = 64) -> int:
    """Enough epochs for about 165,000 images: 3 of MNIST; between 3 and 20, or as many as make FEWEST_STEPS."""
    enough = math.ceil(FEWEST_STEPS / steps_per_epoch(images, batch_size))
    return max(3, min(20, round(165_000 / images)), enough)


def _lesson(net: nn.Module, data: ImageSet, epochs: float) -> Training:
    return Training(epochs=epochs, precision="auto", channels_last=runs_channels_last(net, data.image_shape))


def _fast(net: nn.Module, data: ImageSet, epochs: float) -> Training:
    convolutions = _convolutions(net)
    seen = epochs * len(data.train)
    of_all = Training(
        epochs=epochs,
        batch_size=_batch_size(seen),
        learning_rate=1e-2 if _has_batch_norm(net) or 0 < convolutions <= MOST_WITHOUT_NORM else 5e-3,
        betas=(0.9, 0.99),
        schedule="one-cycle",
        label_smoothing=0.1,
        augmentation=Augmentation(shift=1 if epochs >= 2 else 0),
        crop=empty_border_crop(net, data),
        precision="auto",
        channels_last=runs_channels_last(net, data.image_shape),
    )
    if data.preparation != "garment" or not convolutions:
        return of_all
    # Chosen on Fashion-MNIST (results/recipes.json). A garment mirrored is a garment, and moved it is seldom seen.
    return of_all.model_copy(
        update={
            "batch_size": min(of_all.batch_size, max(64, _batch_size(seen, steps=1700))),
            "learning_rate": 5e-3,
            "label_smoothing": 0.05,
            "augmentation": Augmentation(flip=True),
            "crop": _middle(net, data),
            "crop_share": 0.5,
        }
    )


def _best(net: nn.Module, data: ImageSet, epochs: float) -> Training:
    fast = _fast(net, data, epochs)
    whole = fast.model_copy(
        update={
            "batch_size": min(fast.batch_size, 128),
            "augmentation": fast.augmentation.model_copy(update={"shift": 1}),
            "crop": None,
        }
    )
    convolutions = _convolutions(net)
    # What is deeper without batch norm has not been tried, nor a dense net.
    is_tried = _has_batch_norm(net) or convolutions <= MOST_WITHOUT_NORM
    return whole.model_copy(update={"optimizer": "muon"}) if convolutions and is_tried else whole


def _convolutions(net: nn.Module) -> int:
    return sum(isinstance(module, nn.Conv2d) for module in net.modules())


def _has_batch_norm(net: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in net.modules())


def _batch_size(images_seen: float, *, steps: int = 600) -> int:
    """16 to 256: the largest that leaves that many steps. Larger is quicker a step, but a run needs its steps."""
    return next((size for size in (256, 128, 64, 32) if images_seen / size >= steps), SMALLEST_BATCH)


def _middle(net: nn.Module, data: ImageSet) -> int | None:
    """The central crop without 4 pixels on each side, where the net can be fed it."""
    size = data.image_shape[1] - 8
    return size if size >= 8 and find_crop(net, data.image_shape, size) else None


def empty_border_crop(net: nn.Module, data: ImageSet, *, share: float = 0.95) -> int | None:
    """The smallest central crop that holds `share` of the training pixels' variance and that the net can be fed.

    MNIST: 20 of 28, where LeCun et al. put the digits; Fashion-MNIST fills its images: None. Margins are multiples of 4
    pixels, so that the crop's map lies on the grid of the full one through two halvings.
    """
    return next((size for size in _middles(data, share) if find_crop(net, data.image_shape, size)), None)


def has_empty_border(data: ImageSet) -> bool:
    """Whether the images have a border that `empty_border_crop` would leave out of a net that can be fed less."""
    return any(True for _ in _middles(data))


def _middles(data: ImageSet, share: float = 0.95) -> Iterator[int]:
    """Sizes of central crops that hold `share` of the training pixels' variance, the smallest first."""
    _, height, width = data.image_shape
    if height != width:
        return
    pixels = data.train.images[:: max(1, len(data.train) // 5000)].float()
    variance = pixels.var(dim=0).sum(dim=0)
    for margin in range((height - 8) // 8 * 4, 0, -4):
        inside = variance[margin : height - margin, margin : width - margin].sum()
        if inside >= share * variance.sum():
            yield height - 2 * margin


RECIPES: dict[str, Recipe] = {
    "fast": Recipe(
        "fast",
        "a one-cycle learning rate with a high peak instead of a constant one, label smoothing 0.1 and shifts by a "
        "pixel instead of dropout, bfloat16 where the machine has it, and while the rate is high only the central "
        "crop where images have an empty border",
        {"dropout": 0.0},
        _fast,
        SMALLEST_BATCH,
    ),
    "best": Recipe(
        "best",
        "the recipe fast for more than twice as many epochs, on whole images that are shifted by a pixel, in batches "
        "of 128 at most, and with Muon for filters and matrices: the highest accuracy that some minutes bring",
        {"dropout": 0.0},
        _best,
        SMALLEST_BATCH,
        length=8 / 3,
    ),
    "lesson": Recipe(
        "lesson",
        "plain Adam at a constant learning rate of 0.001, batches of 64, dropout 0.5, as the lesson describes; in "
        "bfloat16 where the machine has it",
        {},
        _lesson,
        Training().batch_size,
    ),
}
