"""Arrays in memory are the data set that a file of them is, by the same checks, and share nothing with their owner."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cnnlab
from cnnlab.data import load
from cnnlab.errors import UserError

RNG = np.random.default_rng(0)


def pixels(count, *shape):
    return RNG.integers(0, 256, (count, *(shape or (5, 6))), dtype=np.uint8)


def same(one, other):
    assert one.sha256 == other.sha256
    assert (one.classes, one.mean, one.std) == (other.classes, other.mean, other.std)


@pytest.mark.parametrize("parts", [(), ("test",), ("test", "val")])
def test_a_set_of_arrays_is_that_of_their_file(tmp_path, parts):
    classes = np.array(["circle", "square", "star"])
    arrays = {"x_train": pixels(60), "y_train": np.arange(60) % 3}
    for part in parts:
        arrays |= {f"x_{part}": pixels(9), f"y_{part}": np.arange(9)[:, None] % 3}
    named = arrays if parts else {"images": arrays["x_train"], "labels": arrays["y_train"]}
    np.savez(tmp_path / "x.npz", classes=classes, **named)
    given = {
        word: (arrays[f"x_{part}"], arrays[f"y_{part}"])
        for part, word in (("test", "test"), ("val", "validation"))
        if part in parts
    }
    made = cnnlab.data_of(arrays["x_train"], arrays["y_train"], classes=list(classes), **given)
    same(made, load(f"npz:{tmp_path / 'x.npz'}"))


@pytest.mark.parametrize("shape", [(5, 6), (1, 5, 6), (5, 6, 3), (3, 5, 6)])
def test_tensors_lists_and_every_layout(shape):
    images, labels = pixels(40, *shape), np.arange(40) % 2
    of_arrays = cnnlab.data_of(images, labels)
    same(cnnlab.data_of(torch.tensor(images), torch.tensor(labels)), of_arrays)
    same(cnnlab.data_of(torch.tensor(images), labels.tolist()), of_arrays)
    channels_first = images.reshape(40, -1, 5, 6) if shape[-1] != 3 else images.transpose(0, 3, 1, 2)
    same(cnnlab.data_of(channels_first, labels), of_arrays)
    assert of_arrays.image_shape == (3 if 3 in shape else 1, 5, 6)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_what_was_given_may_change_after(kind):
    images, labels, more = kind(pixels(40)), kind(np.arange(40) % 2), (kind(pixels(4)), kind([0, 1, 0, 1]))
    made = cnnlab.data_of(images, labels, test=more, validation=(kind(pixels(4)), kind([0, 1, 0, 1])))
    before = made.train.images.clone(), made.test.images.clone(), made.train.labels.clone()
    for array in (images, labels, more[0]):
        array[:] = 0
    assert torch.equal(made.train.images, before[0])
    assert torch.equal(made.test.images, before[1])
    assert torch.equal(made.train.labels, before[2])


def test_floats_words_and_one_hot_rows_are_taken_as_a_file_s_are():
    images, labels = pixels(60), np.arange(60) % 3
    plain = cnnlab.data_of(images, labels)
    same(cnnlab.data_of(torch.tensor(images) / 255, torch.eye(3)[labels]), plain)
    worded = cnnlab.data_of(images.astype(np.float32), [("a", "b", "c")[label] for label in labels])
    assert (worded.sha256, worded.classes) == (plain.sha256, ("a", "b", "c"))
    assert worded.notes[-1] == "labels became class numbers: a → 0, b → 1, c → 2"


def test_a_net_learns_it():
    labels = np.arange(200) % 2
    images = np.where(labels[:, None, None] == 1, pixels(200, 12, 12) // 4 + 150, pixels(200, 12, 12) // 4)
    made = cnnlab.data_of(images.astype(np.uint8), labels, classes=("dark", "light"))
    net = cnnlab.ConvNet(image_size=(12, 12), num_classes=2, widths=(4,), hidden=0, dropout=0.0)
    records = cnnlab.train(net, made).epochs
    assert max(record.validation_accuracy for record in records) == 1.0


GOOD = (pixels(40), np.arange(40) % 2)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((pixels(40) / 3, GOOD[1]), {}, r"arrays: images is float64, numbers from 0 to 85; expected.*images.round"),
        ((GOOD[0], GOOD[1] / 2), {}, "arrays: labels holds the label 0.5; expected one class an image"),
        ((GOOD[0], GOOD[1][:-1]), {}, "arrays: images holds 40 images, labels 39 labels; expected one label an image"),
        ((pixels(40, 3, 3, 3), GOOD[1]), {}, "could be channels first or last"),
        ((GOOD[0], np.full(40, None)), {}, "arrays: labels is object; expected integers or words"),
        ((GOOD[0], GOOD[1] * 0), {}, "labels of 1 class only"),
        (GOOD, {"classes": ["one"]}, "labels run to 1 but classes names 1"),
        (GOOD, {"name": "mine", "test": pixels(4)}, r"mine: test is ndarray; expected images and labels"),
        (GOOD, {"test": (pixels(4),)}, r"arrays: test is tuple of 1; expected images and labels"),
        (GOOD, {"test": (pixels(4, 7, 7), [0, 1, 0, 1])}, "expected one shape"),
        (GOOD, {"test": (GOOD[0][:8], GOOD[1][:8])}, "stand among the training images"),
        (GOOD, {"validation": GOOD}, r"none for the test; expected both.*add test=\(images, labels\)"),
        (
            ([pixels(1, 5, 6)[0], pixels(1, 7, 7)[0]], [0, 1]),
            {},
            r"shapes \(5, 6\) and \(7, 7\); expected one shape",
        ),
        (("digits.png", [0, 1]), {}, "arrays: images is <U10; expected uint8"),
        ((None, None), {}, "arrays: images is NoneType; expected a NumPy array or a tensor: give one"),
        ((GOOD[0], None), {}, "arrays: labels is NoneType; expected a NumPy array or a tensor: give one"),
        ((iter(GOOD[0]), GOOD[1]), {}, "arrays: images is .*iterator; .*: make a list of what it yields"),
    ],
)
def test_what_it_refuses(arguments, options, says):
    with pytest.raises(UserError, match=says) as error:
        cnnlab.data_of(*arguments, **options)
    assert "\n" not in str(error.value)


def test_half_precision_that_numpy_lacks_is_taken():
    images = torch.tensor(GOOD[0]) / 255
    found, expected = (cnnlab.data_of(each, GOOD[1]) for each in (images.bfloat16(), images.bfloat16().float()))
    assert found.sha256 == expected.sha256
