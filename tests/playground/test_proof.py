"""The page's course by PyTorch, held against a plain loop with a hash of its own."""

from __future__ import annotations

import copy
import hashlib
import math

import pytest
import torch
from tests.playground.residual import residual
from torch import nn
from torch.nn import functional as F

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.playground.images import page_images
from cnnlab.playground.nets import plan_module, plan_net
from cnnlab.playground.proof import STEPS, proof, training_steps
from cnnlab.playground.settings import Settings
from cnnlab.runs.plan import Plan
from cnnlab.training import fit, start


def uniform(seed: int, purpose: int, a: int, b: int) -> float:
    """The hash in whole numbers, a word at a time."""

    def mix(x: int) -> int:
        x ^= x >> 16
        x = x * 0x7FEB352D % 2**32
        x ^= x >> 15
        x = x * 0x846CA68B % 2**32
        return x ^ x >> 16

    h = mix(seed % 2**32 ^ purpose * 0x9E3779B1 % 2**32)
    h = mix(h ^ a * 0x85EBCA77 % 2**32)
    return mix(h ^ b * 0xC2B2AE3D % 2**32) / 2**32


def test_the_hash_is_as_even_as_chance():
    draws = torch.tensor([uniform(7, 3, step, place) for step in range(10) for place in range(1000)])
    assert abs(draws.mean() - 0.5) < 0.01
    assert abs((draws < 0.25).float().mean() - 0.25) < 0.02
    assert abs(torch.corrcoef(torch.stack([draws[:-1], draws[1:]]))[0, 1]) < 0.03


class Thinned(nn.Module):
    """Dropout, unit by unit."""

    def __init__(self, share: float, layer: int, seed: int) -> None:
        super().__init__()
        self.share, self.layer, self.seed, self.step = share, layer, seed, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = [uniform(self.seed, 1 + self.layer, self.step, i) >= self.share for i in range(x.numel())]
        return x * torch.tensor(kept).reshape(x.shape) / (1 - self.share)


def moved(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    out = torch.zeros_like(image)
    for row in range(28):
        for column in range(28):
            if 0 <= row - down < 28 and 0 <= column - right < 28:
                out[:, row, column] = image[:, row - down, column - right]
    return out


def order(seed: int, epoch: int, count: int) -> list[int]:
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/order/{epoch}".encode()).digest()[:8], "big") >> 1
    return torch.randperm(count, generator=torch.Generator().manual_seed(drawn)).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ("sgd", lambda net: torch.optim.SGD(net.parameters(), lr=0.01)),
        ("momentum", lambda net: torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)),
        ("adam", lambda net: torch.optim.Adam(net.parameters(), lr=0.01)),
        ("adamw", lambda net: torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.0)),
    ],
)
def test_steps_with_dropout_shifts_and_wrong_labels_are_a_plain_loop_s(optimizer, make):
    seed, images, batch = 2**32 + 5, page_images(load("mnist-5k@40")), 16
    planned = plan_module(residual(), NetSpec(name="residual"), (1, 28, 28), 10)
    settings = Settings(
        optimizer=optimizer,
        learning_rate=0.01,
        batch_size=batch,
        dropout=0.3,
        shift=2,
        images=30,
        wrong_labels=0.3,
        seed=seed,
    )
    net = copy.deepcopy(planned.module)
    names = [layer["name"] for layer in planned.layers]
    net.dropout = Thinned(0.3, names.index("dropout"), seed)
    torch_optimizer = make(net.train())
    train, data = images.train, images.data
    labels = train.labels[:30].clone()
    for i in range(30):
        if uniform(seed, 2001, i, 0) < 0.3:
            labels[i] = (int(labels[i]) + 1 + math.floor(uniform(seed, 2001, i, 1) * 9)) % 10
    assert 3 < int((labels != train.labels[:30]).sum()) < 17
    course = training_steps(planned, images, settings)
    for step in range(3):  # 30 images in batches of about 16 are 2 steps an epoch
        epoch, within = divmod(step, 2)
        chosen = order(seed, epoch, 30)[15 * within : 15 * within + 15]
        shifts = [math.floor(uniform(seed, 1001, step, i) * 5) - 2 for i in range(30)]
        x = torch.stack([moved(train.images[c], *shifts[2 * i : 2 * i + 2]) for i, c in enumerate(chosen)])
        net.dropout.step = step
        loss = F.cross_entropy(net((x.float() / 255 - data.mean[0]) / data.std[0]), labels[chosen])
        torch_optimizer.zero_grad()
        loss.backward()
        torch_optimizer.step()
        done = next(course)
        assert done.step == step + 1
        assert done.loss == pytest.approx(float(loss.detach()), rel=1e-4)
    # Batch norm takes the bias out again: its gradient is rounding alone, and Adam makes whole steps of that.
    adrift = {"first.bias", "norm.running_mean"}
    for name, value in done.net.state_dict().items():
        if name not in adrift:
            torch.testing.assert_close(value, net.state_dict()[name], rtol=1e-3, atol=1e-4)


def test_without_dropout_it_is_the_run_of_cnnlab_train():
    data = load("mnist-5k@200")
    planned = plan_net(NetSpec(name="mlp"), (1, 28, 28), 10)
    config, net = Plan(net=NetSpec(name="mlp"), data=data.name, epochs=1, changes={"precision": "fp32"}).meet(data, 0)
    state = start(net, config.training, seed=0)
    (epoch,) = fit(state, data, config.training)
    course = training_steps(planned, page_images(data), Settings(images=200))
    done = [next(course) for _ in range(epoch.steps)]
    assert sum(each.loss for each in done) / len(done) == pytest.approx(epoch.training_loss, rel=1e-3)
    for name, value in done[-1].net.state_dict().items():
        torch.testing.assert_close(value, state.net.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_the_proof_says_where_its_samples_lie():
    planned = plan_net(NetSpec(name="mlp", options={"hidden": (4,)}), (1, 28, 28), 10)
    images = page_images(load("mnist-5k@100"))
    told = proof(planned, images, Settings(images=100))
    assert [step["step"] for step in told["steps"]] == list(STEPS)
    assert all(0 <= step["own_deviation"] < 1e-3 for step in told["steps"])
    course = training_steps(planned, images, Settings(images=100))
    net = next(course).net
    for sample in told["steps"][0]["tensors"]:
        values = net.state_dict()[sample["name"]].flatten()
        assert values[sample["positions"]].tolist() == sample["values"]
        assert sample["largest"] == float(values.abs().max())
        assert len(sample["positions"]) == min(16, len(values))
