"""What the chapters draw on: the lesson's images, its two trained nets, the homework's comparisons, the claims."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cnnlab.anatomy import Anatomy, Layer, describe
from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.laboratory import FULL, QUICK
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
        shown = gallery(self.run.evaluations()["test"], self.data.test, len(self.data.classes))
        wrong = {mistake.index for mistake in self.run.evaluations()["test"].mistakes}
        image = next((i for i, index in enumerate(shown.indices) if index not in wrong), 0)
        answer = self.maps(shown.images[image : image + 1])[layer][0]
        unit = np.unravel_index(int(answer.abs().argmax()), tuple(answer.shape))
        return links.explorer(self.folder, label, image=image, layer=layer, unit=tuple(map(int, unit)))


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

    def claim_command(self, name: str) -> str:
        """The command that puts a claim to the test beside those of this lesson, typed where its folder lies."""
        scale, quick = (FULL, []) if self.sizes.is_full else (QUICK, ["--quick"])
        data = [] if self.sizes.data == scale.data else ["--data", self.sizes.data]
        return shlex.join(["cnnlab", "claims", name, *quick, *data, "--out", f"{self.folder.name}/claims"])

    @cached_property
    def digit(self) -> NDArray[np.float64]:
        """A validation image's first channel, (H, W), 0–1; the one with most ink in its middle row among ten."""
        images = self.data.validation.images[:10, 0].double() / 255
        best = int(images[:, images.shape[1] // 2].sum(dim=1).argmax())
        return images[best].numpy()

    @cached_property
    def some_images(self) -> Tensor:
        """Up to 200 validation images, evenly spaced, uint8."""
        images = self.data.validation.images
        return images[torch.linspace(0, len(images) - 1, min(200, len(images))).long()]
