"""A split as a plain Dataset: the same images and labels, for anybody's loop."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from cnnlab import load
from cnnlab.data.imageset import Split, image_set


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k")


def test_samples_are_the_split_normalised(data):
    for name in ("train", "validation", "test"):
        samples, split = data.as_dataset(name), data.split(name)
        assert isinstance(samples, Dataset)
        assert len(samples) == len(split)
        for index in (0, 1, len(split) - 1, -1):
            image, label = samples[index]
            pixels = split.images[index].numpy().astype(np.float64)
            np.testing.assert_allclose(image, (pixels / 255 - data.mean[0]) / data.std[0], atol=1e-5)
            assert image.dtype == torch.float32
            assert image.shape == (1, 28, 28)
            assert type(label) is int
            assert label == split.labels[index]
        with pytest.raises(IndexError):
            samples[len(split)]


def test_colour_is_normalised_by_its_own_channel():
    pixels = torch.randint(0, 256, (12, 3, 5, 6), dtype=torch.uint8)
    parts = [Split(pixels[i : i + 4], torch.tensor([0, 1, 0, 1])) for i in (0, 4, 8)]
    data = image_set(
        "made", classes=("a", "b"), train=parts[0], validation=parts[1], test=parts[2], source="", split_note=""
    )
    seen = torch.stack([image for image, _ in data.as_dataset("train")])
    torch.testing.assert_close(seen.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std(dim=(0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_loader_with_two_workers_gives_every_image_once(data, method):
    loader = DataLoader(data.as_dataset("test"), batch_size=128, num_workers=2, multiprocessing_context=method)
    batches = list(loader)
    assert [len(labels) for _, labels in batches] == [128, 128, 128, 116]
    assert torch.equal(torch.cat([labels for _, labels in batches]), data.test.labels)
    expected = (data.test.images.double() / 255 - data.mean[0]) / data.std[0]
    torch.testing.assert_close(torch.cat([images for images, _ in batches]).double(), expected, atol=1e-5, rtol=0)
    assert batches[0][1].dtype == torch.int64


def test_pickled_and_back_it_is_the_same(data):
    samples = data.as_dataset("validation")
    again = pickle.loads(pickle.dumps(samples))
    assert torch.equal(again[7][0], samples[7][0])
    assert again[7][1] == samples[7][1]
    assert again.classes == data.classes


@pytest.mark.slow
def test_loops_in_the_docs_learn_digits(data):
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "exchange.md").read_text()
    loop, with_skorch = (
        program for program in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "as_dataset" in program
    )
    names = {}
    torch.manual_seed(0)
    exec(compile(loop, "docs/how-to/exchange.md", "exec"), names)
    images = torch.stack([image for image, _ in data.as_dataset("test")])
    with torch.no_grad():
        answers = names["net"].eval()(images).argmax(dim=1)
    assert (answers == data.test.labels).float().mean() > 0.8
    exec(compile(with_skorch, "docs/how-to/exchange.md", "exec"), names)
    answers = names["classifier"].predict(data.as_dataset("test"))
    assert (answers == data.test.labels.numpy()).mean() > 0.8
    assert names["classifier"].history[-1]["valid_acc"] > 0.8
