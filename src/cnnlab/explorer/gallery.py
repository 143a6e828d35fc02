"""The test images that the page brings along: first those that the net got wrong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnnlab.data.imageset import Split
from cnnlab.evaluation import Evaluation

#: Mistakes shown at most, the surest first, and images of each class that the net got right.
MISTAKES, RIGHT_PER_CLASS = 16, 2
#: Images at most, whatever the number of classes.
LARGEST = 48


@dataclass(frozen=True)
class Gallery:
    """Places in the test split, and their images uint8 (N, C, H, W) and labels."""

    indices: tuple[int, ...]
    images: Tensor
    labels: tuple[int, ...]


def gallery(evaluation: Evaluation, split: Split, classes: int) -> Gallery:
    """Choose from the split that was evaluated: mistakes, the surest first, then the first images of each class."""
    wrong = {mistake.index for mistake in evaluation.mistakes}
    chosen = [mistake.index for mistake in evaluation.mistakes[:MISTAKES]]
    labels = split.labels.cpu()
    for place in range(RIGHT_PER_CLASS):
        for label in range(classes):
            right = [i for i in torch.nonzero(labels == label).flatten().tolist() if i not in wrong]
            chosen += right[place : place + 1]
    chosen = chosen[:LARGEST]
    return Gallery(tuple(chosen), split.images[chosen].cpu(), tuple(int(labels[i]) for i in chosen))
