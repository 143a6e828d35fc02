"""All that a page on a trained net shows, computed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.anatomy import Anatomy, Layer, describe
from cnnlab.data.imageset import ImageSet
from cnnlab.data.normalise import normalise
from cnnlab.evaluation import Mistake
from cnnlab.features.activations import answers, batches, require_ran, units
from cnnlab.features.ascent import Ascent, ascend
from cnnlab.features.attribution import grad_cam, occlusion, saliency
from cnnlab.features.choosing import Chosen, evenly
from cnnlab.features.embedding import Embedding
from cnnlab.features.embedding_beside import EmbeddingBeside
from cnnlab.features.stages import Stage, last_hidden, last_maps, stages
from cnnlab.features.statistics import LayerStatistics, Sums
from cnnlab.features.strongest import Peaks, Strongest, together

#: Validation images that statistics and strongest images are taken over, and test images in the embedding, at most.
MEASURED, EMBEDDED = 2000, 500

#: Mistakes that the embedding adds to them, at most.
MISTAKES = 40

#: Units of a layer that are shown, and for which an image is made; in a page on one layer alone.
UNITS, UNITS_ALONE = 8, 64

#: Strongest images a unit.
STRONGEST = 5


@dataclass(frozen=True)
class AnsweredImage:
    """An image, and what the net says of it: the class, and its probability (0–1)."""

    chosen: Chosen
    predicted: int
    probability: float

    @property
    def is_mistake(self) -> bool | None:
        """Whether the net is wrong; None where nobody knows the class."""
        return None if self.chosen.label is None else self.chosen.label != self.predicted


@dataclass(frozen=True)
class Exciting:
    """What excites some units of a layer: images of the data, and images made for it (None where none were made)."""

    units: tuple[int, ...]
    strongest: Strongest
    made: Ascent | None


@dataclass(frozen=True, eq=False)
class Attribution:
    """What the answer to each image rests on, for the class that the net names.

    saliency, occlusion: float (N, H, W). occlusion_size, occlusion_stride: of its square, in pixels. cam: float
    (N, H', W') at cam_layer, None for a net without maps.
    """

    saliency: Tensor
    occlusion: Tensor
    occlusion_size: int
    occlusion_stride: int
    cam: Tensor | None
    cam_layer: str | None


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Test images as a layer arranges them.

    indices, labels, predicted: int64 (N,); probability: float (N,), of the predicted class. spaced: how many were taken
    evenly spaced; the rest are mistakes put in besides.
    """

    layer: str
    values: int
    embedding: Embedding
    indices: Tensor
    labels: Tensor
    predicted: Tensor
    probability: Tensor
    spaced: int


@dataclass(frozen=True, eq=False)
class Look:
    """What was found. measured: the validation images that statistics and strongest images are about, uint8."""

    data: ImageSet
    anatomy: Anatomy
    stages: tuple[Stage, ...]
    images: tuple[AnsweredImage, ...]
    maps: dict[str, Tensor]
    statistics: dict[str, LayerStatistics]
    measured: Tensor
    exciting: dict[str, Exciting]


@dataclass(frozen=True)
class WholeLook:
    """What was seen of a whole net: maps and units, attributions, and how it arranges images."""

    look: Look
    attribution: Attribution
    arrangement: Arrangement | None


@dataclass(frozen=True)
class LayerLook:
    """A look at one layer. stage: the stage that it is a part of, if any."""

    look: Look
    layer: Layer
    stage: Stage | None


def look(
    net: nn.Module,
    data: ImageSet,
    chosen: Sequence[Chosen],
    mistakes: Sequence[Mistake],
    *,
    beside: EmbeddingBeside | None = None,
) -> WholeLook:
    """Look at a net as a whole. The net and all random states stay as they were.

    data: what it was trained on; statistics are taken over its validation images, the embedding over test images, with
    `mistakes` (on the test split, the most confident first) among them. beside: what makes the embedding meanwhile, by
    default a thread.
    """
    anatomy = describe(net, data.image_shape)
    arranged = _arranged(net, data, anatomy, mistakes)
    with beside or EmbeddingBeside(process=False) as embedding:
        if arranged is not None:  # first of all: it takes as long as the rest
            embedding.begin(arranged.features)
        common, best = _common(net, data, chosen, anatomy)
        shown = {one.name: busiest(common.statistics[one.output.name], UNITS) for one in common.stages}
        answer = [one for one in common.stages if one.is_answer and one.units <= 2 * UNITS]
        shown |= {one.name: tuple(range(one.units)) for one in answer}
        made = _made(net, data, [(one.affine.name, unit) for one in in_full(common.stages) for unit in shown[one.name]])
        attribution = _attribution(net, data, common)
        arrangement = None if arranged is None else arranged.arrangement(embedding.embedding())
    exciting, at = {}, 0
    for one in common.stages:
        units = shown[one.name]
        ascent = None
        if one in in_full(common.stages) and made is not None:
            part = slice(at, at + len(units))
            ascent, at = Ascent(made.images[part], made.before[part], made.after[part]), at + len(units)
        exciting[one.name] = Exciting(units, best[one.output.name], ascent)
    return WholeLook(look=replace(common, exciting=exciting), attribution=attribution, arrangement=arrangement)


def look_at_layer(net: nn.Module, data: ImageSet, chosen: Sequence[Chosen], layer: str) -> LayerLook:
    """Look at one layer. Raises KeyError for a layer that the net does not run. The net stays as it was."""
    common, best = _common(net, data, chosen, describe(net, data.image_shape), layer)
    found = common.anatomy.layer(layer)
    stage = next((one for one in common.stages if layer in (one.name, one.affine.name, one.output.name)), None)
    before_activation = stage.affine.name if stage is not None else layer
    units = busiest(common.statistics[layer], UNITS_ALONE)
    made = _made(net, data, [(before_activation, unit) for unit in units])
    return LayerLook(replace(common, exciting={layer: Exciting(units, best[layer], made)}), found, stage)


def in_full(all_stages: Sequence[Stage]) -> list[Stage]:
    """The stages that tell early from late: the first, the last with maps, the last hidden one, the answer."""
    hidden = [one for one in all_stages if not one.is_answer]
    with_maps = [one for one in hidden if one.has_maps]
    kept = [*hidden[:1], *with_maps[-1:], *hidden[-1:], *(one for one in all_stages if one.is_answer)]
    return [one for one in all_stages if one in kept]


def busiest(layer: LayerStatistics, count: int) -> tuple[int, ...]:
    """The units of a layer whose values vary most, at most `count`, in their own order."""
    order = np.argsort(-layer.unit_std, kind="stable")[:count]
    return tuple(sorted(int(unit) for unit in order))


def _common(
    net: nn.Module, data: ImageSet, chosen: Sequence[Chosen], anatomy: Anatomy, layer: str | None = None
) -> tuple[Look, dict[str, Strongest]]:
    """What both looks show, and the strongest images of the stages' outputs, or of one layer alone."""
    pixels = torch.stack([one.pixels for one in chosen])
    x = normalise(pixels, data.mean, data.std)
    maps = units(net, x)
    sure, said = answers(net, x).double().softmax(dim=1).max(dim=1)
    measured = data.validation.images[evenly(len(data.validation), MEASURED)]
    found = stages(anatomy)
    outputs = {one.output.name for one in found} if layer is None else {layer}
    require_ran(outputs, maps)
    figures, best = _measured(net, normalise(measured, data.mean, data.std), layer, outputs)
    look = Look(
        data=data,
        anatomy=anatomy,
        stages=found,
        images=tuple(
            AnsweredImage(one, int(class_), float(probability))
            for one, class_, probability in zip(chosen, said, sure, strict=True)
        ),
        maps=maps,
        statistics=figures,
        measured=measured,
        exciting={},
    )
    return look, best


def _measured(
    net: nn.Module, images: Tensor, layer: str | None, outputs: Collection[str]
) -> tuple[dict[str, LayerStatistics], dict[str, Strongest]]:
    """`statistics` of all layers or of one, and `strongest` of some, in one pass over the images."""
    sums: dict[str, Sums] = {}
    peaks: dict[str, list[Peaks]] = {name: [] for name in outputs}

    def take(name: str, values: Tensor) -> tuple[Sums, Peaks | None]:
        return Sums.of(values), Peaks.of(values, STRONGEST) if name in outputs else None

    for _, found in batches(net, images, take, layers=None if layer is None else [layer]):
        require_ran(outputs, found)
        for name, (part, peak) in found.items():
            sums[name] = sums[name] + part if name in sums else part
            if peak is not None:
                peaks[name].append(peak)
    figures = {name: one.figures(name) for name, one in sums.items()}
    return figures, {name: together(parts, STRONGEST) for name, parts in peaks.items()}


def _made(net: nn.Module, data: ImageSet, targets: Sequence[tuple[str, int]]) -> Ascent | None:
    if not targets:
        return None
    low = [-mean / std for mean, std in zip(data.mean, data.std, strict=True)]
    high = [(1 - mean) / std for mean, std in zip(data.mean, data.std, strict=True)]
    return ascend(net, targets, image_shape=data.image_shape, low=low, high=high)


def _attribution(net: nn.Module, data: ImageSet, common: Look) -> Attribution:
    x = normalise(torch.stack([one.chosen.pixels for one in common.images]), data.mean, data.std)
    classes = torch.tensor([one.predicted for one in common.images])
    _, height, width = data.image_shape
    size, stride = max(1, min(height, width) // 5), max(1, max(height, width) // 28)
    at = last_maps(common.anatomy)
    if at is not None and common.maps[at.name].is_complex():  # Grad-CAM is of real maps
        at = None
    return Attribution(
        saliency=saliency(net, x, classes),
        occlusion=occlusion(net, x, classes, size=size, stride=stride),
        occlusion_size=size,
        occlusion_stride=stride,
        cam=None if at is None else grad_cam(net, x, classes, layer=at.name),
        cam_layer=None if at is None else at.name,
    )


@dataclass(frozen=True, eq=False)
class _Arranged:
    """What an arrangement is made of. features: float32 (N, values), of the layer; the rest as in `Arrangement`."""

    layer: str
    features: NDArray[np.float32]
    indices: Tensor
    labels: Tensor
    predicted: Tensor
    probability: Tensor
    spaced: int

    def arrangement(self, embedding: Embedding | None) -> Arrangement | None:
        """The arrangement; None where the features cannot be embedded."""
        if embedding is None:
            return None
        return Arrangement(
            layer=self.layer,
            values=self.features.shape[1],
            embedding=embedding,
            indices=self.indices,
            labels=self.labels,
            predicted=self.predicted,
            probability=self.probability,
            spaced=self.spaced,
        )


def _arranged(net: nn.Module, data: ImageSet, anatomy: Anatomy, mistakes: Sequence[Mistake]) -> _Arranged | None:
    layer = last_hidden(anatomy)
    if layer is None:
        return None
    spaced = evenly(len(data.test), EMBEDDED).tolist()
    besides = [one.index for one in mistakes[:MISTAKES] if one.index not in set(spaced)]
    indices = torch.tensor([*spaced, *besides])
    x = normalise(data.test.images[indices], data.mean, data.std)
    taken = batches(net, x, lambda _, values: values.flatten(1).clone(), layers=[layer])
    features = torch.cat([found[layer].cpu() for _, found in taken]).numpy()
    probability, predicted = answers(net, x).double().softmax(dim=1).max(dim=1)
    return _Arranged(
        layer=layer,
        features=features,
        indices=indices,
        labels=data.test.labels[indices],
        predicted=predicted,
        probability=probability,
        spaced=len(spaced),
    )
