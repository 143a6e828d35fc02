"""A data set that several processes read from one place in memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnnlab.data.imageset import ImageSet, Split

_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class SharedImages:
    """A set in a folder: its images and labels as files, which every process maps and none copies, and all the rest."""

    folder: Path
    rest: dict[str, Any]

    def open(self) -> ImageSet:
        """The set. What is written to its tensors stays in this process. Raises OSError where the files are gone."""
        train, validation, test = (Split(self._map(name, "images"), self._map(name, "labels")) for name in _SPLITS)
        return ImageSet(train=train, validation=validation, test=test, **self.rest)

    def _map(self, split: str, part: str) -> torch.Tensor:
        return torch.from_numpy(np.load(self.folder / f"{split}-{part}.npy", mmap_mode="c"))


def share(data: ImageSet, folder: Path) -> SharedImages:
    """Write a set to a folder made for it. Raises OSError where there is no room."""
    for name in _SPLITS:
        np.save(folder / f"{name}-images.npy", data.split(name).images.numpy())
        np.save(folder / f"{name}-labels.npy", data.split(name).labels.numpy())
    return SharedImages(folder, {one.name: getattr(data, one.name) for one in fields(data) if one.name not in _SPLITS})
