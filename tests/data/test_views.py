"""Fewer images, shuffled labels, permuted pixels: what they change and what they leave."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab import UserError, load


@pytest.fixture(scope="module")
def whole():
    return load("mnist-5k")


def rows(split):
    return {(image.numpy().tobytes(), int(label)) for image, label in zip(split.images, split.labels, strict=True)}


def test_fewer_images_are_some_of_the_training_images_in_equal_proportions(whole):
    small, smaller = load("mnist-5k@1000"), load("mnist-5k@100")
    assert (small.name, len(small.train), len(smaller.train)) == ("mnist-5k@1000", 1000, 100)
    assert rows(smaller.train) < rows(small.train) < rows(whole.train)
    assert smaller.train.labels.bincount().tolist() == [10] * 10
    for name in ("validation", "test"):
        assert torch.equal(small.split(name).images, whole.split(name).images)
    assert len({whole.sha256, small.sha256, smaller.sha256}) == 3


def test_statistics_are_those_of_the_images_left():
    small = load("mnist-5k@50")
    assert small.mean[0] == pytest.approx(float(small.train.images.double().mean()) / 255)


def test_an_uneven_number_leaves_no_class_out():
    counts = load("mnist-5k@37").train.labels.bincount(minlength=10)
    assert int(counts.min()) >= 3
    assert int(counts.max()) <= 4


def test_shuffled_labels_keep_images_and_counts_and_nothing_else(whole):
    shuffled = load("mnist-5k+shuffled-labels")
    assert torch.equal(shuffled.train.images, whole.train.images)
    assert torch.equal(shuffled.train.labels.bincount(), whole.train.labels.bincount())
    assert 0.05 < float((shuffled.train.labels == whole.train.labels).double().mean()) < 0.15  # chance is a tenth
    assert torch.equal(shuffled.validation.labels, whole.validation.labels)


def test_permuted_pixels_are_one_permutation_for_all_images(whole):
    permuted = load("mnist-5k+permuted-pixels")
    places = (whole.train.images[:, 0].flatten(1).double(), permuted.train.images[:, 0].flatten(1).double())
    assert torch.equal(places[0].sort(dim=1).values, places[1].sort(dim=1).values)
    # A place that is bright in some image tells where it went: columns are equal as sets over all images.
    assert {column.numpy().tobytes() for column in places[0].T} == {column.numpy().tobytes() for column in places[1].T}
    test = (whole.test.images[:, 0].flatten(1), permuted.test.images[:, 0].flatten(1))
    went = [int((column == places[1].T).all(dim=1).nonzero()[0]) for column in places[0].T if column.any()]
    came = [i for i, column in enumerate(places[0].T) if column.any()]
    assert torch.equal(test[0][:, came], test[1][:, went])


def test_views_go_together(whole):
    both = load("mnist-5k@200+permuted-pixels+shuffled-labels")
    assert len(both.train) == 200
    assert any("200 of its 4,000" in note for note in both.notes)


def test_the_same_name_gives_the_same_images():
    assert load("mnist-5k@300+shuffled-labels").sha256 == load("mnist-5k@300+shuffled-labels").sha256


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mnist-5k@0", "expected 1 to that many"),
        ("mnist-5k@4001", "has 4,000 training images"),
        ("mnist-5k+shuffled-lables", "did you mean shuffled-labels"),
        ("mnist5k@10", "did you mean mnist-5k"),
        (f"mnist-5k@{'9' * 18}", "has 4,000 training images"),
        (f"mnist-5k@{'9' * 5000}", "file name too long"),
        ("mnist-5k@１00", "unknown data set"),
    ],
)
def test_refusals(name, says):
    with pytest.raises(UserError, match=says):
        load(name)


def test_a_folder_may_have_such_a_name(tmp_path):
    from PIL import Image

    for first, kind in enumerate(("a", "b")):
        (tmp_path / "set@3" / kind).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (8, 8), 40 * i + first).save(tmp_path / "set@3" / kind / f"{i}.png")
    assert load(f"folder:{tmp_path / 'set@3'}").name.endswith("set@3")


def test_padding_lays_zeros_round_every_image(whole):
    padded = load("mnist-5k@100+padded-to-33")
    assert (padded.image_shape, padded.unpadded) == ((1, 33, 33), (28, 28))
    for name in ("validation", "test"):
        images = padded.split(name).images
        assert torch.equal(images[:, :, 2:30, 2:30], whole.split(name).images)
        assert int(images.sum()) == int(whole.split(name).images.sum())
    assert padded.mean[0] == pytest.approx(float(padded.train.images.double().mean()) / 255)
    assert load("mnist-5k@100+padded-to-30+padded-to-33").unpadded == (28, 28)


def test_gray_becomes_rgb_and_rgb_gray_as_pillow_has_it(whole, tmp_path):
    rgb = load("mnist-5k+rgb+padded-to-32")
    assert (rgb.image_shape, len(rgb.mean)) == ((3, 32, 32), 3)
    assert all(torch.equal(rgb.test.images[:, [c], 2:30, 2:30], whole.test.images) for c in range(3))
    colours = np.random.default_rng(0).integers(0, 256, (90, 9, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "colours.npz", images=colours, labels=np.arange(90) % 3)
    plain, gray = load(f"npz:{tmp_path}/colours.npz"), load(f"npz:{tmp_path}/colours.npz+gray")
    for before, after in zip(plain.train.images, gray.train.images, strict=True):
        expected = Image.fromarray(before.permute(1, 2, 0).numpy()).convert("L")
        assert np.array_equal(after[0].numpy(), np.asarray(expected))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mnist-5k+padded-to-27", "28×28; expected a side of 28 to 4096"),
        ("mnist-5k+padded-to-9999999", "28×28; expected a side of 28 to 4096"),
        ("mnist-5k+gray", "have 1 channel; expected 3: leave"),
        ("mnist-5k+rgb+rgb", "have 3 channels; expected 1: leave"),
        ("mnist-5k+padded-to", "unknown change padded-to; did you mean padded-to-32?"),
    ],
)
def test_other_sizes_and_channels_that_cannot_be(name, says):
    with pytest.raises(UserError, match=re.escape(says)):
        load(name)
