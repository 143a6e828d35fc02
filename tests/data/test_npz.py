from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cnnlab.data.loading import load

RNG = np.random.default_rng(0)


def pixels(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, *(shape or (5, 6))), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path):
    def save(**arrays: np.ndarray) -> str:
        np.savez(tmp_path / "x.npz", **arrays)
        return f"npz:{tmp_path / 'x.npz'}"

    return save


def test_images_and_labels_are_split(saved):
    images, labels = pixels(60), np.arange(60) % 3
    loaded = load(saved(images=images, labels=labels))
    assert [len(loaded.split(s)) for s in ("train", "validation", "test")] == [48, 6, 6]
    rows = [loaded.split(s) for s in ("train", "validation", "test")]
    for split, each in zip(rows, (16, 2, 2), strict=True):
        assert torch.bincount(split.labels).tolist() == [each] * 3
    original = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    found = {x.numpy().tobytes(): int(y) for s in rows for x, y in zip(s.images, s.labels, strict=True)}
    assert found == original
    assert loaded.classes == ("0", "1", "2")
    assert loaded.image_shape == (1, 5, 6)
    assert load(saved(images=images, labels=labels)).sha256 == loaded.sha256


@pytest.mark.parametrize(
    ("x", "y", "train", "validation", "test"),
    [("x_{}", "y_{}", "train", "val", "test"), ("{}_images", "{}_labels", "train", "val", "test")],
)
@pytest.mark.parametrize("given", [True, False])
def test_splits_of_others_are_honoured(saved, x, y, train, validation, test, given):
    arrays = {}
    for part, count in ((train, 40), (validation, 6), (test, 8)):
        if part != validation or given:
            arrays[x.format(part)] = pixels(count, 7, 7, 3)
            arrays[y.format(part)] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    loaded = load(saved(**arrays))
    assert loaded.image_shape == (3, 7, 7)
    assert torch.equal(loaded.test.images, torch.from_numpy(arrays[x.format(test)]).permute(0, 3, 1, 2))
    assert loaded.test.labels.tolist() == [0, 1] * 4
    if given:
        assert torch.equal(loaded.train.images, torch.from_numpy(arrays[x.format(train)]).permute(0, 3, 1, 2))
        assert len(loaded.validation) == 6
    else:
        assert (len(loaded.train), len(loaded.validation)) == (36, 4)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((9, 8), (1, 9, 8)),
        ((9, 8, 1), (1, 9, 8)),
        ((9, 8, 3), (3, 9, 8)),
        ((1, 9, 8), (1, 9, 8)),
        ((3, 9, 8), (3, 9, 8)),
    ],
)
def test_shapes(saved, shape, expected):
    assert load(saved(images=pixels(12, *shape), labels=np.arange(12) % 2)).image_shape == expected


def test_classes_are_named_and_other_arrays_noted(saved):
    loaded = load(
        saved(
            images=pixels(12),
            labels=np.arange(12) % 2,
            classes=np.array(["cat", "dog", "unicorn"]),
            extra=np.array([{"an": "object"}], dtype=object),
        )
    )
    assert loaded.classes == ("cat", "dog", "unicorn")
    assert loaded.notes == ("ignored arrays: extra", "no training image shows unicorn: a net cannot learn it")


GOOD = {"images": pixels(12), "labels": np.arange(12) % 2}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": pixels(12) / 255}, "float64; expected uint8, 0–255: scale and convert"),
        ({"images": pixels(12).astype(np.int32)}, "int32; expected uint8"),
        ({"images": np.array([None] * 12)}, "never unpickled"),
        ({"images": pixels(12, 784)}, "(12, 784); expected (N, H, W)"),
        ({"images": pixels(12, 5, 5, 4)}, "(12, 5, 5, 4); expected"),
        ({"images": pixels(12, 3, 5, 3)}, "channels first or last"),
        ({"images": pixels(12, 0, 5)}, "at least one image with pixels"),
        ({"images": pixels(11)}, "11 images, labels 12 labels"),
        ({"images": np.uint8(3)}, "expected (N, H, W)"),
        ({"labels": np.arange(12) % 2 - 1}, "label -1; expected 0 and up"),
        ({"labels": np.array([0, 2] * 6)}, "no image has 1"),
        ({"labels": np.array([0, 2**63] * 6, dtype=np.uint64)}, "expected class numbers from 0"),
        ({"labels": np.zeros(12, int)}, "1 class only"),
        ({"labels": np.arange(12) % 2 / 1}, "float64; expected integers"),
        ({"labels": np.arange(12) % 2 == 1}, "bool; expected integers"),
        ({"labels": np.eye(12, dtype=int)}, "argmax"),
        ({"labels": np.array([0] * 10 + [1] * 2)}, "class 1 has 2 images"),
        ({"labels": np.array(["cat", "dog"] * 6)}, "expected integers"),
        ({"classes": np.array(["cat"])}, "classes names 1"),
        ({"classes": np.array([1, 2])}, "expected a 1-D array of strings"),
        ({"classes": np.array(["a", "b"], dtype=object)}, "never unpickled"),
    ],
)
def test_refuses(saved, refused, arrays, words):
    text = refused(load, saved(**(GOOD | arrays)))
    assert words in text
    assert "x.npz" in text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "holds nothing; expected images and labels"),
        ({"data": 0, "target": 1}, "holds data, target; expected"),
        ({"images": 0}, "holds images; expected"),
        ({"x_train": 0, "y_train": 1}, "holds x_train, y_train; expected"),
        ({"x_train": 0, "y_train": 1, "x_test": 0, "y_test": 1, "x_val": 0}, "holds x_val alone"),
        (
            {"x_train": 0, "y_train": 1, "x_test": 0, "y_test": 1, "images": 0, "labels": 1},
            "more than one set of keys",
        ),
    ],
)
def test_refuses_other_keys(saved, refused, keys, words):
    both = (GOOD["images"], GOOD["labels"])
    assert words in refused(load, saved(**{key: both[which] for key, which in keys.items()}))


def test_refuses_splits_of_different_shapes(saved, refused):
    name = saved(x_train=pixels(12), y_train=np.arange(12) % 2, x_test=pixels(4, 6, 6), y_test=np.arange(4) % 2)
    assert "expected one shape" in refused(load, name)


def test_refuses_what_is_no_npz(tmp_path, refused):
    path = tmp_path / "x.npz"
    assert "does not exist" in refused(load, f"npz:{path}")
    assert "names no file" in refused(load, "npz:")
    assert "is a folder" in refused(load, f"npz:{tmp_path}")
    np.save(tmp_path / "x.npy", pixels(3))
    assert "single array" in refused(load, f"npz:{tmp_path / 'x.npy'}")
    for content in (b"", b"rubbish", b"PK\x03\x04rubbish", b"\x93NUMPY\x01"):
        path.write_bytes(content)
        refused(load, f"npz:{path}")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images", b"bytes")
        archive.writestr("labels", b"bytes")
    assert "is not an array" in refused(load, f"npz:{path}")


def test_refuses_every_truncation_and_flipped_data(tmp_path, refused):
    file = io.BytesIO()
    np.savez_compressed(file, images=pixels(12), labels=np.arange(12) % 2)
    whole = file.getvalue()
    path = tmp_path / "x.npz"
    for kept in range(0, len(whole), 37):
        path.write_bytes(whole[:kept])
        refused(load, f"npz:{path}")
    flipped = bytearray(whole)
    flipped[150] ^= 0xFF
    path.write_bytes(bytes(flipped))
    assert "not an intact .npz" in refused(load, f"npz:{path}")


def test_a_file_without_permission(saved, refused, monkeypatch):
    name = saved(**GOOD)

    def deny(file: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr("cnnlab.data.npz.open_plain", deny)
    assert "mend its permissions" in refused(load, name)
