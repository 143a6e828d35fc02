"""The images that a net got wrong and was surest of."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.data.imageset import Split
from cnnlab.evaluation import Evaluation
from cnnlab.report.pictures import LARGEST_SIDE, photograph

#: Mistakes shown.
SHOWN = 24


@dataclass(frozen=True)
class MistakePicture:
    """One mistake: its picture, its class, what it was called and how sure the net was of that."""

    picture: str
    index: int
    true: str
    called: str
    probability: float


@dataclass(frozen=True)
class Mistakes:
    """The most confident mistakes first; `total`: all of the split. shrunk: shown smaller than they are."""

    shown: list[MistakePicture]
    total: int
    shrunk: bool


def mistakes(evaluation: Evaluation, split: Split, classes: tuple[str, ...]) -> Mistakes:
    """Take the most confident mistakes' images from the split that was evaluated."""
    return Mistakes(
        shown=[
            MistakePicture(
                picture=photograph(split.images[mistake.index].cpu().numpy()),
                index=mistake.index,
                true=classes[mistake.label],
                called=classes[mistake.predicted],
                probability=mistake.probability,
            )
            for mistake in evaluation.mistakes[:SHOWN]
        ],
        total=len(evaluation.mistakes),
        shrunk=max(split.images.shape[2:]) > LARGEST_SIDE,
    )
