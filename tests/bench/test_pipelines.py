"""Both sides do what they say, on real images."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import cnnlab
from cnnlab.bench.fast_recipe import FastRecipe
from cnnlab.bench.flops import training_flop
from cnnlab.bench.peak import matmul_peak
from cnnlab.bench.stock import BATCH_SIZE, StockDataset, StockPipeline
from cnnlab.data import ImageSet, Split
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError


@pytest.fixture(scope="module")
def small() -> ImageSet:
    """300 training images of mnist-5k, which is no multiple of a batch, and 50 of each other split."""
    data = cnnlab.load("mnist-5k")
    return dataclasses.replace(
        data,
        train=Split(data.train.images[:300], data.train.labels[:300]),
        validation=Split(data.validation.images[:50], data.validation.labels[:50]),
        test=Split(data.test.images[:50], data.test.labels[:50]),
    )


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> int:
    """As many threads as there are now, and a process whose memory settings stay as they are."""
    monkeypatch.setattr("cnnlab.bench.fast_recipe.keep_freed_memory", lambda: False)
    return torch.get_num_threads()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_stock_sample_is_the_normalised_image(small: ImageSet, channels: int) -> None:
    images = small.train.images[:20].repeat(1, channels, 1, 1).clone()
    for c in range(channels):
        images[:, c] //= c + 1  # channels that differ, to notice a swap
    mean, std = (0.1307, 0.2, 0.3, 0.4)[:channels], (0.3081, 0.4, 0.5, 0.6)[:channels]
    dataset = StockDataset(Split(images, small.train.labels[:20]), mean, std)
    samples = [dataset[i] for i in range(20)]
    assert torch.allclose(torch.stack([image for image, _ in samples]), normalise(images, mean, std), rtol=0, atol=1e-6)
    assert [label for _, label in samples] == small.train.labels[:20].tolist()
    assert samples[0][0].dtype == torch.float32
    assert samples[0][0].is_contiguous()


def test_two_channels_have_no_picture(small: ImageSet) -> None:
    with pytest.raises(UserError, match="got 2 channels"):
        StockDataset(Split(small.train.images.repeat(1, 2, 1, 1), small.train.labels), (0.1, 0.1), (0.3, 0.3))


def test_stock_counts_every_image_and_learns(small: ImageSet, threads: int) -> None:
    pipeline = StockPipeline(small, threads=threads)
    before = torch.cat([parameter.flatten() for parameter in pipeline._model.parameters()]).clone()
    result = pipeline.train_for(0.01)
    assert result["time_s"] >= 0.01
    assert result["images"] % BATCH_SIZE in (0, 300 % BATCH_SIZE)
    assert not torch.equal(before, torch.cat([parameter.flatten() for parameter in pipeline._model.parameters()]))
    pipeline.start(0)
    accuracies = [pipeline.train_epoch()["accuracy"] for _ in range(2)]
    assert max(accuracies) > 0.25
    assert pipeline._model.training


def test_cnnlab_counts_the_steps_that_the_loop_took(
    small: ImageSet, threads: int, request: pytest.FixtureRequest
) -> None:
    pipeline = FastRecipe(small, threads=threads)
    assert pipeline._training.crop is None
    stepped: list[int] = []
    hook = register_optimizer_step_post_hook(lambda *_: stepped.append(1))
    request.addfinalizer(hook.remove)
    # Calls that end within an epoch, and one that outlasts the recipe's own length and begins anew.
    pipeline._training = pipeline._training.model_copy(update={"epochs": 2})
    for seconds in (0.001, 0.15, 0.15):
        stepped.clear()
        result = pipeline.train_for(seconds)
        # An epoch's images are spread over the nearest whole number of batches.
        images = len(small.train)
        batches = round(images / pipeline._training.batch_size)
        assert result["images"] == pytest.approx(len(stepped) * images / batches, abs=1)
        assert result["time_s"] >= seconds


def test_cnnlab_trains_once_by_the_default_recipe(small: ImageSet, threads: int) -> None:
    pipeline = FastRecipe(small, threads=threads)
    result = pipeline.train_once(12, 0)
    assert 0.25 < result["accuracy"] <= 1
    assert result["time_s"] > 0


def test_flop_of_simple_cnn_is_the_hand_count() -> None:
    conv1 = 2 * 28 * 28 * 32 * 1 * 9
    conv2 = 2 * 14 * 14 * 64 * 32 * 9
    dense = 2 * (3136 * 128 + 128 * 10)
    # Forward, gradient of the weights, gradient of the input; the image needs no gradient.
    by_hand = 2 * conv1 + 3 * conv2 + 3 * dense
    assert training_flop(cnnlab.SimpleCNN(), (1, 28, 28), 10) == by_hand == 24_995_328


def test_counting_leaves_net_and_random_state() -> None:
    net = cnnlab.SimpleCNN().eval()
    before, random_state = {k: v.clone() for k, v in net.state_dict().items()}, torch.get_rng_state()
    training_flop(net, (1, 28, 28), 10)
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    assert not net.training
    assert all(parameter.grad is None for parameter in net.parameters())


def test_peak_is_a_rate() -> None:
    assert matmul_peak(torch.float32, torch.device("cpu"), sizes=(128,), repeats=1) > 0.01
