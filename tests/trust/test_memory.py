"""What a command holds in memory grows with the images by a small factor, and by no more than that."""

from __future__ import annotations

import gc
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.data import data_of
from cnnlab.data.imageset import ImageSet, content_hash
from cnnlab.data.shared import share
from cnnlab.evaluation import BATCH, logits
from cnnlab.features.statistics import statistics
from cnnlab.training.loop import fit
from cnnlab.training.recipes import recipe
from cnnlab.training.state import start

#: What Python, PyTorch, Numba and a command's own work take, in MB, and how often the images may lie in memory.
OWN_MB, TIMES = 600, 3

#: The same of a look at SimpleCNN, whose maps of all images that are measured would be 1,000 MB.
LOOK_MB = 800


def digits(count: int = 200) -> ImageSet:
    random = np.random.default_rng(0)
    return data_of(random.integers(0, 256, (count, 8, 8), dtype=np.uint8), np.arange(count) % 2)


def live_values() -> int:
    return sum(one.numel() for one in gc.get_objects() if type(one) is torch.Tensor)


def test_a_look_at_activations_keeps_none_of_them_until_the_collector_comes() -> None:
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 2))
    images = torch.randn(500, 1, 8, 8)
    statistics(net, images)
    gc.collect()
    gc.disable()
    try:
        before = live_values()
        statistics(net, images)
        assert live_values() - before < 500 * 8 * 36  # less than one of the layers that it saw
    finally:
        gc.enable()


def test_the_content_hash_is_that_of_the_bytes() -> None:
    data = digits()
    splits = {name: data.split(name) for name in ("train", "validation", "test")}
    expected = hashlib.sha256()
    for name, split in splits.items():
        expected.update(f"{name} {tuple(split.images.shape)}".encode())
        expected.update(bytes(split.images.flatten().tolist()))
        expected.update(split.labels.numpy().tobytes())
    assert data.sha256 == content_hash(splits) == expected.hexdigest()


def test_logits_are_those_of_each_batch() -> None:
    data, net = digits(2 * BATCH + 100), nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval()
    images, normal = data.train.images, {"mean": data.mean, "std": data.std}
    assert torch.equal(
        logits(net, images, **normal), torch.cat([logits(net, part, **normal) for part in images.split(BATCH)])
    )


@pytest.mark.parametrize("shape", [(100, 8, 8), (100, 8, 8, 3), (100, 3, 8, 8)])
@pytest.mark.parametrize("are_split", [False, True])
def test_a_set_holds_copies_of_a_users_arrays(shape: tuple[int, ...], are_split: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    labels = np.arange(100) % 2
    others = {} if not are_split else {"test": (images ^ 1, labels), "validation": (images ^ 2, labels)}
    data = data_of(images, labels, **others)
    kept = {name: data.split(name).images.clone() for name in ("train", "validation", "test")}
    images[:] = 0
    labels[:] = 0
    for name, expected in kept.items():
        assert torch.equal(data.split(name).images, expected), name
        assert data.split(name).images.is_contiguous(), name
        assert data.split(name).labels.unique().tolist() == [0, 1], name


def test_workers_map_one_file_of_the_images(tmp_path: Path) -> None:
    data = digits()
    shared = share(data, tmp_path)
    opened, other = shared.open(), shared.open()
    assert content_hash({name: opened.split(name) for name in ("train", "validation", "test")}) == data.sha256
    assert {**vars(opened), "train": 0, "validation": 0, "test": 0} == {
        **vars(data), "train": 0, "validation": 0, "test": 0,
    }  # fmt: skip
    opened.train.images.zero_()  # stays in this process
    assert torch.equal(other.train.images, data.train.images)
    mapped = Path("/proc/self/maps")
    if mapped.exists():
        assert str(tmp_path / "train-images.npy") in mapped.read_text()


def test_a_mapped_set_is_trained_on_as_the_one_in_memory(tmp_path: Path) -> None:
    data = digits(300)
    mapped = share(data, tmp_path).open()
    figures = []
    for each in (data, mapped):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 2))
        training = recipe("lesson", net, each, epochs=2, augmentation={"shift": 1})
        epochs = list(fit(start(net, training, seed=3), each, training))
        figures.append([replace(one, train_time_s=0.0, eval_time_s=0.0) for one in epochs])
    assert figures[0] == figures[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_of_commands_on_many_images(tmp_path: Path) -> None:
    from benchmarks.memory import compile_loops, make_images, peak_of

    count = 50_000
    place = make_images(tmp_path, count, with_pictures=False)["npz"]
    compile_loops(tmp_path)
    bound = OWN_MB + TIMES * count * 28 * 28 / 1e6
    for command in (
        f"train lenet5 --data {place} --epochs 0.02 --out run",
        "evaluate run --split train",
        "look run",
        f"train simple-cnn --data {place} --epochs 0.02 --out cnn",
        "look cnn",
    ):
        peak = peak_of(command.split(), tmp_path)
        assert peak.main <= bound, f"cnnlab {command}: {peak.main:.0f} MB; expected at most {bound:.0f}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_look_at_a_net_takes_little_more_than_its_images_do(tmp_path: Path) -> None:
    from benchmarks.memory import make_images, peak_of

    count = 30_000
    place = make_images(tmp_path, count, with_pictures=False)["npz"]
    peak_of(f"train simple-cnn --data {place} --epochs 0.02 --out run".split(), tmp_path)
    bound = LOOK_MB + TIMES * count * 28 * 28 / 1e6
    for command in ("look run", "look run --layer features.0 --out layer", "explore run --no-open"):
        peak = peak_of(command.split(), tmp_path)
        assert peak.main <= bound, f"cnnlab {command}: {peak.main:.0f} MB; expected at most {bound:.0f}"
