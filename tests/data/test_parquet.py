"""Parquet files of images as Hugging Face's hub has them, written by pyarrow, against the same images in folders."""

from __future__ import annotations

import io
import json
import pickle
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import cnnlab
from cnnlab.data import parquet
from cnnlab.data.loading import load
from cnnlab.data.parquet_pages import pages
from cnnlab.errors import UserError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

RNG = np.random.default_rng(0)


def pixels(count, *shape):
    return RNG.integers(0, 256, (count, *(shape or (12, 12))), dtype=np.uint8)


def packed(image, kind="PNG"):
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind)
    return out.getvalue()


def table(images, labels, names=None, *, image="image", label="label", struct=True):
    files = [image if isinstance(image, bytes) or image is None else packed(image) for image in images]
    column = pa.array(files, pa.binary())
    if struct:
        column = pa.array(
            [{"bytes": file, "path": f"{i}.png"} for i, file in enumerate(files)],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        )
    made = pa.table({image: column, label: pa.array(labels)})
    features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})} if names else {})


def write(path, *given, rows=7, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(*given, **options), path, row_group_size=rows)
    return path


IMAGES, LABELS, TEST, TEST_LABELS = pixels(60), np.arange(60) % 3, pixels(12), np.arange(12) % 3
NAMES = ["cat", "dog", "owl"]


@pytest.fixture
def hub(tmp_path):
    for shard in range(2):
        rows = slice(30 * shard, 30 * shard + 30)
        write(tmp_path / f"hub/data/train-0000{shard}-of-00002.parquet", IMAGES[rows], LABELS[rows], NAMES)
    write(tmp_path / "hub/data/test-00000-of-00001.parquet", TEST, TEST_LABELS, NAMES)
    return tmp_path / "hub"


def test_a_hub_s_folder_is_the_set_of_its_arrays(hub):
    expected = cnnlab.data_of(IMAGES, LABELS, test=(TEST, TEST_LABELS))
    for name in (f"parquet:{hub}", f"parquet:{hub / 'data'}", str(hub), f"folder:{hub}"):
        loaded = load(name)
        assert (loaded.sha256, loaded.classes) == (expected.sha256, ("cat", "dog", "owl"))
        assert loaded.name == f"parquet:{hub / 'data' if name.endswith('data') else hub}"
    assert "12×12, the images' own size" in loaded.notes
    write(hub / "data/validation-00000-of-00001.parquet", TEST[:6] // 2, TEST_LABELS[:6], NAMES)
    assert torch.equal(load(str(hub)).validation.images[:, 0], torch.from_numpy(TEST[:6] // 2))


@pytest.mark.parametrize("struct", [True, False])
@pytest.mark.parametrize(("image", "label"), [("image", "label"), ("img", "fine_label")])
def test_a_single_file_is_split(tmp_path, struct, image, label):
    path = write(tmp_path / "any.parquet", IMAGES, LABELS, image=image, label=label, struct=struct)
    assert load(f"parquet:{path}").sha256 == cnnlab.data_of(IMAGES, LABELS).sha256


def test_words_are_classes_and_numbers_from_elsewhere_are_mapped(tmp_path):
    words = load(f"parquet:{write(tmp_path / 'a.parquet', IMAGES, [NAMES[label] for label in LABELS])}")
    numbers = load(f"parquet:{write(tmp_path / 'b.parquet', IMAGES, LABELS + 5)}")
    assert (words.classes, numbers.classes) == (("cat", "dog", "owl"), ("5", "6", "7"))
    assert words.sha256 == numbers.sha256
    assert "labels became class numbers: 5 → 0, 6 → 1, 7 → 2" in numbers.notes


@pytest.mark.parametrize("image_size", [None, 16])
def test_images_are_what_they_are_in_folders(tmp_path, image_size):
    images = [*pixels(9, 20, 30), *pixels(9, 40, 20, 3), *pixels(9, 12, 12)]
    for i, image in enumerate(images):
        place = tmp_path / f"folder/{NAMES[i % 3]}/{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(packed(image))
    path = write(tmp_path / "a.parquet", images, [NAMES[i % 3] for i in range(len(images))], rows=4)
    ours = load(f"parquet:{path}", image_size=image_size)
    theirs = load(f"folder:{tmp_path / 'folder'}", image_size=image_size, cache=tmp_path / "cache")

    def everything(data):
        splits = [data.split(name) for name in ("train", "validation", "test")]
        return sorted(image.numpy().tobytes() for split in splits for image in split.images)

    assert ours.image_shape == (3, image_size or 32, image_size or 32)
    assert everything(ours) == everything(theirs)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"images": [*IMAGES[:20], b"no image", *IMAGES[21:]]}, "the image in row 20 cannot be read"),
        ({"images": [*IMAGES[:20], None, *IMAGES[21:]]}, "row 20 has no image in it"),
        ({"labels": [*LABELS[:20].tolist(), None, *LABELS[21:].tolist()]}, "a label is missing among rows 14 to 20"),
        ({"labels": [[0, 1]] * 60}, "column label is list"),
        ({"labels": [0.5] * 60}, "column label is double"),
        ({"image": "what"}, "has the columns 'what', 'label'; expected image and label"),
        ({"label": "what"}, "has the columns 'image', 'what'; expected image and label"),
        ({"names": ["a", "b"]}, "labels run to 2 but classes names 2"),
        ({"images": [], "labels": np.array([], int)}, "holds no row"),
    ],
)
def test_what_it_refuses(tmp_path, refused, options, says):
    given = {"images": IMAGES, "labels": LABELS, "names": None} | options
    path = tmp_path / "a.parquet"
    write(path, given.pop("images"), given.pop("labels"), given.pop("names"), **given)
    assert says in refused(load, f"parquet:{path}")


def test_images_that_are_only_paths_are_refused(tmp_path, refused):
    column = pa.array([{"path": "/etc/passwd"}] * 60)
    pq.write_table(pa.table({"image": column, "label": LABELS}), tmp_path / "a.parquet")
    assert "expected image files as bytes" in refused(load, f"parquet:{tmp_path / 'a.parquet'}")


def test_files_that_are_missing_or_do_not_belong_are_named(hub, tmp_path, refused):
    assert "names no file" in refused(load, "parquet:")
    assert "does not exist" in refused(load, f"parquet:{tmp_path / 'gone'}")
    assert "holds no Parquet files" in refused(load, f"parquet:{tmp_path}")
    text = refused(load, str(hub / "data/test-00000-of-00001.parquet"))
    assert text.endswith(f"did you mean parquet:{hub / 'data/test-00000-of-00001.parquet'}?")
    second = hub / "data/train-00001-of-00002.parquet"
    whole = second.read_bytes()
    second.unlink()
    assert "holds 1 of 2 files train-…-of-00002.parquet; expected all" in refused(load, f"parquet:{hub}")
    second.write_bytes(whole)
    other = write(hub / "data/more.parquet", TEST, TEST_LABELS, NAMES)
    assert "does not say of which split it is" in refused(load, f"parquet:{hub}")
    other.unlink()
    write(second, IMAGES[30:], LABELS[30:], ["dog", "cat", "owl"])
    assert "names other classes than" in refused(load, f"parquet:{hub}")
    second.write_bytes(whole)
    assert len(load(f"parquet:{hub}").test) == 12


def test_damaged_files_are_refused(tmp_path, refused):
    path = write(tmp_path / "a.parquet", IMAGES, LABELS)
    whole = path.read_bytes()
    for kept in range(0, len(whole), 1700):
        path.write_bytes(whole[:kept])
        assert "not an intact Parquet file" in refused(load, f"parquet:{path}")
    path.write_bytes(whole[:-8] + (2**31).to_bytes(4, "little") + b"PAR1")
    assert "a list of columns of 2,147,483,648 bytes" in refused(load, f"parquet:{path}")


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_pages_are_those_that_were_written(tmp_path, compression, version):
    path = tmp_path / "a.parquet"
    pq.write_table(table(IMAGES, LABELS), path, compression=compression, data_page_version=version, row_group_size=25)
    metadata = pq.ParquetFile(path).metadata
    for group in map(metadata.row_group, range(3)):
        for column in map(group.column, range(3)):
            with path.open("rb") as file:
                found = pages(file, column.dictionary_page_offset, column.total_compressed_size)
            assert sum(page.values for page in found if not page.is_dictionary) == group.num_rows
            assert sum(page.unpacked for page in found) <= column.total_uncompressed_size
            assert found[0].is_dictionary
            with pytest.raises(ValueError, match="page"), path.open("rb") as file:
                pages(file, column.dictionary_page_offset + 1, column.total_compressed_size)
    assert load(f"parquet:{path}").sha256 == cnnlab.data_of(IMAGES, LABELS).sha256


def test_a_page_that_lies_about_its_size_is_refused_before_it_is_unpacked(tmp_path, refused):
    path = write(tmp_path / "a.parquet", IMAGES, LABELS, rows=60)
    whole, column = path.read_bytes(), pq.ParquetFile(path).metadata.row_group(0).column(0)
    start = column.dictionary_page_offset
    assert whole[start : start + 3] == b"\x15\x04\x15"  # a dictionary's page; its unpacked size is next
    path.write_bytes(whole[: start + 2] + b"\x11" + whole[start + 3 :])
    assert "not an intact Parquet file" in refused(load, f"parquet:{path}")


def test_nothing_in_its_metadata_is_unpickled(tmp_path):
    class Planted:
        def __reduce__(self):
            return (open, (str(tmp_path / "planted"), "w"))

    made = table(IMAGES, LABELS)
    planted = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(Planted())}
    schema = pa.schema([made.schema.field("image"), made.schema.field("label").with_metadata(planted)])
    pq.write_table(pa.table(made.columns, schema=schema), tmp_path / "a.parquet")
    assert load(f"parquet:{tmp_path / 'a.parquet'}").sha256 == cnnlab.data_of(IMAGES, LABELS).sha256
    assert not (tmp_path / "planted").exists()


def test_rows_that_all_are_one_long_value_are_read_a_few_at_a_time_and_not_for_ever(tmp_path, refused, monkeypatch):
    long, path = packed(IMAGES[0]) + bytes(1_000_000), tmp_path / "a.parquet"
    pq.write_table(table([long] * 60, LABELS), path)
    assert path.stat().st_size < 100_000
    read, decode = [], parquet.decode_all

    def counted(images, *, size):
        read.append(len(images))
        return decode(images, size=size)

    monkeypatch.setattr(parquet, "decode_all", counted)
    monkeypatch.setattr(parquet, "_BYTES_AT_ONCE", 5_500_000)
    monkeypatch.setattr(parquet, "_MOST_TIMES", 0)
    assert "image files of more than 0 times its length" in refused(load, f"parquet:{path}")
    assert read == [5]
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 500_000)
    assert "a row group of 1,0" in refused(load, f"parquet:{path}")


def test_more_than_fits_is_refused_before_it_is_decoded(tmp_path, refused, monkeypatch):
    path = write(tmp_path / "a.parquet", IMAGES, LABELS)
    assert "expected 4 to 1024 pixels" in refused(load, f"parquet:{path}", image_size=2)
    monkeypatch.setattr("cnnlab.data.parquet.LARGEST", 20_000)
    assert "60 images of 12×12 pixels" in refused(load, f"parquet:{path}")
    monkeypatch.setattr("cnnlab.data.parquet.MOST_IMAGES", 59)
    assert "holds 60 images; expected at most 59" in refused(load, f"parquet:{path}")


def test_without_pyarrow_it_is_said_how_to_get_it(tmp_path, refused, monkeypatch):
    path = write(tmp_path / "a.parquet", IMAGES, LABELS)
    for module in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=r"pip install 'cnnlab\[parquet\]'"):
        load(f"parquet:{path}")
