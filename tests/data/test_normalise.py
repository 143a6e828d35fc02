from __future__ import annotations

import numpy as np
import torch

from cnnlab.data.imageset import channel_statistics
from cnnlab.data.normalise import normalise


def test_agrees_with_the_formula_in_double_precision():
    images = torch.randint(0, 256, (7, 3, 5, 6), dtype=torch.uint8)
    mean, std = (0.1, 0.5, 0.9), (0.3, 0.05, 1.0)
    expected = (images.numpy() / 255 - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    got = normalise(images, mean, std)
    assert got.dtype == torch.float32
    assert got.shape == images.shape
    # 20 at most in size, float32 carries 24 bits
    assert np.abs(got.numpy() - expected).max() < 20 * 2**-22


def test_a_set_normalised_by_its_own_statistics_has_mean_0_and_deviation_1():
    images = torch.randint(0, 256, (100, 2, 8, 8), dtype=torch.uint8)
    images[:, 1] //= 3
    result = normalise(images, *channel_statistics(images)).double()
    assert result.mean((0, 2, 3)).abs().max() < 1e-6
    assert (result.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-6


def test_a_channel_that_never_varies_becomes_zero():
    images = torch.full((3, 1, 4, 4), 40, dtype=torch.uint8)
    assert normalise(images, *channel_statistics(images)).abs().max() < 1e-7
