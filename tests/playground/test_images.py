"""Which images are in the page: all where they fit; else as many as fit, evenly, and said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnnlab.data import load
from cnnlab.data.imageset import ImageSet, Split, image_set
from cnnlab.data.views import view
from cnnlab.errors import UserError
from cnnlab.playground import images as module
from cnnlab.playground.images import page_images


def noise(counts=(600, 100, 200), classes=4, side=8) -> ImageSet:
    random = torch.Generator().manual_seed(1)

    def split(count: int) -> Split:
        labels = torch.arange(count) * classes // count  # sorted by class
        return Split(torch.randint(0, 256, (count, 1, side, side), generator=random, dtype=torch.uint8), labels)

    train, validation, test = map(split, counts)
    return image_set(
        "noise",
        classes=tuple(map(str, range(classes))),
        train=train,
        validation=validation,
        test=test,
        source="here",
        split_note="",
    )


def test_all_images_that_fit_are_there_as_they_lie():
    data = load("mnist-5k")
    page = page_images(data)
    assert page.note is None
    assert page.counts == page.of == {"train": 4000, "validation": 500, "test": 500}
    pixels = np.frombuffer(page.pixels(), np.uint8).reshape(5000, 1, 28, 28)
    assert np.array_equal(pixels[4500:], data.test.images.numpy())
    assert list(page.labels()[4000:4500]) == data.validation.labels.tolist()


def test_a_beginning_of_the_order_is_the_set_s_view_of_that_many():
    data = load("mnist-5k")
    first = page_images(data).order[:300]
    expected = view(data, 300, ()).train.images
    assert torch.equal(data.train.images[torch.from_numpy(first)], expected)
    of_a_view = page_images(load("mnist-5k@1000"))
    assert torch.equal(of_a_view.train.images[torch.from_numpy(of_a_view.order[:300])], expected)


def test_images_asked_for_are_the_set_s_view_of_that_many():
    page = page_images(load("mnist-5k"), 300)
    assert page.data.name == "mnist-5k@300"
    assert page.data.sha256 == load("mnist-5k@300").sha256
    assert page.note == (
        "300 of 4,000 training, all 500 validation and all 500 test images are in the page, evenly from all classes"
    )


def test_where_not_all_fit_each_split_gives_its_part_of_every_class(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 40_000)  # noise takes 64 bytes an image and a third more in base64
    page = page_images(noise())
    assert page.note is not None
    assert len(page.pixels()) * 4 / 3 <= 40_000
    for kept, of in zip(page.counts.values(), page.of.values(), strict=True):
        assert 0.4 < kept / of < 0.55
    for split in (page.train, page.validation, page.test):
        counts = torch.bincount(split.labels)
        assert counts.max() - counts.min() <= 1


def test_more_than_fit_or_are_there_are_refused_with_what_would_go(monkeypatch):
    with pytest.raises(UserError, match="has 600 training images; expected 1 to that many"):
        page_images(noise(), 601)
    monkeypatch.setattr(module, "MOST_BYTES", 40_000)
    with pytest.raises(UserError, match="expected at most 420"):
        page_images(noise(), 500)
    page = page_images(noise(), 420)
    assert page.counts["train"] == 420
    assert len(page.pixels()) * 4 / 3 <= 40_000


def test_one_class_is_nothing_to_learn():
    with pytest.raises(UserError, match="1 class; a page to train in expected 2 to 256"):
        page_images(noise(classes=1))
