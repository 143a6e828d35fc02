"""Homework 3: how the first and the last feature maps of SimpleCNN respond to a few test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from cnnlab.anatomy import Layer
from cnnlab.features.choosing import RIGHT, a_handful
from cnnlab.figures import Map
from cnnlab.lesson.evidence import Evidence, Trained
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question, choice
from cnnlab.lesson.to_python import quoted
from cnnlab.lesson.writing import Writing

#: Feature maps of a layer that are shown, and how far each varies at least, as a share of the one that varies most.
SHOWN, LIVELY = 6, 0.2

#: The maps of a few test images, as pictures.
_CODE = """\
import matplotlib.pyplot as plt

import cnnlab
from cnnlab.data.normalise import normalise

run = cnnlab.open_run({run})
data = cnnlab.load(run.config.data.name)
x = normalise(data.test.images[:3], data.mean, data.std)
maps = cnnlab.feature_maps(run.load_net(), x)
for layer in ({early}, {late}):
    fig, axes = plt.subplots(3, 6)
    for row, of_image in zip(axes, maps[layer]):
        for ax, one in zip(row, of_image):
            ax.imshow(one)
            ax.axis("off")
    fig.savefig(f"maps-{{layer}}.png")
"""


#: What the student is asked to write.
_ASKS = (
    "What do the early maps that you looked at answer to, and what the late ones? "
    "Say which of your descriptions turned out wrong for another image."
)


@dataclass(frozen=True)
class ImageMaps:
    """An image, and the shown maps of one layer for it."""

    image: Map
    maps: tuple[Map, ...]


@dataclass(frozen=True)
class ShownLayer:
    """What a layer answers to the shown images.

    filters: of the shown maps, where the convolution before them reads the image; else none.
    zeros: share of the layer's values that are 0 (0–1). likeness: correlation of a map with its image, taken down to
    the map's size, without its sign: mean over images and all maps that vary (0–1).
    """

    layer: Layer
    channels: tuple[int, ...]
    filters: tuple[Map, ...]
    rows: tuple[ImageMaps, ...]
    zeros: float
    likeness: float


@dataclass(frozen=True)
class EarlyAndLate:
    """The first block's maps and the last one's. code: that takes them, in the folder that holds the lesson's."""

    early: ShownLayer
    late: ShownLayer
    code: str
    images: int
    questions: tuple[Question, ...]
    writing: Writing
    see: tuple[Link, ...]


def section(evidence: Evidence) -> EarlyAndLate:
    """Run a handful of test images that the net gets right, and show maps that differ."""
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
    early = replace(early, filters=_filters(cnn, early.channels))
    return EarlyAndLate(
        early=early,
        late=late,
        code=_CODE.format(
            run=quoted(f"{evidence.folder.name}/{cnn.folder}"),
            early=quoted(early.layer.name),
            late=quoted(late.layer.name),
        ),
        images=len(chosen),
        questions=(_sparser(early, late),),
        writing=Writing("homework-3", _ASKS),
        see=(
            Link("page", "Everything about the inside of this net", f"{cnn.folder}/look/index.html"),
            cnn.explorer(late.layer.name, "A unit of a late map, and what it sums"),
            cnn.report("The run of SimpleCNN"),
        ),
    )


def _stage(layer: Layer, answers: np.ndarray, pixels: np.ndarray, names: Sequence[str]) -> ShownLayer:
    channels = distinct(answers)
    scale = float(np.abs(answers[:, channels]).max()) or 1.0
    rows = tuple(
        ImageMaps(
            Map(f"a {name}", pixels[i, 0], kind="gray"),
            tuple(Map(f"map {channel}, a {name}", answers[i, channel], scale=scale) for channel in channels),
        )
        for i, name in enumerate(names)
    )
    return ShownLayer(layer, channels, (), rows, float((answers == 0).mean()), _likeness(pixels[:, 0], answers))


def distinct(answers: np.ndarray) -> tuple[int, ...]:
    """Channels whose maps, (N, C, H, W), are least alike: the one that varies most, then always the one whose closest
    among those chosen is furthest (by correlation). Channels that hardly vary come last.
    """
    spread = answers.std(axis=(0, 2, 3))
    flat = answers.transpose(1, 0, 2, 3).reshape(len(spread), -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    alike = np.abs(unit @ unit.T)
    is_lively = spread >= LIVELY * spread.max()
    chosen = [int(spread.argmax())]
    while len(chosen) < min(SHOWN, len(spread)):
        closest = alike[:, chosen].max(axis=1)
        closest[~is_lively] += 2.0
        closest[chosen] = np.inf
        chosen.append(int(closest.argmin()))
    return tuple(sorted(chosen))


def _filters(cnn: Trained, channels: Sequence[int]) -> tuple[Map, ...]:
    """The first convolution's filters, of images with one channel; of others a filter is no single picture."""
    weights = cnn.net.get_submodule(cnn.layers("conv2d")[0].name).weight
    assert isinstance(weights, torch.Tensor)
    filters = weights.detach().double().numpy()
    if filters.shape[1] > 1:
        return ()
    return tuple(
        Map(f"filter of map {channel}", filters[channel, 0], scale=float(np.abs(filters[channel]).max()))
        for channel in channels
    )


def _likeness(images: np.ndarray, maps: np.ndarray) -> float:
    small = F.adaptive_avg_pool2d(torch.from_numpy(images), maps.shape[2:]).numpy()
    found = [
        abs(np.corrcoef(image.ravel(), one.ravel())[0, 1])
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
