"""What a number or a bar of a run's page opens: a few of the test images that it counts."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.data.imageset import Split
from cnnlab.report.pictures import LARGEST_SIDE, photograph


@dataclass(frozen=True)
class Shown:
    """A test image that is shown.

    index: in the split. probability: of the net's answer, if it was wrong; else None. called: that answer, where the
    title does not say it.
    """

    picture: str
    index: int
    probability: float | None
    called: str | None


@dataclass(frozen=True)
class Opened:
    """What opens. title: of its images. says: how many of them are shown, and which. images: how many there are."""

    id: str
    title: str
    says: str
    shown: list[Shown]
    images: int


def shown_image(split: Split, index: int, probability: float | None = None, called: str | None = None) -> Shown:
    """An image of the split, with the probability of a wrong answer, and with that answer."""
    return Shown(photograph(split.images[index].cpu().numpy()), index, probability, called)


def is_shrunk(split: Split) -> bool:
    """Whether the split's images are shown smaller than they are."""
    return max(split.images.shape[2:]) > LARGEST_SIDE
