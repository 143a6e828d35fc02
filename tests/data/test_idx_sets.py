"""Folders of idx files as EMNIST, QMNIST and archives of MNIST hand them out, written by hand from known pixels."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

import cnnlab
from cnnlab.data import loading
from cnnlab.data.idx import open_idx
from cnnlab.data.known import KNOWN
from cnnlab.data.listing import available
from cnnlab.data.loading import load

RNG = np.random.default_rng(0)


def pixels(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, *(shape or (5, 7))), dtype=np.uint8)


def idx(array: np.ndarray) -> bytes:
    kind = {"u1": 8, "i4": 12}[array.dtype.str[1:]]
    return (
        struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


IMAGES, LABELS = pixels(60), (np.arange(60) % 3).astype(np.uint8)
TEST_IMAGES, TEST_LABELS = pixels(12), (np.arange(12) % 3).astype(np.uint8)
PLAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def write(folder: Path, names=PLAIN, arrays=(IMAGES, LABELS, TEST_IMAGES, TEST_LABELS)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, arrays, strict=True):
        packed = name.casefold().endswith(".gz")
        (folder / name).write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return folder


def same(one, other):
    assert (one.sha256, one.image_shape) == (other.sha256, other.image_shape)


EXPECTED = cnnlab.data_of(IMAGES, LABELS, test=(TEST_IMAGES, TEST_LABELS))


@pytest.mark.parametrize(
    "names",
    [
        PLAIN,
        [f"{name}.gz" for name in PLAIN],
        [name.replace("-idx", ".idx") for name in PLAIN],
        [f"{name.upper()}.GZ" for name in PLAIN],
        [name.replace("t10k", "test") for name in PLAIN],
        [f"my-signs-{name}" for name in PLAIN],
        [PLAIN[0], f"{PLAIN[1]}.gz", PLAIN[2].replace("-idx", ".idx"), PLAIN[3].upper()],
    ],
)
def test_a_flat_folder_is_a_set_whatever_its_files_names_look_like(tmp_path, names):
    folder = write(tmp_path / "in/signs", names)
    for name in (f"idx:{folder}", f"folder:{folder}", str(folder), f"idx:{folder.parent}", f"idx:{folder / names[2]}"):
        same(load(name), EXPECTED)
    assert load(str(folder)).name == f"idx:{folder}"
    assert load(f"{folder}@10").name == f"idx:{folder}@10"


def test_validation_files_are_kept_and_a_missing_test_is_cut(tmp_path):
    names = (*PLAIN[:2], "val-images-idx3-ubyte", "val-labels-idx1-ubyte")
    loaded = load(f"idx:{write(tmp_path / 'a', names)}")
    assert [len(loaded.split(name)) for name in ("train", "validation", "test")] == [54, 12, 6]
    assert torch.equal(loaded.validation.images[:, 0], torch.from_numpy(TEST_IMAGES))
    alone = load(f"idx:{write(tmp_path / 'b', PLAIN[:2], (IMAGES, LABELS))}")
    same(alone, cnnlab.data_of(IMAGES, LABELS))


@pytest.mark.parametrize("packed", [".gz", ""])
def test_emnist_is_turned_upright_and_its_letters_are_named(tmp_path, packed):
    names = [f"emnist-letters-{name.replace('t10k', 'test')}{packed}" for name in PLAIN]
    turned = (IMAGES.transpose(0, 2, 1), LABELS + 1, TEST_IMAGES.transpose(0, 2, 1), TEST_LABELS + 1)
    folder = write(tmp_path / "gzip", names, turned)
    loaded = load(f"idx:{folder}")
    same(loaded, EXPECTED)
    assert loaded.classes == ("A", "B", "C")
    assert loaded.preparation == "digit"
    assert any("turned upright" in note for note in loaded.notes)
    assert "labels became class numbers: 1 (A) → 0, 2 (B) → 1, 3 (C) → 2" in loaded.notes
    (folder / "emnist-letters-mapping.txt").write_text("1 88 120\n2 89 121\n3 90 122\n")
    assert load(f"idx:{folder}").classes == ("X", "Y", "Z")


@pytest.mark.parametrize(
    ("of", "classes"), [("balanced", ("A", "a", "t")), ("byclass", ("A", "a", "k")), ("digits", ("10", "36", "46"))]
)
def test_emnist_s_other_sets_have_their_signs(tmp_path, of, classes):
    labels = np.array([10, 36, 46], np.uint8)
    arrays = (IMAGES, labels[LABELS], TEST_IMAGES, labels[TEST_LABELS])
    folder = write(tmp_path / "e", [f"emnist-{of}-{name.replace('t10k', 'test')}" for name in PLAIN], arrays)
    assert load(f"idx:{folder}").classes == classes


@pytest.mark.parametrize(
    "mapping", [b"1\n", b"1 -5\n", b"a b\n", b"1 1114112\n", b"1 10\n", b"\xff\xfe", b"1" * 200_000]
)
def test_a_mapping_that_is_none_is_refused_and_who_removes_it_is_taken(tmp_path, refused, mapping):
    folder = write(tmp_path / "e", [f"emnist-letters-{name}" for name in PLAIN])
    (folder / "emnist-letters-mapping.txt").write_bytes(mapping)
    assert "emnist-letters-mapping.txt" in refused(load, f"idx:{folder}")
    (folder / "emnist-letters-mapping.txt").unlink()
    assert len(load(f"idx:{folder}").test) == 12


def test_of_several_sets_one_is_named_as_the_refusal_says(tmp_path, refused):
    folder = tmp_path / "EMNIST/gzip"
    for of in ("letters", "digits"):
        write(folder, [f"emnist-{of}-{name.replace('t10k', 'test')}.gz" for name in PLAIN])
    text = refused(load, f"idx:{tmp_path / 'EMNIST'}")
    assert "holds 2 sets (emnist-digits, emnist-letters)" in text
    assert len(load(text.rpartition("such as ")[2]).test) == 12
    assert load(f"idx:{folder / 'emnist-letters'}").classes[0] == "0"


@pytest.mark.parametrize("packed", [".gz", ""])
def test_of_qmnist_s_labels_the_first_number_counts(tmp_path, packed):
    names = [
        f"qmnist-{part}-{what}{packed}"
        for part in ("train", "test")
        for what in ("images-idx3-ubyte", "labels-idx2-int")
    ]
    columns = RNG.integers(-(2**31), 2**31, (60, 8), dtype=np.int32), RNG.integers(0, 9, (12, 8), dtype=np.int32)
    columns[0][:, 0], columns[1][:, 0] = LABELS, TEST_LABELS
    loaded = load(f"idx:{write(tmp_path / 'QMNIST', names, (IMAGES, columns[0], TEST_IMAGES, columns[1]))}")
    same(loaded, EXPECTED)
    assert loaded.preparation == "digit"
    assert any("first of a label's 8 numbers" in note for note in loaded.notes)


def test_a_set_written_from_the_sample_that_ships_comes_back(tmp_path):
    sample = load("mnist-5k")
    arrays = [
        value.numpy().astype(np.uint8).squeeze()
        for split in (sample.train, sample.test)
        for value in (split.images, split.labels)
    ]
    loaded = load(str(write(tmp_path / "flat", [f"{name}.gz" for name in PLAIN], arrays)))
    assert torch.equal(loaded.test.images, sample.test.images)
    assert torch.equal(loaded.test.labels, sample.test.labels)
    assert len(loaded.train) + len(loaded.validation) == len(sample.train)


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "content", "says"),
        [
            (PLAIN[0], b"", "is not an idx file: it begins with nothing"),
            (PLAIN[0], idx(IMAGES)[:-7], "is truncated: 2,109 bytes, expected 2,116"),
            (PLAIN[0], idx(IMAGES) + b"\0", "has bytes after its end"),
            (PLAIN[0], gzip.compress(idx(IMAGES))[:-9], "is a truncated gzip file"),
            (PLAIN[0], gzip.compress(idx(IMAGES)) + b"more", "is a damaged gzip file"),
            (PLAIN[0], idx(IMAGES)[:14], "is truncated: 14 bytes, expected a header of 16"),
            (
                PLAIN[0],
                struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
                "expected at most 1,000,000,000",
            ),
            (PLAIN[0], idx(LABELS), "has the shape (60,); expected images (N, H, W)"),
            (PLAIN[0], idx(IMAGES[:0]), "has the shape (0, 5, 7); expected images"),
            (PLAIN[0], idx(IMAGES.astype(np.int32)), "values of type int32; expected uint8"),
            (PLAIN[1], idx(IMAGES), "expected labels (N,), or (N, 8) as QMNIST's"),
            (PLAIN[1], idx(LABELS[:-1]), "holds 60 images"),
            (PLAIN[1], b"\0\0\x0d\x01\0\0\0\0", "values of type float32; expected uint8 or int8 or int16 or int32"),
            (PLAIN[2], idx(pixels(12, 5, 8)), "expected one shape"),
        ],
    )
    def test_a_file_that_is_wrong(self, tmp_path, refused, name, content, says):
        folder = write(tmp_path / "a")
        (folder / name).write_bytes(content)
        text = refused(load, f"idx:{folder}")
        assert says in text

    def test_a_missing_file_and_who_puts_it_there_is_taken(self, tmp_path, refused):
        folder = write(tmp_path / "a")
        (folder / PLAIN[3]).unlink()
        assert "no file of test labels; expected one beside t10k-images-idx3-ubyte" in refused(load, f"idx:{folder}")
        (folder / f"{PLAIN[3]}.gz").write_bytes(gzip.compress(idx(TEST_LABELS)))
        same(load(f"idx:{folder}"), EXPECTED)

    def test_what_is_no_such_place(self, tmp_path, refused):
        assert "holds no idx files" in refused(load, f"idx:{tmp_path}")
        assert "does not exist" in refused(load, f"idx:{tmp_path / 'gone'}")
        assert "names no file" in refused(load, "idx:")
        (tmp_path / "a.bin").write_bytes(b"a")
        assert "is no idx file" in refused(load, f"idx:{tmp_path / 'a.bin'}")
        folder = write(tmp_path / "a")
        text = refused(load, str(folder / PLAIN[0]))
        same(load(text.rpartition("did you mean ")[2].strip("?")), EXPECTED)

    def test_a_bomb_is_unpacked_only_as_far_as_its_header_says(self, tmp_path, refused):
        folder = write(tmp_path / "a")
        (folder / PLAIN[0]).write_bytes(gzip.compress(idx(IMAGES) + bytes(300_000_000), 1))
        assert "has bytes after its end" in refused(load, f"idx:{folder}")
        (folder / PLAIN[0]).write_bytes(gzip.compress(b"") * 5_000)
        assert "1,000 gzip members" in refused(load, f"idx:{folder}")

    def test_more_images_than_fit(self, tmp_path, refused, monkeypatch):
        monkeypatch.setattr("cnnlab.data.idx_sets.MOST_IMAGES", 70)
        assert "holds 72 images of" in refused(load, f"idx:{write(tmp_path / 'a')}")

    def test_sets_that_come_as_files_say_how(self, tmp_path, refused):
        text = refused(load, "emnist-letters")
        write(tmp_path, [f"emnist-letters-{name}" for name in PLAIN])
        advised = text.partition("give ")[2].partition(",")[0].replace("FOLDER", str(tmp_path))
        assert len(load(advised).test) == 12
        assert "idx:FOLDER" in refused(load, "qmnist")


def test_several_members_and_small_reads_are_one_file(tmp_path, monkeypatch):
    content, file = idx(IMAGES), tmp_path / "a"
    file.write_bytes(gzip.compress(content[:500]) + gzip.compress(b"") + gzip.compress(content[500:]))
    monkeypatch.setattr("cnnlab.data.unread._CHUNK", 100)
    opened = open_idx(file, kinds=("uint8",), limit=10_000)
    assert opened.shape == IMAGES.shape
    chunks = list(opened.chunks())
    assert len(chunks) == 30
    assert np.array_equal(np.concatenate(chunks), IMAGES)


class TestDataRoot:
    @pytest.fixture(autouse=True)
    def known(self, tiny, monkeypatch):
        monkeypatch.setattr(loading, "VALIDATION", 5)
        monkeypatch.setitem(KNOWN, "tiny", tiny.known())

    @pytest.mark.parametrize("place", [".", "raw", "Tiny", "tiny", "Tiny/raw", "TINY/raw"])
    @pytest.mark.parametrize("named", [str, str.upper, lambda name: name.replace("-idx", ".idx")])
    def test_that_holds_the_files_flat_is_taken(self, tiny, tmp_path, place, named):
        write(tmp_path / "root" / place, [named(name) for name in tiny.names], tiny.arrays)
        loaded = load("tiny", root=tmp_path / "root", cache=tmp_path / "cache", fetch=False)
        assert loaded.source.startswith("data root: ")
        assert torch.equal(loaded.test.images[:, 0], torch.from_numpy(tiny.arrays[2]))
        assert loaded.notes == ()

    def test_and_so_is_a_folder_of_each_file_s_name(self, tiny, tmp_path):
        for name, content in zip(tiny.names, tiny.contents, strict=True):
            (tmp_path / "root" / name).mkdir(parents=True)
            (tmp_path / "root" / name / name).write_bytes(content)
        assert len(load("tiny", root=tmp_path / "root", fetch=False).test) == 10

    def test_without_the_set_it_is_said_what_lies_there_and_who_obeys_is_served(self, tiny, tmp_path, refused):
        root = tmp_path / "root"
        (root / "holiday").mkdir(parents=True)
        (root / "notes.txt").write_text("")
        text = refused(load, "tiny", root=root, cache=tmp_path / "cache", fetch=False)
        assert f"--data-root {root} holds holiday/, notes.txt, and no tiny in Tiny/raw or in itself" in text
        assert "expected its four files in ROOT/Tiny/raw" in text
        tiny.write(tmp_path / "cache/Tiny/raw")
        (note,) = load("tiny", root=root, cache=tmp_path / "cache", fetch=False).notes
        assert f"holds holiday/, notes.txt, and no tiny in Tiny/raw or in itself: taken from cache: {tmp_path}" in note
        tiny.write(root / "Tiny/raw")
        assert load("tiny", root=root, cache=tmp_path / "cache", fetch=False).notes == ()

    def test_files_of_another_known_set_are_not_taken_for_it(self, tiny, tmp_path, monkeypatch, refused):
        from dataclasses import replace

        other = replace(tiny.known(by_archive=True), name="other", folder="Other")
        monkeypatch.setitem(KNOWN, "other", other)
        tiny.write(tmp_path / "root", packed=False)
        assert "no other in Other/raw" in refused(load, "other", root=tmp_path / "root", cache=tmp_path, fetch=False)
        assert len(load("tiny", root=tmp_path / "root", fetch=False).test) == 10

    def test_published_files_in_any_folder_are_the_known_set(self, tiny, tmp_path):
        tiny.write(tmp_path / "root/Tiny/raw")
        folder = write(tmp_path / "elsewhere", [f"{name.upper()}.GZ" for name in tiny.names], tiny.arrays)
        named, flat = load("tiny", root=tmp_path / "root"), load(str(folder))
        assert (flat.sha256, flat.classes, flat.preparation) == (named.sha256, named.classes, "digit")
        assert (flat.name, flat.source) == (f"idx:{folder}", f"idx: {folder}")

    def test_the_listing_finds_it(self, tiny, tmp_path):
        tiny.write(tmp_path / "root")
        found = {each.name: each for each in available(root=tmp_path / "root", cache=tmp_path / "cache")}
        assert (found["tiny"].found, found["tiny"].verified) == (tmp_path / "root", True)
