from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data import load, overlap
from cnnlab.data.imageset import Split, channel_statistics, content_hash, image_set


def split(count: int = 4, shape: tuple[int, ...] = (1, 3, 3), labels: list[int] | None = None) -> Split:
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8)
    return Split(images, torch.tensor(labels if labels is not None else [i % 2 for i in range(count)]))


def build(**splits: Split):
    parts = {"train": split(), "validation": split(), "test": split()} | splits
    return image_set("x", classes=("a", "b"), source="s", split_note="n", **parts)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"validation": split(0)}, "validation split is empty"),
        ({"test": split(3, labels=[0, 1])}, "3 test images but 2 labels"),
        ({"test": split(shape=(1, 4, 4))}, "expected one shape"),
        ({"train": split(labels=[0, 1, 2, 0])}, "labels run from 0 to 2; expected 0 to 1"),
        ({"train": split(labels=[0, 1, -1, 0])}, "labels run from -1 to 1"),
    ],
)
def test_refuses(wrong, words, refused):
    assert words in refused(build, **wrong)


def test_statistics_are_those_of_numpy():
    images = torch.randint(0, 256, (50, 3, 7, 5), dtype=torch.uint8)
    mean, std = channel_statistics(images)
    pixels = images.numpy() / 255
    np.testing.assert_allclose(mean, pixels.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, pixels.std((0, 2, 3)), rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 5), (1, 1, 3), (1, 2, 4)])
@pytest.mark.parametrize("are_all_sums_equal", [False, True])
def test_images_that_stand_among_others_are_those_of_the_same_bytes(
    shape: tuple[int, ...], are_all_sums_equal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the weighted sums say, by which most are told apart at once."""
    if are_all_sums_equal:
        monkeypatch.setattr(overlap, "_weighted_sums", lambda images: np.zeros(len(images), dtype=np.uint64))
    monkeypatch.setattr(overlap, "AT_ONCE", 7)
    random = np.random.default_rng(0)
    most = 2 if shape == (1, 1, 3) else 256
    others = torch.from_numpy(random.integers(0, most, (60, *shape), dtype=np.uint8))
    images = torch.from_numpy(random.integers(0, most, (40, *shape), dtype=np.uint8))
    images[[0, 3, 4]] = others[[59, 7, 7]]
    images[9] = others[9]
    images[9].flatten()[-1] ^= 1  # the last pixel alone
    among = {one.numpy().tobytes() for one in others}
    expected = sum(one.numpy().tobytes() in among for one in images)
    assert expected >= 3
    assert overlap.repeated(images, among=others) == expected


def test_the_hash_sees_pixels_labels_and_their_split():
    parts = {"train": split(), "test": split()}
    whole = content_hash(parts)
    assert content_hash(parts) == whole
    train = parts["train"]
    pixel = train.images.clone()
    pixel[0, 0, 0, 0] ^= 1
    for other in (
        parts | {"train": dataclasses.replace(train, images=pixel)},
        parts | {"train": dataclasses.replace(train, labels=1 - train.labels)},
        {"train": parts["test"], "test": train},
    ):
        assert content_hash(other) != whole
    strided = dataclasses.replace(train, images=train.images.flip(3).flip(3).transpose(2, 3).transpose(2, 3))
    assert content_hash(parts | {"train": strided}) == whole


def test_the_shape_and_the_splits_by_name():
    images = build()
    assert images.image_shape == (1, 3, 3)
    assert images.split("validation") is images.validation


def test_a_test_split_of_training_images_is_refused(refused):
    seen = split(200)
    leaking = Split(torch.cat([split(96).images, seen.images[:4]]), torch.arange(100) % 2)
    assert "x: 4 of 100 test images stand among the training images" in refused(build, train=seen, test=leaking)
    assert "x: 200 of 200 test images" in refused(build, train=seen, test=seen)


@pytest.mark.parametrize("ending", ["", "@20", "+permuted-pixels", "+rgb@20", "side"])
@pytest.mark.parametrize("kind", ["npz", "folder"])
def test_such_a_set_is_given_for_looking_at_it_alone(tmp_path, refused, kind, ending):
    images = np.random.default_rng(0).integers(0, 256, (60, 6, 6), dtype=np.uint8)
    labels = np.arange(60) % 2
    if kind == "npz":
        place = tmp_path / "leaky.npz"
        np.savez(place, x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    else:
        place = tmp_path / "leaky"
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            for part in ("train", "test") if index < 20 else ("train",):
                (place / part / str(label)).mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(place / part / str(label) / f"{index}.png")
    if ending == "side":
        name, how = f"{kind}:{place}", {"image_size": 9, "cache": tmp_path / "cache"}
    else:
        name, how = f"{kind}:{place}{ending}", {"cache": tmp_path / "cache"}
    for _ in range(2):
        assert " of 20 test images stand among the training images" in refused(load, name, **how)
        data = load(name, leaks_allowed=True, **how)
        assert len(data.test) == 20
        assert data.repeated == len({one.numpy().tobytes() for one in data.train.images}.intersection(
            one.numpy().tobytes() for one in data.test.images
        ))  # fmt: skip


def test_a_few_repeated_images_are_said():
    seen = split(200)
    test = Split(torch.cat([split(199).images, seen.images[7:8]]), torch.arange(200) % 2)
    validation = Split(torch.cat([split(97).images, seen.images[:3]]), torch.arange(100) % 2)
    validation_line, test_line = build(train=seen, validation=validation, test=test).leaks
    assert validation_line.startswith("x: 3 of 100 validation images stand among the training images")
    assert test_line == (
        "x: 1 of 200 test images stand among the training images, pixel for pixel: test accuracy flatters by up to "
        "0.5 points"
    )
    assert build().leaks == ()


def test_an_image_that_differs_in_one_pixel_is_another(refused):
    seen = split(100)
    images = seen.images.clone()
    images[:, 0, 0, 0] ^= 1
    assert build(train=seen, test=Split(images, seen.labels)).leaks == ()


def test_sets_and_splits_are_equal_when_what_they_hold_is():
    small = load("mnist-5k@100")
    again, other = load("mnist-5k@100"), load("mnist-5k@120")
    assert small == again
    assert hash(small) == hash(again)
    assert small != other
    assert other not in [small, again]
    assert small != 3
    assert small.test == again.test
    assert small.test != small.validation
    one_pixel = small.test.images.clone()
    one_pixel[0, 0, 0, 0] += 1
    assert dataclasses.replace(small.test, images=one_pixel) != small.test
    assert dataclasses.replace(small.test, labels=small.test.labels.int()) != small.test
    assert dataclasses.replace(small, notes=("another",)) != small
    assert len({small, again, other}) == 2


def test_a_class_that_no_training_image_shows_is_said():
    parts = {"train": split(), "validation": split(), "test": split(labels=[0, 1, 2, 3])}
    data = image_set("x", classes=("a", "b", "c", "owl"), source="s", split_note="n", notes=("one",), **parts)
    assert data.notes == ("one", "no training image shows c, owl: a net cannot learn it")


def test_two_classes_of_one_name_are_refused(refused):
    parts = {"train": split(), "validation": split(), "test": split()}
    said = refused(image_set, "x", classes=("cat", "owl", "cat"), source="s", split_note="n", **parts)
    assert "two classes are named 'cat'" in said
