"""Every mistake gets one line that says what, got, expected and how to mend it, and exit code 2."""

from __future__ import annotations

import gzip
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.cli import COMMANDS, options
from cnnlab.nets import NETS
from cnnlab.nets.resolve import options_of


def assert_one_line(outcome, *parts: str) -> None:
    assert outcome.code == 2, outcome.err
    lines = [line for line in outcome.err.splitlines() if line.strip()]
    assert lines, "something is said"
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("cnnlab: ")
    assert "Traceback" not in outcome.err
    for part in parts:
        assert part in lines[0], lines[0]
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["trian"], ["unknown command trian", "did you mean train"]),
        (["train"], ["NET"]),
        (["train", "lenet"], ["unknown net lenet", "did you mean lenet5"]),
        (["train", "mlp", "--data", "mnits"], ["unknown data set", "did you mean mnist"]),
        (["train", "mlp", "--epoch", "3"], ["--epoch", "--epochs"]),
        (["train", "mlp", "--epochs", "many"], ["--epochs", "many"]),
        (["train", "mlp", "--epochs", "0"], ["epochs", "0"]),
        (["train", "mlp", "--epochs", "nan"], ["epochs"]),
        (["train", "mlp", "--batch-size", "-4"], ["batch_size", "-4"]),
        (["train", "mlp", "--recipe", "fats"], ["unknown recipe fats", "did you mean fast"]),
        (["train", "mlp", "--optimizer", "adan"], ["adan", "adam"]),
        (["train", "mlp", "--precision", "fp8"], ["fp8", "bf16"]),
        (["train", "mlp", "--seed", "-1"], ["seed", "-1"]),
        (["train", "mlp", "--resume"], ["--resume", "--out"]),
        (["train", "mlp", "--widths", "8,16"], ["mlp has no option widths", "it takes: dropout, hidden"]),
        (["train", "conv-net", "--widths", "8;16"], ["8;16", "separated by commas"]),
        (["train", "simple-cnn", "--dropout", "1.5"], ["dropout", "1.5"]),
        (["train", "simple-cnn", "--crop", "99"], ["crop 99"]),
        (["train", "absent.py:Net"], ["absent.py: no such file"]),
        (["train", "mlp", "--data", "folder:absent"], ["absent"]),
        (["train", "mlp", "--data", "npz:absent.npz"], ["absent.npz"]),
        (["train", "mlp", "--data", "mnist", "--data-root", "absent"], ["absent", "no such folder"]),
        (["train", "mlp", "--image-size", "20"], ["padded-to-20", "a side of 28 to 4096"]),
        (["evaluate", "absent"], ["absent does not exist"]),
        (["predict", "absent"], ["FILE"]),
        (["predict", "absent", "x.png"], ["absent does not exist"]),
        (["bench", "--target", "1.5"], ["--target"]),
    ],
)
def test_arguments(cnnlab, tmp_path, monkeypatch, arguments, parts):
    monkeypatch.chdir(tmp_path)
    assert_one_line(cnnlab(*arguments), *parts)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_device_that_is_not_there(cnnlab, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    outcome = cnnlab("train", "mlp", "--device", "cuda", "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "device cuda is not on this machine" in outcome.err
    assert not (tmp_path / "run").exists()


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: (raw / "train-images-idx3-ubyte").unlink(),
        lambda raw: (raw / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((60000, 28, 28), "u1"))[:-9]),
        lambda raw: (raw / "train-images-idx3-ubyte").write_bytes(b"hello"),
        lambda raw: [
            (raw / "train-images-idx3-ubyte").unlink(),
            (raw / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"x" * 1000)[:-20]),
        ],
    ],
)
def test_damaged_idx(cnnlab, tmp_path, damage):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        (raw / name).write_bytes(idx(np.zeros((4, 28, 28), "u1")))
    damage(raw)
    outcome = cnnlab("train", "mlp", "--data", "mnist", "--data-root", tmp_path / "data", "--out", tmp_path / "run")
    assert_one_line(outcome, "train-images-idx3-ubyte")
    assert not (tmp_path / "run").exists()


def noise(side):
    return np.random.default_rng(0).integers(0, 256, (60, side, side), dtype="u1")


def test_npz_that_does_not_fit(cnnlab, tmp_path):
    good = {"images": noise(28), "labels": np.arange(60) % 3}
    cases = {
        "floats": ({**good, "images": noise(28) * 1.5 - 7}, "np.interp(images, (-7.0, 375.5), (0, 1))"),
        "range": ({**good, "labels": np.arange(60) / 60}, "labels"),
        "length": ({**good, "labels": np.arange(50) % 3}, "50"),
        "keys": ({"pictures": good["images"]}, "pictures"),
        "tiny": ({**good, "images": noise(2)}, "lenet5: images of 2×2"),
    }
    for name, (arrays, part) in cases.items():
        path = tmp_path / f"{name}.npz"
        np.savez(path, **arrays)
        assert_one_line(cnnlab("train", "lenet5", "--data", f"npz:{path}", "--out", tmp_path / "run"), part)
    path.write_bytes(path.read_bytes()[:100])
    assert_one_line(cnnlab("train", "lenet5", "--data", f"npz:{path}", "--out", tmp_path / "run"), "tiny.npz")
    assert not (tmp_path / "run").exists()


def test_folder_that_does_not_fit(cnnlab, tmp_path):
    pets = tmp_path / "pets"
    for kind in ("cats", "dogs"):
        (pets / kind).mkdir(parents=True)
        for i in range(5):
            Image.new("L", (20, 20), 40 * i).save(pets / kind / f"{i}.png")
    (pets / "empty").mkdir()
    train = ("train", "mlp", "--data", f"folder:{pets}", "--out", tmp_path / "run")
    assert_one_line(cnnlab(*train), "empty")
    (pets / "empty").rmdir()
    (pets / "cats" / "bad.png").write_bytes(b"no image")
    assert_one_line(cnnlab(*train), "cats/bad.png")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "command",
    [
        "find-lr mlp",
        pytest.param(
            "compare --net mlp --recipe fast --seeds 2 --epochs 1 --engine here --set hidden=8", marks=pytest.mark.slow
        ),
        pytest.param(
            "sweep --net mlp --recipe fast --seeds 1 --epochs 1 --engine here --hidden 8 --hidden 9",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_who_skips_what_is_damaged_as_the_refusal_says_is_served(cnnlab, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    for kind, shade in (("cats", 0), ("dogs", 100)):
        Path("pets", kind).mkdir(parents=True)
        for i in range(20):
            Image.new("L", (20, 20), shade + 4 * i).save(Path("pets", kind, f"{i}.png"))
    Path("pets/cats/bad.png").write_bytes(b"no image")
    given = (*command.split(), "--data", "folder:pets")
    refusal = cnnlab(*given)
    assert_one_line(refusal, "cats/bad.png", "leave it out with --skip-damaged")
    assert cnnlab(*given, "--skip-damaged").code == 0


def test_a_folder_that_already_holds_a_run(cnnlab, tmp_path):
    train = ("train", "mlp", "--epochs", 0.2, "--out", tmp_path / "run")
    assert cnnlab(*train).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert_one_line(cnnlab(*train), "already holds a run", "--resume")
    assert_one_line(cnnlab("train", "mlp", "--out", tmp_path / "run", "--resume", "--seed", 5), "--seed is 5")
    assert_one_line(cnnlab("train", "lenet5", "--out", tmp_path / "run", "--resume"), "--net is lenet5")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before


def test_data_that_does_not_fit_the_run(cnnlab, tmp_path):
    assert cnnlab("train", "mlp", "--epochs", 0.2, "--out", tmp_path / "run").code == 0
    np.savez(tmp_path / "other.npz", images=noise(28), labels=np.arange(60) % 3)
    outcome = cnnlab("evaluate", tmp_path / "run", "--data", f"npz:{tmp_path / 'other.npz'}")
    assert_one_line(outcome, "3 classes of 1×28×28", "expected 10 of 1×28×28")


def test_diverging_training(cnnlab, tmp_path):
    outcome = cnnlab(
        "train", "mlp", "--optimizer", "sgd", "--learning-rate", "1e20", "--epochs", 1, "--out", tmp_path / "run"
    )
    assert outcome.code == 2
    last = outcome.err.strip().splitlines()[-1]
    assert last.startswith("cnnlab: the loss became NaN or infinite in epoch 1")
    assert "lower --learning-rate" in last
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_disk_that_refuses(cnnlab, tmp_path, monkeypatch):
    def refuse(_descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", refuse)
    outcome = cnnlab("train", "mlp", "--epochs", 1, "--out", tmp_path / "run")
    assert_one_line(outcome, "no space left on device", "free some space")
    assert not any((tmp_path / "run").iterdir())


def test_a_place_that_cannot_be_written_to(cnnlab, tmp_path):
    (tmp_path / "file").write_text("")
    assert_one_line(cnnlab("train", "mlp", "--out", tmp_path / "file" / "run"), "cannot write")


def test_a_bug_is_told_from_a_mistake(cnnlab, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("cnnlab.data.available", broken, raising=False)
    outcome = cnnlab("data")
    assert outcome.code == 70
    assert "ZeroDivisionError" in outcome.err
    assert "this is a bug in cnnlab" in outcome.err


def test_every_net_option_has_a_flag():
    assert set(options.NET_OPTIONS) == set().union(*(options_of(name) for name in NETS))


def test_every_command_has_help(cnnlab):
    for command in COMMANDS:
        outcome = cnnlab(command, "--help")
        assert outcome.code == 0
        assert "Usage" in outcome.out


def test_a_missing_extra_is_said_before_anything_is_made(cnnlab, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.chdir(tmp_path)
    assert_one_line(cnnlab("train", "mlp", "--tensorboard"), "pip install 'cnnlab[tensorboard]'")
    assert not list(tmp_path.iterdir())


def test_a_test_on_images_that_the_run_has_seen(cnnlab, tmp_path, full_sets):
    root = ("--data-root", full_sets)
    outcome = cnnlab("train", "mlp", "--data", "mnist", *root, "--epochs", 0.05, "--out", tmp_path / "run")
    assert outcome.code == 0
    # mnist-5k is cut from MNIST's training images.
    outcome = cnnlab("evaluate", tmp_path / "run", "--data", "mnist-5k", *root)
    assert_one_line(outcome, "500 test images of mnist-5k are among those", "was trained on")
    assert (tmp_path / "run" / "test-openings.jsonl").read_text().count("\n") == 1
    assert cnnlab("evaluate", tmp_path / "run", "--data", "mnist-5k", "--split", "train", *root).code == 0
