"""What the chapters draw on: the lesson's images, its two trained nets, the homework's comparisons, the claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.anatomy import Anatomy, Layer, describe
from cnnlab.claims.claim import Claim
from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.full_round import full_entries
from cnnlab.claims.registry import find_claim
from cnnlab.data.imageset import ImageSet
from cnnlab.data.normalise import normalise
from cnnlab.experiments.compare import Comparison
from cnnlab.explorer.gallery import gallery
from cnnlab.features import feature_maps
from cnnlab.lesson import links
from cnnlab.lesson.links import Link
from cnnlab.lesson.sizes import Sizes
from cnnlab.runs import Run


@dataclass(frozen=True)
class Trained:
    """A net of the lesson. folder: of its run, from the lesson's folder; net: with the run's weights."""

    folder: str
    name: str
    run: Run
    net: nn.Module
    data: ImageSet

    @cached_property
    def anatomy(self) -> Anatomy:
        """The net taken apart."""
        return describe(self.net, self.data.image_shape)

    def maps(self, pixels: Tensor) -> dict[str, Tensor]:
        """What every layer answers to images, uint8 (N, C, H, W)."""
        return feature_maps(self.net, normalise(pixels, self.data.mean, self.data.std))

    def layers(self, function: str) -> list[Layer]:
        """The layers that call a function, `conv2d` say, in the order in which they run."""
        return [layer for layer in self.anatomy.layers if layer.call.function == function]

    def report(self, label: str) -> Link:
        """The run's report."""
        return links.report(self.folder, label)

    def explorer(self, layer: str, label: str) -> Link:
        """The explorer, opened at the unit of a layer that answers most to the first image which the net gets right."""
        image, pixels = self._first_right
        answer = self.maps(pixels)[layer][0]
        unit = np.unravel_index(int(answer.abs().argmax()), tuple(answer.shape))
        return links.explorer(self.folder, label, image=image, layer=layer, unit=tuple(map(int, unit)))

    def whole_net(self, label: str, *, panel: links.Panel | None = None) -> Link:
        """The explorer at the same image, with nothing opened but the experiment that is named."""
        return links.whole_net(self.folder, label, image=self._first_right[0], panel=panel)

    @cached_property
    def _first_right(self) -> tuple[int, Tensor]:
        """The first image of the explorer's gallery that the net gets right: its place there, and (1, C, H, W)."""
        shown = gallery(self.run.evaluations()["test"], self.data.test, len(self.data.classes))
        wrong = {mistake.index for mistake in self.run.evaluations()["test"].mistakes}
        image = next((i for i, index in enumerate(shown.indices) if index not in wrong), 0)
        return image, shown.images[image : image + 1]


@dataclass(frozen=True)
class Tested:
    """A claim and what came of it.

    entry: of this lesson, or of the full round that ships with cnnlab; None where that was judged by another rule.
    """

    claim: Claim
    entry: ClaimEntry | None
    is_here: bool


@dataclass(frozen=True)
class Evidence:
    """All of it. folder: of the lesson. entries: those of claims.json, by id. regularisers holds the 2×2 design."""

    folder: Path
    sizes: Sizes
    data: ImageSet
    lenet: Trained
    simple_cnn: Trained
    architectures: Comparison
    regularisers: Comparison
    best_cnn: Comparison
    entries: Mapping[str, ClaimEntry]

    def tested(self, name: str) -> Tested:
        """What came of a claim: in this lesson, and else in the full round."""
        is_here = name in self.entries
        return Tested(find_claim(name), self.entries[name] if is_here else full_entries().get(name), is_here)

    @cached_property
    def digit(self) -> NDArray[np.float64]:
        """A validation image's first channel, (H, W), 0–1; the one with most ink in its middle row among ten.

        To two decimals, so that a sum of its pixels is the sum of what a page shows of them.
        """
        images = self.data.validation.images[:10, 0].double() / 255
        best = int(images[:, images.shape[1] // 2].sum(dim=1).argmax())
        return images[best].numpy().round(2)

    @cached_property
    def some_images(self) -> Tensor:
        """Up to 200 validation images, evenly spaced, uint8."""
        images = self.data.validation.images
        return images[torch.linspace(0, len(images) - 1, min(200, len(images))).long()]
