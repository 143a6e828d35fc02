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
        ({"images": pixels(12) * 1.0 + 300}, "float64, whole numbers from"),
        ({"images": pixels(12).astype(np.int32) - 3}, "int32, whole numbers from"),
        ({"images": pixels(12) / 255 * np.nan}, "no finite numbers"),
        ({"images": pixels(12) * 1j}, "complex128; expected uint8"),
        ({"images": pixels(12).astype("M8[s]")}, "datetime64[s]; expected uint8"),
        ({"images": np.array([None] * 12)}, "never unpickled"),
        ({"images": pixels(12, 784)}, "(12, 784); expected (N, H, W)"),
        ({"images": pixels(12, 5, 5, 4)}, "(12, 5, 5, 4); expected"),
        ({"images": pixels(12, 3, 5, 3)}, "channels first or last"),
        ({"images": pixels(12, 0, 5)}, "at least one image with pixels"),
        ({"images": pixels(11)}, "11 images, labels 12 labels"),
        ({"images": np.uint8(3)}, "expected (N, H, W)"),
        ({"labels": np.arange(12) % 2 - 1, "classes": np.array(["a", "b"])}, "label -1; expected 0 and up"),
        ({"labels": np.zeros(12, int)}, "1 class only"),
        ({"labels": np.arange(12) % 2 / 2}, "the label 0.5; expected one class an image"),
        ({"labels": np.arange(12) * 1j}, "complex128; expected integers"),
        ({"labels": np.array(["a", "b"] * 5 + ["", "b"])}, "an image without a label"),
        ({"labels": np.array(["a", "b"] * 5 + ["c" * 201, "b"])}, "a label of 201 characters"),
        ({"labels": np.eye(12, dtype=int)}, "class 0 has 1 image"),
        ({"labels": np.eye(12, 3, dtype=int)}, "of whose rows 9 are not one 1 among zeros"),
        ({"labels": np.array([["a", "b"]] * 12)}, "expected (N,) or (N, 1)"),
        ({"labels": np.zeros((12, 2, 2), int)}, "one label for each image"),
        ({"labels": np.array([0] * 10 + [1] * 2)}, "class 1 has 2 images"),
        (
            {"labels": np.array(["cat", "dog"] * 6), "classes": np.array(["cat", "owl"])},
            "label 'dog', which classes does",
        ),
        ({"classes": np.array(["cat", "cat"])}, "classes names 'cat' twice"),
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
        ({"arr_0": 0}, "holds arr_0; expected"),
        ({"arr_0": 0, "arr_1": 1, "arr_2": 0}, "holds arr_0, arr_1, arr_2; expected"),
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


def everything(loaded):
    """Every image with the name of its class, whichever split it is in."""
    splits = [loaded.split(name) for name in ("train", "validation", "test")]
    return {
        image.numpy().tobytes(): loaded.classes[label]
        for split in splits
        for image, label in zip(split.images, split.labels.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (lambda x: x / 255, "times 255"),
        (lambda x: (x / 255).astype(np.float32), "times 255"),
        (lambda x: (x / 255).astype(np.float16), "times 255"),
        (lambda x: x.astype(np.float32), "as they are"),
        (lambda x: x.astype(np.int64), "as they are"),
        (lambda x: x / 127.5 - 1, "(x + 1) / 2 · 255"),
        (lambda x: (x / 127.5 - 1).astype(np.float32), "(x + 1) / 2 · 255"),
    ],
)
def test_pixels_that_are_no_bytes_are_the_same_images_by_a_rule_that_is_said(saved, written, rule):
    images, labels = pixels(40), np.arange(40) % 2
    images[:2, 0, 0] = 0, 255
    loaded = load(saved(images=written(images), labels=labels))
    assert loaded.sha256 == load(saved(images=images, labels=labels)).sha256
    (note,) = loaded.notes
    assert rule in note
    assert str(written(images).dtype) in note


def test_ones_and_zeros_are_black_and_white(saved):
    images = pixels(40) > 127
    for kind in (bool, np.int32, np.float64):
        loaded = load(saved(images=images.astype(kind), labels=np.arange(40) % 2))
        assert loaded.train.images.unique().tolist() == [0, 255]


def test_one_range_of_all_splits_decides(saved):
    dark, light = np.zeros((30, 4, 4)), np.ones((30, 4, 4))
    dark[:, 0, 0], light[:, 0, 0] = np.arange(30) % 2, 200 + np.arange(30)
    labels = np.arange(30) % 2
    loaded = load(saved(x_train=light, y_train=labels, x_test=dark + np.arange(30)[:, None, None], y_test=labels))
    assert loaded.test.images.max() == 30  # as they are: the test alone would not decide it
    assert loaded.train.images.max() == 229


@pytest.mark.parametrize("of", [pixels(12) * 3.5 - 7, pixels(12) / 3, pixels(12).astype(np.uint16) * 200])
def test_who_does_what_the_refusal_says_is_taken(saved, refused, of):
    advice = refused(load, saved(images=of, labels=np.arange(12) % 2)).rpartition(": ")[2]
    expression = advice.partition(" with ")[2]
    obeyed = eval(expression, {"np": np, "images": of})
    loaded = load(saved(images=obeyed, labels=np.arange(12) % 2))
    assert loaded.image_shape == (1, 5, 6)


def test_who_chooses_a_column_of_several_labels_is_taken(saved, refused):
    labels = np.stack([np.arange(40) % 2, np.arange(40) // 2 % 2], axis=1)
    text = refused(load, saved(images=pixels(40), labels=labels))
    assert "several labels an image" in text
    column = eval(text.rpartition("such as ")[2], {"labels": labels})
    assert load(saved(images=pixels(40), labels=column)).classes == ("0", "1")


@pytest.mark.parametrize(
    ("labels", "classes", "map_"),
    [
        (np.arange(40) % 2 + 1, ("1", "2"), "1 → 0, 2 → 1"),
        (np.arange(40) % 2 * 7 - 3, ("-3", "4"), "-3 → 0, 4 → 1"),
        (np.array([10, 9] * 20), ("9", "10"), "9 → 0, 10 → 1"),
        (np.array([10.0, 9.0] * 20), ("9", "10"), "9 → 0, 10 → 1"),
        (np.array(["10", "9"] * 20), ("9", "10"), "9 → 0, 10 → 1"),
        (np.array(["owl", "cat"] * 20), ("cat", "owl"), "cat → 0, owl → 1"),
        (np.array([b"owl", b"cat"] * 20), ("cat", "owl"), "cat → 0, owl → 1"),
        (np.array([True, False] * 20), ("False", "True"), "False → 0, True → 1"),
        (np.array([2**63 + 1, 5] * 20, np.uint64), ("5", str(2**63 + 1)), f"5 → 0, {2**63 + 1} → 1"),
        (np.array(["1", "0"] * 20), ("0", "1"), None),
        (np.array([1.0, 0.0] * 20), ("0", "1"), None),
    ],
)
def test_labels_of_any_kind_are_mapped_and_the_map_is_shown(saved, labels, classes, map_):
    images = pixels(40)
    loaded = load(saved(images=images, labels=labels))
    assert loaded.classes == classes
    assert list(loaded.notes) == ([f"labels became class numbers: {map_}"] if map_ else [])
    words = [
        str(int(v)) if labels.dtype.kind == "f" else v.decode() if labels.dtype.kind == "S" else str(v) for v in labels
    ]
    assert everything(loaded) == dict(zip([image.tobytes() for image in images], words, strict=True))


def test_words_are_found_among_the_classes_that_are_named(saved):
    images, words = pixels(40), np.array(["owl", "cat"] * 20)
    loaded = load(saved(images=images, labels=words, classes=np.array(["owl", "dog", "cat"])))
    assert loaded.classes == ("owl", "dog", "cat")
    assert everything(loaded) == dict(zip([image.tobytes() for image in images], words.tolist(), strict=True))


@pytest.mark.parametrize("kind", [np.uint8, np.float32, bool])
def test_one_hot_labels_are_classes(saved, kind):
    images, labels = pixels(60), np.arange(60) % 3
    one_hot = load(saved(images=images, labels=np.eye(3)[labels].astype(kind)))
    assert one_hot.sha256 == load(saved(images=images, labels=labels)).sha256
    assert "one-hot" in one_hot.notes[0]


@pytest.mark.parametrize("turned", [False, True])
def test_two_arrays_without_names_are_told_apart_by_their_dimensions(tmp_path, saved, turned):
    images, labels = pixels(40), np.arange(40) % 2
    np.savez(tmp_path / "y.npz", *([labels, images] if turned else [images, labels]))
    assert load(f"npz:{tmp_path / 'y.npz'}").sha256 == load(saved(images=images, labels=labels)).sha256


@pytest.mark.parametrize("with_test", [True, False])
def test_validation_without_a_test_has_the_test_cut(saved, with_test):
    arrays = {"train_images": pixels(40), "train_labels": np.arange(40) % 2}
    arrays |= {"test_images": pixels(10), "test_labels": np.arange(10) % 2} if with_test else {}
    arrays |= {"val_images": pixels(6), "val_labels": np.arange(6) % 2}
    loaded = load(saved(**arrays))
    assert [len(loaded.split(name)) for name in ("train", "validation", "test")] == (
        [40, 6, 10] if with_test else [36, 6, 4]
    )
    assert everything(loaded).keys() == {
        x.tobytes() for key, images in arrays.items() if "images" in key for x in images
    }


def test_a_class_that_is_only_in_the_test_is_named(saved):
    arrays = {"x_train": pixels(40), "y_train": np.arange(40) % 2, "x_test": pixels(9), "y_test": np.arange(9) % 3}
    loaded = load(saved(**arrays, classes=np.array(["cat", "dog", "owl"])))
    assert any("no training image shows owl" in note for note in loaded.notes)


class TestAnArrayInEachFile:
    """KMNIST's and K49's four files, and Kannada MNIST's."""

    def write(
        self, folder: Path, pattern: str = "{set}-{part}-{what}.npz", *, of: str = "kmnist"
    ) -> dict[str, np.ndarray]:
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {}
        for part, count in (("train", 60), ("test", 20)):
            arrays[f"x_{part}"], arrays[f"y_{part}"] = pixels(count, 28, 28), (np.arange(count) % 10).astype(np.uint8)
            for what, key in (("imgs", f"x_{part}"), ("labels", f"y_{part}")):
                short = "X" if what == "imgs" else "y"
                np.savez_compressed(folder / pattern.format(set=of, part=part, what=what, short=short), arrays[key])
        return arrays

    @pytest.mark.parametrize(
        "named", ["", "kmnist-train-imgs.npz", "kmnist-test-labels.npz", "kmnist", "..", "../KMNIST"]
    )
    def test_they_are_one_set_whichever_is_named(self, tmp_path, saved, named):
        arrays = self.write(tmp_path / "in/KMNIST")
        loaded = load(f"npz:{tmp_path / 'in/KMNIST' / named}")
        assert loaded.sha256 == load(saved(**arrays)).sha256
        assert loaded.classes == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
        assert loaded.preparation == "digit"

    def test_other_names_of_files(self, tmp_path, saved):
        arrays = self.write(tmp_path / "kannada", "{short}_{set}_{part}.npz", of="kannada_MNIST")
        loaded = load(f"npz:{tmp_path / 'kannada'}")
        assert (loaded.sha256, loaded.classes[:2]) == (load(saved(**arrays)).sha256, ("0", "1"))

    def test_of_several_sets_one_is_to_be_named_and_then_taken(self, tmp_path, refused):
        arrays = self.write(tmp_path / "all")
        self.write(tmp_path / "all", of="k49")
        text = refused(load, f"npz:{tmp_path / 'all'}")
        assert "holds 2 sets (k49, kmnist)" in text
        assert "such as npz:" in text
        assert len(load(text.rpartition("such as ")[2]).test) == 20
        loaded = load(f"npz:{tmp_path / 'all/kmnist'}")
        assert torch.equal(loaded.test.images[:, 0], torch.from_numpy(arrays["x_test"]))

    def test_what_is_missing_or_too_much_is_named(self, tmp_path, refused):
        folder = tmp_path / "k"
        self.write(folder)
        (folder / "kmnist-test-labels.npz").rename(folder / "other.npz")
        assert "no file of test labels; expected one beside kmnist-test-imgs.npz" in refused(load, f"npz:{folder}")
        (folder / "kmnist-test-imgs.npz").unlink()
        assert len(load(f"npz:{folder}").test) == 10  # cut: no file is for the test
        np.savez(folder / "kmnist-train-labels.npz", np.arange(60), np.arange(60))
        assert "kmnist-train-labels.npz holds 2 arrays; expected one" in refused(load, f"npz:{folder}")
        np.savez(folder / "kmnist-train-labels.npz", np.array([None]))
        assert "never unpickled" in refused(load, f"npz:{folder}")

    def test_a_folder_without_them(self, tmp_path, refused):
        assert "without files such as kmnist-train-imgs.npz" in refused(load, f"npz:{tmp_path}")


def test_labels_longer_than_they_may_be_are_refused_unread(saved, refused, monkeypatch):
    name = saved(images=pixels(40), labels=np.eye(40))
    monkeypatch.setattr("cnnlab.data.npz._MOST_LABELS", 10_000)
    assert "labels of 12,800 bytes; expected at most 10,000" in refused(load, name)


def test_a_file_without_permission(saved, refused, monkeypatch):
    name = saved(**GOOD)

    def deny(file: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr("cnnlab.data.npz.open_plain", deny)
    assert "mend its permissions" in refused(load, name)


@pytest.mark.parametrize("which", ["classes", "labels"])
def test_numbers_that_are_no_signs_are_refused(tmp_path, refused, which):
    words = np.array(["cat", "owl"])
    words.view(np.uint32)[1] = 0x110000
    arrays = {"images": np.zeros((40, 6, 6), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None]}
    arrays |= {"labels": words[np.arange(40) % 2]} if which == "labels" else {"labels": np.arange(40) % 2}
    np.savez(tmp_path / "x.npz", **arrays, **({"classes": words} if which == "classes" else {}))
    assert "holds 1,114,112 where a sign should be" in refused(load, f"npz:{tmp_path}/x.npz")
