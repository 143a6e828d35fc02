"""Files of pixels as competitions hand them out, against NumPy's and the csv module's own writing of them."""

from __future__ import annotations

import csv
import gzip
import os

import numpy as np
import pytest
import torch

import cnnlab
from cnnlab.data import csv_pixels
from cnnlab.data.loading import load
from cnnlab.errors import UserError

RNG = np.random.default_rng(0)


def pixels(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, *(shape or (28, 28))), dtype=np.uint8)


@pytest.fixture
def written(tmp_path):
    def write(rows, names=None, *, delimiter=",", ending="\r\n", quoting=csv.QUOTE_MINIMAL, encoding="utf-8") -> str:
        path = tmp_path / "train.csv"
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=quoting)
            writer.writerows([names] if names else [])
            writer.writerows(rows)
        return f"csv:{path}"

    return write


IMAGES, LABELS = pixels(60), np.arange(60) % 3
ROWS = [[int(label), *image.ravel().tolist()] for label, image in zip(LABELS, IMAGES, strict=True)]
NAMES = ["label", *(f"pixel{i}" for i in range(784))]


def same(one, other):
    assert (one.sha256, one.classes, one.image_shape) == (other.sha256, other.classes, other.image_shape)


@pytest.mark.parametrize("names", [NAMES, None])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"ending": "\n"},
        {"delimiter": ";"},
        {"delimiter": "\t"},
        {"quoting": csv.QUOTE_ALL},
        {"encoding": "utf-8-sig"},
    ],
)
def test_it_is_the_set_of_the_same_arrays(written, names, how):
    same(load(written(ROWS, names, **how)), cnnlab.data_of(IMAGES, LABELS))


def test_many_blocks_are_one_set(written, monkeypatch):
    monkeypatch.setattr("cnnlab.data.csv_pixels._AT_ONCE", 10_000)
    same(load(written(ROWS, NAMES)), cnnlab.data_of(IMAGES, LABELS))


def test_the_label_may_stand_elsewhere_and_rows_may_be_numbered(written):
    rows = [[i, *row[1:], row[0]] for i, row in enumerate(ROWS)]
    same(load(written(rows, ["id", *NAMES[1:], "Label"])), cnnlab.data_of(IMAGES, LABELS))


def test_three_values_a_pixel_are_colours(written):
    images = pixels(30, 8, 8, 3)
    rows = [[i % 2, *image.ravel().tolist()] for i, image in enumerate(images)]
    same(load(written(rows)), cnnlab.data_of(images, np.arange(30) % 2))


@pytest.mark.parametrize(
    ("label_of", "classes", "says"),
    [
        (lambda label: label + 1, ("1", "2", "3"), "1 → 0, 2 → 1, 3 → 2"),
        (lambda label: (10, 9, -1)[label], ("-1", "9", "10"), "-1 → 0, 9 → 1, 10 → 2"),
        (lambda label: ("owl", "cat", "dog")[label], ("cat", "dog", "owl"), "cat → 0, dog → 1, owl → 2"),
        (lambda label: f"{label}.0", ("0", "1", "2"), None),
    ],
)
def test_labels_are_mapped_and_the_map_is_shown(written, label_of, classes, says):
    loaded = load(written([[label_of(row[0]), *row[1:]] for row in ROWS], NAMES))
    assert loaded.classes == classes
    shown = [note for note in loaded.notes if "→" in note]
    assert shown == ([f"labels became class numbers: {says}"] if says else [])
    of = {image.tobytes(): str(label_of(int(label))) for image, label in zip(IMAGES, LABELS, strict=True)}
    for image, label in zip(loaded.train.images, loaded.train.labels, strict=True):
        assert float(of[image.numpy().tobytes()]) == float(classes[label]) if says is None else True
        if says:
            assert of[image.numpy().tobytes()] == classes[label]


def test_equal_images_stay_in_one_split_and_are_named(written):
    loaded = load(written(ROWS * 2, NAMES))
    assert not loaded.leaks
    assert any("60 images are there more than once" in note and "image 60 = image 0" in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("rows", "names", "says"),
    [
        ([row[1:] for row in ROWS], NAMES[1:], "no label, as a competition's test file has"),
        ([row[1:] for row in ROWS], None, "no label, as a competition's test file has"),
        ([row[:-1] for row in ROWS], NAMES[:-1], "783 columns beside the label; expected S×S"),
        (ROWS, ["what", *NAMES[1:]], "no column called label"),
        ([*ROWS, ROWS[0][:-1]], NAMES, "line 62 has 784 values; expected 785"),
        ([*ROWS, [0, 256, *ROWS[0][2:]]], NAMES, "line 62 holds pixels that are no whole numbers from 0 to 255"),
        ([*ROWS, [0, "x", *ROWS[0][2:]]], NAMES, "line 62 holds pixels"),
        ([*ROWS, [0, "nan", *ROWS[0][2:]]], NAMES, "line 62 holds pixels"),
        ([[0, *(value / 255 for value in row[1:])] for row in ROWS], NAMES, "multiply values from 0 to 1 by 255"),
        ([*ROWS, ["", *ROWS[0][1:]]], NAMES, "an image without a label"),
        ([*ROWS, ["a" * 201, *ROWS[0][1:]]], NAMES, "line 62 has a label of 201 bytes"),
        ([[i, *row[1:]] for i, row in enumerate(ROWS)], NAMES, "class 0 has 1 image;"),
        ([], NAMES, "holds no image"),
        ([], None, "is empty; expected a line an image"),
    ],
)
def test_what_it_refuses(written, refused, rows, names, says):
    assert says in refused(load, written(rows, names))


def test_more_than_fits_is_refused(written, refused, monkeypatch):
    monkeypatch.setattr("cnnlab.data.csv_pixels.LARGEST", 784 * 59)
    assert "holds more than" in refused(load, written(ROWS, NAMES))
    monkeypatch.setattr("cnnlab.data.csv_pixels.LONGEST_LINE", 500)
    assert "line 1 has more than 500 bytes" in refused(load, written(ROWS, NAMES))


@pytest.mark.parametrize("label_last", [False, True])
@pytest.mark.parametrize(
    "write",
    [
        str,
        lambda value: f"{value:03d}",
        lambda value: f" {value}",
        lambda value: f"{value}.0",
        lambda value: f"+{value}",
    ],
)
def test_however_whole_numbers_are_written_they_are_these_pixels(written, write, label_last):
    rows = [[row[0], *map(write, row[1:])] for row in ROWS]
    rows = [[*row[1:], row[0]] for row in rows] if label_last else rows
    names = [*NAMES[1:], "label"] if label_last else NAMES
    same(load(written(rows, names)), cnnlab.data_of(IMAGES, LABELS))


def test_floats_multiplied_by_255_and_rounded_as_the_refusal_says_are_taken(written, refused):
    floats = [[row[0], *(value / 255 for value in row[1:])] for row in ROWS]
    assert "multiply values from 0 to 1 by 255 and round them" in refused(load, written(floats, NAMES))
    obeyed = [[row[0], *(round(255 * value) for value in row[1:])] for row in floats]
    same(load(written(obeyed, NAMES)), cnnlab.data_of(IMAGES, LABELS))


class TestTheCache:
    @pytest.fixture(autouse=True)
    def small_files_too(self, monkeypatch):
        monkeypatch.setattr("cnnlab.data.csv_pixels._WORTH_KEEPING", 0)

    def test_a_file_is_parsed_once_and_again_when_it_changes(self, written, tmp_path, monkeypatch):
        parsed = []
        parse = csv_pixels._parse
        monkeypatch.setattr(csv_pixels, "_parse", lambda *given: parsed.append(1) or parse(*given))
        words = [[("cat", "dog", "owl")[row[0]], *row[1:]] for row in ROWS]
        name, cache = written(words, NAMES), tmp_path / "cache"
        first, again = load(name, cache=cache), load(name, cache=cache)
        assert len(parsed) == 1
        same(again, first)
        assert again.notes == first.notes
        assert again.classes == ("cat", "dog", "owl")
        path = tmp_path / "train.csv"
        status, content = path.stat(), path.read_bytes()
        path.write_bytes(content.replace(b"cat", b"cow"))  # as long as before, and as old
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert load(name, cache=cache).classes == ("cow", "dog", "owl")
        assert len(parsed) == 2

    def test_what_is_damaged_there_is_read_again(self, written, tmp_path):
        name, cache = written(ROWS, NAMES), tmp_path / "cache"
        expected = load(name, cache=cache)
        (kept,) = (cache / "folder").iterdir()
        whole = kept.read_bytes()
        with np.load(kept) as arrays:
            good = dict(arrays)
        wrong = [good | {"numbers": good["numbers"] + 5}, good | {"images": good["images"][1:]}]
        wrong += [{"key": good["key"]}, good | {"images": good["images"].astype(float)}]
        for content in (b"", whole[:1000], *wrong):
            if isinstance(content, bytes):
                kept.write_bytes(content)
            else:
                np.savez(kept, **content)
            same(load(name, cache=cache), expected)

    def test_without_a_cache_it_is_read_all_the_same(self, written, tmp_path):
        (tmp_path / "cache").write_text("a file where the folder should be")
        same(load(written(ROWS, NAMES), cache=tmp_path / "cache"), cnnlab.data_of(IMAGES, LABELS))


def test_every_way_of_naming_it_wrongly_leads_to_it(written, refused):
    path = written(ROWS, NAMES).partition(":")[2]
    for wrong in (path, f"npz:{path}"):
        text = refused(load, wrong)
        advised = next(word.strip("?") for word in text.split() if word.startswith("csv:"))
        same(load(advised), cnnlab.data_of(IMAGES, LABELS))
    assert "does not exist" in refused(load, f"csv:{path}.gone")
    assert "names no file" in refused(load, "csv:")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("place", [0, 784])
def test_words_with_the_delimiter_in_them_are_one_label(written, delimiter, place):
    words = [f'cat{delimiter} "the big"', "dog", "ü"]
    rows = [row[1:] for row in ROWS]
    for row, label in zip(rows, LABELS, strict=True):
        row.insert(place, words[label])
    names = NAMES if place == 0 else [*NAMES[1:], NAMES[0]]
    found = load(written(rows, names, delimiter=delimiter))
    assert found.classes == ('cat, "the big"'.replace(",", delimiter), "dog", "ü")
    plain = load(written(ROWS, NAMES))
    for split in ("train", "validation", "test"):
        assert torch.equal(found.split(split).images, plain.split(split).images)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(b"label,1,2,3,4\n0,1,2,3,4\n", mtime=0), "is packed by gzip; expected plain text: unpack it"),
        (b"PK\x03\x04" + bytes(40), "an Excel workbook; expected plain text"),
        ("label,1,2,3,4\n0,1,2,3,4\n".encode("utf-16"), "is text in UTF-16; expected UTF-8: save it as CSV in UTF-8"),
        (b"", "is empty; expected a line an image"),
        (b"\n0,1,2,3,4\n", "begins with an empty line; expected a line an image"),
        (b'0,1,2,3,4\n"1,1,2,3,4\n', "line 2 has 1 values; expected 5"),
    ],
)
def test_what_is_no_plain_table_is_told_as_what_it_is(tmp_path, content, says):
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        load(f"csv:{path}")
