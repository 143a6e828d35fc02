"""One split the way that other people's loops want it: a map-style dataset of single, normalised images."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.utils.data import Dataset

from cnnlab.data.normalise import normalise


@dataclass(frozen=True, eq=False)
class Samples(Dataset[tuple[Tensor, int]]):
    """A split as a plain `torch.utils.data.Dataset`; `ImageSet.as_dataset` makes one.

    A sample is a normalised image float32 (C, H, W), the same numbers that cnnlab's own nets see, and its label,
    0 … classes-1. Images stay uint8 in memory until they are asked for. It can be pickled, as the workers of a
    DataLoader need where processes are spawned.

    images: uint8 (N, C, H, W), 0–255. labels: int64 (N,). mean, std: of the training split, on a scale of 0–1.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return normalise(self.images[index], self.mean, self.std), int(self.labels[index])
