"""What borders are usual is what a loop finds, and a set's own images are hardly ever far from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnlab import load
from cnnlab.data.borders import border_means, border_range, is_far, without_zeros


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 28, 28), (1, 1, 6), (2, 2, 2)])
def test_a_border_is_as_light_as_its_outermost_pixels_are_on_the_mean(shape):
    images = np.random.default_rng(0).integers(0, 256, (9, *shape), dtype=np.uint8)
    _, height, width = shape
    for image, found in zip(images, border_means(torch.from_numpy(images)), strict=True):
        values = [
            float(channel[y, x])
            for channel in image
            for y in range(height)
            for x in range(width)
            if y in (0, height - 1) or x in (0, width - 1)
        ]
        assert found == pytest.approx(sum(values) / len(values) / 255)


def test_own_validation_images_are_near_and_inverted_ones_far():
    data = load("mnist-5k")
    usual = border_range(data.train.images)
    validation = data.validation.images.numpy()
    assert sum(is_far(image, usual) for image in validation) <= 0.005 * len(validation)
    assert all(is_far(255 - image, usual) for image in validation)
    mirrored = border_range(255 - data.train.images)
    assert sum(is_far(255 - image, mirrored) for image in validation) <= 0.005 * len(validation)
    assert all(is_far(image, mirrored) for image in validation)


def test_zeros_laid_round_images_are_no_border_of_theirs():
    plain, padded = load("mnist-5k@300"), load("mnist-5k@300+padded-to-33")
    assert torch.equal(without_zeros(padded.train.images, padded.unpadded), plain.train.images)
    assert without_zeros(plain.train.images, None) is plain.train.images
