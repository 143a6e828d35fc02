"""Homework 3: how the first and the last feature maps of SimpleCNN respond to a few test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from cnnlab.anatomy import Layer
from cnnlab.features.choosing import RIGHT, a_handful
from cnnlab.figures import Map
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice

#: Feature maps of a layer that are shown: those that vary most over the images.
SHOWN = 6


@dataclass(frozen=True)
class ImageMaps:
    """An image, and the shown maps of one layer for it."""

    image: Map
    maps: tuple[Map, ...]


@dataclass(frozen=True)
class ShownLayer:
    """What a layer answers to the shown images.

    zeros: share of the layer's values that are 0 (0–1). likeness: correlation of a shown map with its image, taken down
    to the map's size: mean over images and shown maps (−1 to 1).
    """

    layer: Layer
    channels: tuple[int, ...]
    rows: tuple[ImageMaps, ...]
    zeros: float
    likeness: float


@dataclass(frozen=True)
class EarlyAndLate:
    """The first block's maps and the last one's."""

    early: ShownLayer
    late: ShownLayer
    images: int
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> EarlyAndLate:
    """Run a handful of test images that the net gets right, and show the busiest maps."""
    cnn, data = evidence.simple_cnn, evidence.data
    mistakes = cnn.run.evaluations()["test"].mistakes
    chosen = a_handful(data.test, mistakes, classes=len(data.classes))[:RIGHT]
    pixels = torch.stack([one.pixels for one in chosen])
    names = [data.classes[one.label] for one in chosen if one.label is not None]
    maps = cnn.maps(pixels)
    activations = cnn.layers("relu")
    early, late = (
        _stage(layer, maps[layer.name].double().numpy(), pixels.double().numpy() / 255, names)
        for layer in (activations[0], [one for one in activations if len(one.output_shape) == 3][-1])
    )
    return EarlyAndLate(
        early=early,
        late=late,
        images=len(chosen),
        questions=(_sparser(early, late),),
        see=(
            Link("page", "Everything about the inside of this net", f"{cnn.folder}/look/index.html"),
            cnn.explorer(late.layer.name, "A late unit, and what it sums"),
            cnn.report("The run of SimpleCNN"),
        ),
    )


def _stage(layer: Layer, answers: np.ndarray, pixels: np.ndarray, names: Sequence[str]) -> ShownLayer:
    spread = answers.std(axis=(0, 2, 3))
    channels = tuple(sorted(int(i) for i in np.argsort(-spread, kind="stable")[:SHOWN]))
    scale = float(np.abs(answers[:, channels]).max()) or 1.0
    rows = tuple(
        ImageMaps(
            Map(f"a {name}", pixels[i, 0], kind="gray"),
            tuple(Map(f"map {channel}, a {name}", answers[i, channel], scale=scale) for channel in channels),
        )
        for i, name in enumerate(names)
    )
    return ShownLayer(
        layer, channels, rows, float((answers == 0).mean()), _likeness(pixels[:, 0], answers[:, channels])
    )


def _likeness(images: np.ndarray, maps: np.ndarray) -> float:
    small = F.adaptive_avg_pool2d(torch.from_numpy(images), maps.shape[2:]).numpy()
    found = [
        np.corrcoef(image.ravel(), one.ravel())[0, 1]
        for image, of_image in zip(small, maps, strict=True)
        for one in of_image
        if one.std() > 0
    ]
    return float(np.mean(found)) if found else 0.0


def _sparser(early: ShownLayer, late: ShownLayer) -> Question:
    is_late = late.zeros > early.zeros
    answer, other = ("The late maps", "The early maps") if is_late else ("The early maps", "The late maps")
    return choice(
        "more-zeros",
        "After ReLU many values are 0: the unit found nothing of its pattern there. Which maps have more zeros, the "
        "early or the late ones?",
        answer,
        worked=f"Early: {early.zeros:.1%} of the values are 0, late: {late.zeros:.1%}, over these images. "
        + ("Late units are choosier here." if is_late else "Late units are not choosier here."),
        others=[(other, "It is the other way round for this net.")],
        place=1 if is_late else 0,
    )
