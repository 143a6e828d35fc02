"""CIFAR's binary files, written here by hand as its page describes them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

import cnnlab
from cnnlab.data.loading import load

RNG = np.random.default_rng(0)
TEN = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def pixels(count):
    return RNG.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


def records(images, *labels):
    return b"".join(bytes(int(each[i]) for each in labels) + image.tobytes() for i, image in enumerate(images))


IMAGES, LABELS, TEST, TEST_LABELS = pixels(100), np.arange(100) % 10, pixels(20), np.arange(20) % 10


@pytest.fixture
def ten(tmp_path):
    folder = tmp_path / "in/cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for number in range(5):
        rows = slice(20 * number, 20 * number + 20)
        (folder / f"data_batch_{number + 1}.bin").write_bytes(records(IMAGES[rows], LABELS[rows]))
    (folder / "test_batch.bin").write_bytes(records(TEST, TEST_LABELS))
    (folder / "batches.meta.txt").write_text("\n".join(TEN).replace("dog", "hound") + "\n\n")
    return folder


def test_cifar_10_is_the_set_of_its_arrays(ten, monkeypatch):
    monkeypatch.setattr("cnnlab.data.cifar._AT_ONCE", 7)
    expected = cnnlab.data_of(IMAGES, LABELS, test=(TEST, TEST_LABELS))
    for name in (f"cifar:{ten}", f"cifar:{ten.parent}", str(ten), f"folder:{ten}", f"cifar:{ten / 'test_batch.bin'}"):
        loaded = load(name)
        assert loaded.sha256 == expected.sha256
    assert loaded.classes == (*TEN[:5], "hound", *TEN[6:])
    assert torch.equal(loaded.test.images, torch.from_numpy(TEST))
    (ten / "batches.meta.txt").unlink()
    assert load(str(ten.parent)).classes == tuple(TEN)


def test_of_cifar_100_the_fine_label_is_the_class(tmp_path):
    fine, coarse = np.repeat(np.arange(100), 3), np.arange(300) % 20
    images = pixels(300)
    (tmp_path / "train.bin").write_bytes(records(images[100:], coarse[100:], np.concatenate([fine[::3], fine[::3]])))
    (tmp_path / "test.bin").write_bytes(records(images[:100], coarse[:100], fine[::3]))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"kind {i}" for i in range(100)))
    loaded = load(f"cifar:{tmp_path}")
    assert loaded.test.labels.tolist() == list(range(100))
    assert loaded.classes[99] == "kind 99"
    (tmp_path / "fine_label_names.txt").unlink()
    assert load(f"cifar:{tmp_path}").classes[99] == "99"


@pytest.mark.parametrize(
    ("files", "archive"),
    [
        (("data_batch_1", "data_batch_2", "test_batch", "batches.meta"), "cifar-10-binary.tar.gz"),
        (("train", "test", "meta"), "cifar-100-binary.tar.gz"),
    ],
)
def test_the_version_for_python_is_refused_and_never_opened(tmp_path, refused, ten, files, archive):
    class Planted:
        def __reduce__(self):
            return (open, (str(tmp_path / "planted"), "w"))

    folder = tmp_path / "py"
    folder.mkdir()
    for name in files:
        (folder / name).write_bytes(pickle.dumps(Planted()))
    for name in (f"cifar:{folder}", str(folder), f"folder:{folder}"):
        text = refused(load, name)
        assert "nothing is ever unpickled" in text
        assert archive in text
    assert not (tmp_path / "planted").exists()
    for path in ten.iterdir():  # the binary version, as the refusal says
        path.rename(folder / path.name)
    assert len(load(f"cifar:{folder}").test) == 20


def test_what_it_refuses(ten, refused):
    assert "names no file" in refused(load, "cifar:")
    assert "does not exist" in refused(load, f"cifar:{ten / 'a/b'}")
    assert "holds no binary files" in refused(load, f"cifar:{ten.parents[1]}")
    text = refused(load, str(ten / "test_batch.bin"))
    assert len(load(text.rpartition("did you mean ")[2].strip("?")).test) == 20
    assert "give cifar:FOLDER" in refused(load, "cifar10")
    (ten / "batches.meta.txt").write_text("a\nb")
    assert "holds 2 names; expected 10" in refused(load, f"cifar:{ten}")
    (ten / "batches.meta.txt").unlink()
    (ten / "data_batch_5.bin").unlink()
    assert any("4 of its 5 training files" in note for note in load(f"cifar:{ten}").notes)
    (ten / "data_batch_4.bin").write_bytes(b"a" * 3072)
    assert "data_batch_4.bin has 3,072 bytes; expected a multiple of 3,073" in refused(load, f"cifar:{ten}")
    (ten / "data_batch_4.bin").write_bytes(records(IMAGES[:1], [10]))
    assert "hold the label 10; expected 0 to 9" in refused(load, f"cifar:{ten}")
    (ten / "data_batch_4.bin").unlink()
    (ten / "data_batch_4.bin").mkdir()
    assert "is a folder; expected a regular file" in refused(load, f"cifar:{ten}")
    (ten / "data_batch_4.bin").rmdir()
    (ten / "test_batch.bin").unlink()
    assert "holds no test_batch.bin; expected it beside data_batch_1.bin" in refused(load, f"cifar:{ten}")
