"""An epoch's steps: every image once, no lone one, and enough steps where images are few."""

from __future__ import annotations

import dataclasses

import pytest

from cnnlab.config import Training
from cnnlab.data import Split
from cnnlab.training.course import Course, steps_per_epoch
from cnnlab.training.recipes import FEWEST_STEPS, default_epochs


@pytest.mark.parametrize("batch_size", [1, 2, 16, 64, 1000])
@pytest.mark.parametrize("images", [1, 2, 3, 5, 65, 95, 97, 100, 127, 320])
def test_an_epoch_sees_every_image_once_and_none_alone(small, images, batch_size):
    few = dataclasses.replace(small, train=Split(small.train.images[:images], small.train.labels[:images]))
    course = Course.of(Training(epochs=1, batch_size=batch_size), few)
    taken = [list(range(images))[course.batch(step)] for step in range(course.total_steps)]
    assert sorted(image for batch in taken for image in batch) == list(range(images))
    sizes = [len(batch) for batch in taken]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(3, 1.5 * batch_size)
    assert min(sizes) > 1 or batch_size == 1 or images == 1


def test_few_images_make_enough_steps_and_many_as_many_as_ever():
    for images in (1, 2, 50, 100, 127, 200, 500):
        for batch_size in (16, 64):
            epochs = default_epochs(images, batch_size)
            assert epochs * steps_per_epoch(images, batch_size) >= FEWEST_STEPS
    assert [default_epochs(images) for images in (1000, 4000, 55_000)] == [20, 20, 3]
    assert steps_per_epoch(4000, 128) == 31
    assert steps_per_epoch(55_000, 256) == 215
