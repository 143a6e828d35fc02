"""One small real data set for all: the first images of mnist-5k's splits."""

from __future__ import annotations

import pytest

from cnnlab.data import ImageSet, Split, load
from cnnlab.data.imageset import image_set


@pytest.fixture(scope="session")
def mnist_5k() -> ImageSet:
    return load("mnist-5k")


@pytest.fixture(scope="session")
def small(mnist_5k: ImageSet) -> ImageSet:
    """320 training, 100 validation and 100 test images of mnist-5k."""

    def head(split: Split, count: int) -> Split:
        return Split(split.images[:count], split.labels[:count])

    return image_set(
        "mnist-5k-head",
        classes=mnist_5k.classes,
        train=head(mnist_5k.train, 320),
        validation=head(mnist_5k.validation, 100),
        test=head(mnist_5k.test, 100),
        source="test",
        split_note="the first images of each split",
        preparation="digit",
    )
