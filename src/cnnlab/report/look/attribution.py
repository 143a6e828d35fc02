"""What an answer rests on, laid over the image."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from cnnlab.data.imageset import ImageSet
from cnnlab.features.looking import AnsweredImage, Attribution
from cnnlab.report.pictures import photograph, two_hues


@dataclass(frozen=True)
class Overlay:
    """A layer of colour over an image. strongest: the value at full colour."""

    picture: str
    strongest: str


@dataclass(frozen=True)
class AttributionRow:
    """An image and its overlays, in the order of the columns; called: the class that they are for."""

    image: AnsweredImage
    picture: str
    called: str
    overlays: list[Overlay]


def attribution_rows(images: tuple[AnsweredImage, ...], found: Attribution, data: ImageSet) -> list[AttributionRow]:
    """A row for each image: saliency, occlusion and, for a net with maps, Grad-CAM, each on a scale of its own."""
    kinds = [found.saliency, found.occlusion] + ([] if found.cam is None else [found.cam])
    return [
        AttributionRow(
            image,
            photograph(image.chosen.pixels.numpy()),
            data.classes[image.predicted],
            [_overlay(kind[i]) for kind in kinds],
        )
        for i, image in enumerate(images)
    ]


def _overlay(values: Tensor) -> Overlay:
    scale = float(values.abs().max())
    return Overlay(two_hues(values.double().numpy(), scale=scale), f"{scale:.2g}" if scale else "nothing above 0")
