"""Uneven classes: weights in the loss against PyTorch's own, and draws that are counted."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from cnnlab.config import NetSpec, Training
from cnnlab.data import ImageSet, data_of
from cnnlab.nets import build_net
from cnnlab.training import fit, loop, start
from cnnlab.training.balance import balanced_order, class_weights, mean_loss
from cnnlab.training.batched import fit_together
from cnnlab.training.course import Course
from cnnlab.training.program import why_alone
from cnnlab.training.state import derived_seed

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def uneven() -> ImageSet:
    """240 images: 200, 30 and 10 of three classes."""
    labels = np.repeat([0, 1, 2], [200, 30, 10])
    images = np.random.default_rng(0).integers(0, 120, (240, 8, 8), dtype=np.uint8)
    for row in range(3):
        images[labels == row, 2 * row : 2 * row + 2] += 60
    return data_of(images, labels)


def make_net(seed: int = 0) -> nn.Module:
    options = {"hidden": (12,), "dropout": 0.2}
    return build_net(NetSpec(name="mlp", options=options), image_shape=(1, 8, 8), num_classes=3, seed=seed)


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_weights_are_scikit_learns(uneven: ImageSet) -> None:
    weights = class_weights(Training(balance="weights"), uneven, CPU)
    assert weights is not None
    labels = uneven.train.labels.numpy()
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)
    assert float(weights[uneven.train.labels].mean()) == pytest.approx(1)
    for balance in ("none", "draws"):
        assert class_weights(Training(balance=balance), uneven, CPU) is None


def test_a_class_without_images_weighs_nothing(uneven: ImageSet) -> None:
    more = dataclasses.replace(uneven, classes=(*uneven.classes, "none of these"))
    weights = class_weights(Training(balance="weights"), more, CPU)
    assert weights is not None
    assert float(weights[3]) == 0
    assert weights[:3].tolist() == class_weights(Training(balance="weights"), uneven, CPU).tolist()  # ty: ignore


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("is_weighted", [True, False])
def test_the_loss_is_pytorchs_for_one_seed_and_for_several(smoothing: float, is_weighted: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    answers = torch.randn(4, 20, 3, generator=generator)
    labels = torch.randint(0, 3, (4, 20), generator=generator)
    weights = torch.tensor([0.4, 2.7, 8.0]) if is_weighted else None
    oracle = nn.CrossEntropyLoss(weight=weights, label_smoothing=smoothing)
    expected = torch.stack([oracle(own, its) for own, its in zip(answers, labels, strict=True)])
    training = Training(label_smoothing=smoothing)
    torch.testing.assert_close(mean_loss(answers, labels, training, weights), expected)
    torch.testing.assert_close(mean_loss(answers[0], labels[0], training, weights), expected[0])


@pytest.mark.parametrize("sizes", [(200, 30, 10), (5, 5, 5), (1, 50), (7, 0, 3), (11,)])
def test_draws_are_counted(sizes: tuple[int, ...]) -> None:
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    order = balanced_order(labels, torch.Generator().manual_seed(0))
    assert len(order) == len(labels)
    present = [label for label, size in enumerate(sizes) if size]
    of_class = torch.bincount(labels[order], minlength=len(sizes))[present]
    assert int(of_class.max() - of_class.min()) <= 1
    for label in present:
        of_image = torch.bincount(order, minlength=len(labels))[labels == label]
        assert int(of_image.max() - of_image.min()) <= 1, "each image of a class as often as any other"
    assert order.tolist() != sorted(order.tolist()) or len(order) == 1


def test_every_epoch_draws_others_and_the_same_seed_the_same(uneven: ImageSet) -> None:
    course = Course.of(Training(balance="draws"), uneven)
    first, second = course.order(3, 0), course.order(3, 1)
    assert torch.equal(first, Course.of(Training(balance="draws"), uneven).order(3, 0))
    assert not torch.equal(first, second)
    large = uneven.train.labels == 0
    assert set(first[large[first]].tolist()) != set(second[large[second]].tolist())
    plain = torch.randperm(192, generator=torch.Generator().manual_seed(derived_seed(3, "order", 0)))
    assert torch.equal(Course.of(Training(), uneven).order(3, 0), plain)
    assert torch.equal(Course.of(Training(balance="weights"), uneven).order(3, 0), plain)


@pytest.mark.parametrize("balance", ["weights", "draws"])
def test_a_training_equals_a_plain_one(uneven: ImageSet, balance: str) -> None:
    """The oracle: a loop as a notebook writes it, with PyTorch's weighted loss or a list of draws."""
    training = Training(epochs=2, batch_size=32, balance=balance)  # ty: ignore[invalid-argument-type]
    net, plain = make_net(), make_net()
    list(fit(start(net, training, seed=5), uneven, training))
    labels, optimizer = uneven.train.labels, torch.optim.Adam(plain.parameters(), lr=1e-3)
    counts = torch.bincount(labels).float()
    loss_of = nn.CrossEntropyLoss(weight=len(labels) / (3 * counts) if balance == "weights" else None)
    for epoch in range(2):
        torch.manual_seed(derived_seed(5, "dropout", epoch))
        plain.train()
        for batch in Course.of(training, uneven).order(5, epoch).split(32):
            x = (uneven.train.images[batch].float() / 255 - uneven.mean[0]) / uneven.std[0]
            optimizer.zero_grad()
            loss_of(plain(x), labels[batch]).backward()
            optimizer.step()
    for name, value in net.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("balance", ["weights", "draws"])
def test_a_training_goes_on_bit_for_bit(uneven: ImageSet, balance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "STEP_INTERVAL_S", 0)
    training = Training(epochs=2.5, batch_size=16, balance=balance)  # ty: ignore[invalid-argument-type]
    whole, parted = make_net(), make_net()
    list(fit(start(whole, training, seed=1), uneven, training))
    state = start(parted, training, seed=1)
    for _ in range(100):
        calls = iter(range(100))
        list(fit(state, uneven, training, should_stop=lambda calls=calls: next(calls) >= 4))
        if Course.of(training, uneven).is_over(state.position.epoch) or state.position.epoch == 3:
            break
        state = start(make_net(9), training, seed=1, packed=state.pack())
    assert same_weights(whole, state.net)


@pytest.mark.parametrize("balance", ["weights", "draws"])
def test_seeds_together_get_what_each_gets_alone(uneven: ImageSet, balance: str) -> None:
    training = Training(epochs=1.5, batch_size=16, balance=balance, label_smoothing=0.1)  # ty: ignore[invalid-argument-type]
    assert why_alone(make_net(), uneven, training) is None
    together = [start(make_net(seed), training, seed=seed) for seed in (0, 3)]
    list(fit_together(together, uneven, training))
    for state in together:
        alone = start(make_net(state.seed), training, seed=state.seed)
        list(fit(alone, uneven, training))
        for name, value in alone.net.state_dict().items():
            torch.testing.assert_close(state.net.state_dict()[name], value, rtol=1e-3, atol=1e-5)


def test_the_command_keeps_it_and_rare_classes_gain(cnnlab, tmp_path, uneven: ImageSet) -> None:
    images = torch.cat([part.images for part in (uneven.train, uneven.validation, uneven.test)])[:, 0].numpy()
    labels = torch.cat([part.labels for part in (uneven.train, uneven.validation, uneven.test)]).numpy()
    np.savez(tmp_path / "uneven.npz", images=images, labels=labels)
    found = {}
    for balance in ("none", "weights", "draws"):
        run = tmp_path / balance
        made = cnnlab("train", "mlp", "--recipe", "lesson", "--data", f"npz:{tmp_path / 'uneven.npz'}", "--balance",
                      balance, "--epochs", 4, "--out", run)  # fmt: skip
        assert made.code == 0, made.err
        assert json.loads((run / "config.json").read_text())["training"]["balance"] == balance
        page = (run / "report.html").read_text()
        assert ("--balance</span>" in page) == (balance != "none")
        found[balance] = cnnlab("evaluate", run, "--split", "train", "--json").result["balanced_accuracy"]
    assert found["none"] < found["weights"]
    assert found["none"] < found["draws"]
    refused = cnnlab("train", "mlp", "--balance", "evenly")
    assert refused.code == 2
    assert "draws" in refused.err
