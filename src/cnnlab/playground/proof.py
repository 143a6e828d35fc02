"""The page's training by PyTorch, in float32, with the page's order, masks and shifts: what the page is held to.

Masks and shifts come from a hash of where they are used, so that workers agree without talking (`web/random.js` has the
same):

    mix(x):  x ^= x >>> 16;  x *= 0x7feb352d;  x ^= x >>> 15;  x *= 0x846ca68b;  x ^= x >>> 16
    hash(seed, purpose, a, b):
        h = mix(seed ^ purpose * 0x9e3779b1);  h = mix(h ^ a * 0x85ebca77);  h = mix(h ^ b * 0xc2b2ae3d)

in unsigned words of 32 bits; the seed modulo 2³²; h / 2³² is uniform in 0 ≤ u < 1. At step s, from 0:

- dropout of the net's layer number L, from 0: the value at `place` of the batch's image i is kept where
  uniform(seed, 1 + L, s, i · size + place) ≥ p, and divided by 1 - p;
- the batch's image i is shifted down by floor(uniform(seed, 1001, s, 2i) · (2 · shift + 1)) - shift pixels, and to the
  right by the same with 2i + 1; what it leaves is filled with the set's background.

Wrong labels: the training image i gets one where uniform(seed, 2001, i, 0) < share, the class that lies
1 + floor(uniform(seed, 2001, i, 1) · (classes - 1)) after its own, counted round.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.data.normalise import normalise
from cnnlab.playground.images import PageImages
from cnnlab.playground.nets import PlannedNet
from cnnlab.playground.settings import Settings
from cnnlab.training.loop import background
from cnnlab.training.state import make_optimizer

#: The steps after which the page compares itself with PyTorch, counted from 1.
STEPS = (1, 10, 100)

#: Values of each tensor that it compares.
SAMPLED = 16

#: The hash's purposes: a dropout layer's is `DROPOUT` + its number.
DROPOUT, SHIFT, WRONG = 1, 1001, 2001


@dataclass(frozen=True)
class Step:
    """A step done. step: from 1. loss: of its batch, before the step (nats). net: after it, in training mode."""

    step: int
    loss: float
    net: nn.Module


def hashed(seed: int, purpose: int, a: int, b: np.ndarray) -> np.ndarray:
    """32 random bits for each of the places `b`, uint32, as the module's docstring has it."""
    words = np.asarray(b).astype(np.uint32)

    def word(value: int) -> np.ndarray:
        return np.array([value % 2**32], np.uint32)

    bits = _mixed(word(seed) ^ word(purpose) * word(0x9E3779B1))
    bits = _mixed(bits ^ word(a) * word(0x85EBCA77))
    return _mixed(bits ^ words * word(0xC2B2AE3D))


def uniform(seed: int, purpose: int, a: int, b: np.ndarray) -> np.ndarray:
    """The same as shares of 1, float64: 0 ≤ u < 1."""
    return hashed(seed, purpose, a, b) / 2**32


def shifted(images: Tensor, most: int, *, seed: int, step: int, fill: int) -> Tensor:
    """A batch's images, uint8 (N, C, H, W), each shifted by up to `most` pixels along each axis."""
    if not most:
        return images
    drawn = uniform(seed, SHIFT, step, np.arange(2 * len(images)))
    moves = (np.floor(drawn * (2 * most + 1)).astype(int) - most).reshape(-1, 2)
    height, width = images.shape[2:]
    padded = F.pad(images, (most, most, most, most), value=fill)
    return torch.stack(
        [
            padded[i, :, most - down : most - down + height, most - right : most - right + width]
            for i, (down, right) in enumerate(moves.tolist())
        ]
    )


def mislabelled(labels: Tensor, share: float, *, classes: int, seed: int) -> Tensor:
    """Labels of training images, int64 (N,), a share of them wrong."""
    if not share:
        return labels
    draws = np.array([uniform(seed, WRONG, i, np.arange(2)) for i in range(len(labels))])
    others = (labels.numpy() + 1 + np.floor(draws[:, 1] * (classes - 1)).astype(np.int64)) % classes
    return torch.from_numpy(np.where(draws[:, 0] < share, others, labels.numpy()))


def training_steps(
    planned: PlannedNet, images: PageImages, settings: Settings, *, backwards: bool = False
) -> Iterator[Step]:
    """Train a copy of the net from its weights on as the page does, step by step, without end.

    backwards: each batch in the opposite order, which changes nothing but how sums are rounded. The process's random
    state is not used.
    """
    net = copy.deepcopy(planned.module).train()
    masks = _put_masks(net, planned, settings)
    optimizer = make_optimizer(net.parameters(), settings.training(), torch.device("cpu"))
    course, data, fill = settings.course(), images.data, background(images.data)
    pixels, labels = images.train.images, images.train.labels
    if settings.images < len(images.train):
        first = torch.from_numpy(images.order[: settings.images])
        pixels, labels = pixels[first], labels[first]
    labels = mislabelled(labels, settings.wrong_labels, classes=len(data.classes), seed=settings.seed)
    for step in count():
        epoch, within = divmod(step, course.steps_per_epoch)
        if within == 0:
            order = course.order(settings.seed, epoch)
        chosen = order[course.batch(within)]
        x = shifted(pixels[chosen], settings.shift, seed=settings.seed, step=step, fill=fill)
        y = labels[chosen]
        if backwards:
            x, y = x.flip(0), y.flip(0)
        for mask in masks:
            mask.step, mask.backwards = step, backwards
        optimizer.zero_grad()
        loss = F.cross_entropy(net(normalise(x, data.mean, data.std)), y)
        loss.backward()
        optimizer.step()
        yield Step(step + 1, float(loss.detach()), net)


def proof(planned: PlannedNet, images: PageImages, settings: Settings) -> dict[str, Any]:
    """What PyTorch comes to after `STEPS`: the loss, and samples of each tensor with its largest value.

    own_loss, own_deviation: how far PyTorch is from itself when it sums each batch in the opposite order, the weights'
    as the page measures its own: the largest of the samples' deviations, relative to their tensor's largest value.
    Biases before batch norm are left out: it takes them away again, their gradient is rounding alone, and Adam steps by
    its sign.
    """
    compared = [tensor.name for tensor in planned.tensors if tensor.name not in _taken_away(planned)]
    both = zip(
        training_steps(planned, images, settings),
        training_steps(planned, images, settings, backwards=True),
        strict=True,
    )
    steps = []
    for done, again in both:
        if done.step in STEPS:
            tensors, others = (
                [_sampled(name, each.net.state_dict()[name]) for name in compared] for each in (done, again)
            )
            steps.append(
                {
                    "step": done.step,
                    "loss": done.loss,
                    "tensors": tensors,
                    "own_loss": abs(again.loss - done.loss),
                    "own_deviation": max(_deviation(a, b) for a, b in zip(tensors, others, strict=True)),
                }
            )
        if done.step == STEPS[-1]:
            break
    return {"settings": settings.to_page(), "seed": settings.seed, "steps": steps}


def _taken_away(planned: PlannedNet) -> set[str]:
    """Biases of layers that nothing but batch norm reads."""
    readers: dict[str, list[str]] = {}
    for layer in planned.layers:
        for name in layer["inputs"]:
            readers.setdefault(name, []).append(layer["operation"]["kind"])
    normed = {name for name, kinds in readers.items() if set(kinds) == {"batch_norm"}}
    return {f"{name}.bias" for name in normed}


def _deviation(expected: dict[str, Any], got: dict[str, Any]) -> float:
    differences = [abs(a - b) for a, b in zip(expected["values"], got["values"], strict=True)]
    return max(differences) / max(expected["largest"], 1e-12)


class _Mask(nn.Module):
    """Dropout by the hash. number: of the layer among the net's; step: from 0, set before each forward pass."""

    def __init__(self, share: float, number: int, seed: int) -> None:
        super().__init__()
        self.share, self.number, self.seed, self.step, self.backwards = share, number, seed, 0, False

    def forward(self, x: Tensor) -> Tensor:
        if not self.share:
            return x
        drawn = uniform(self.seed, DROPOUT + self.number, self.step, np.arange(x.numel()))
        factors = torch.from_numpy((drawn >= self.share) / (1 - self.share)).float().view(x.shape)
        return x * (factors.flip(0) if self.backwards else factors)


def _put_masks(net: nn.Module, planned: PlannedNet, settings: Settings) -> list[_Mask]:
    """Put masks in the place of the net's dropout layers."""
    masks = []
    for number, layer in enumerate(planned.layers):
        if "dropout" in layer["operation"]:
            masks.append(_Mask(settings.dropout, number, settings.seed))
            parent, _, name = layer["name"].rpartition(".")
            setattr(net.get_submodule(parent), name, masks[-1])
    return masks


def _sampled(name: str, values: Tensor) -> dict[str, Any]:
    flat = values.detach().flatten()
    positions = sorted({round(i * (len(flat) - 1) / (SAMPLED - 1)) for i in range(SAMPLED)})
    return {
        "name": name,
        "positions": positions,
        "values": flat[positions].tolist(),
        "largest": float(flat.abs().max()),
    }


def _mixed(words: np.ndarray) -> np.ndarray:
    words = words ^ (words >> np.uint32(16))
    words = words * np.uint32(0x7FEB352D)
    words = words ^ (words >> np.uint32(15))
    words = words * np.uint32(0x846CA68B)
    return words ^ (words >> np.uint32(16))
