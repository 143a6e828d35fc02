"""The loop: the same figures as a plain one, as before a stop, and as the last time."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cnnlab
from cnnlab.config import Augmentation, NetSpec, Training
from cnnlab.errors import UserError
from cnnlab.nets import build_net
from cnnlab.training import Epoch, fit, recipe, start
from cnnlab.training.state import derived_seed

#: Every feature of the loop at once: crop, augmentation, dropout, schedule, smoothing, bf16 where the machine has it.
RICH = Training(
    epochs=2.5,
    batch_size=32,
    learning_rate=5e-3,
    schedule="one-cycle",
    label_smoothing=0.1,
    augmentation=Augmentation(shift=1, rotate_degrees=5, erase=4),
    crop=20,
    crop_share=0.5,
    precision="auto",
    channels_last=True,
)


def make_net(name: str = "simple-cnn", seed: int = 0, **options) -> nn.Module:
    return build_net(NetSpec(name=name, options=options), image_shape=(1, 28, 28), num_classes=10, seed=seed)


def figures(records: list[Epoch]) -> list[dict]:
    timeless = {"train_time_s": 0.0, "eval_time_s": 0.0}
    return [dataclasses.asdict(dataclasses.replace(record, **timeless)) for record in records]


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_loop_equals_a_plain_one(small):
    """The oracle: the lesson's training as a notebook writes it, with the same order and the same dropout."""
    training = Training(epochs=2, batch_size=64)
    net, plain = make_net(), make_net()
    records = list(fit(start(net, training, seed=7), small, training))

    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3)
    mean, std = small.mean[0], small.std[0]
    for epoch in range(2):
        order = torch.randperm(320, generator=torch.Generator().manual_seed(derived_seed(7, "order", epoch)))
        torch.manual_seed(derived_seed(7, "dropout", epoch))
        plain.train()
        losses, correct = [], 0
        for batch in order.split(64):
            x = (small.train.images[batch].float() / 255 - mean) / std
            answers = plain(x)
            loss = F.cross_entropy(answers, small.train.labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            correct += int((answers.argmax(dim=1) == small.train.labels[batch]).sum())
        assert records[epoch].training_loss == pytest.approx(sum(losses) / 5, rel=1e-3)
        assert records[epoch].training_accuracy == pytest.approx(correct / 320, abs=0.01)
        plain.eval()
        with torch.no_grad():
            answers = plain((small.validation.images.float() / 255 - mean) / std)
        expected = float(F.cross_entropy(answers, small.validation.labels))
        assert records[epoch].validation_loss == pytest.approx(expected, rel=1e-2)
    for (name, ours), theirs in zip(net.state_dict().items(), plain.state_dict().values(), strict=True):
        if name not in ("features.0.bias", "features.4.bias"):  # batch norm takes them out: their gradient is noise
            torch.testing.assert_close(ours.float(), theirs.float(), rtol=2e-2, atol=2e-3, msg=name)


def test_same_seed_same_figures_bit_for_bit(small):
    first, second, other = make_net(), make_net(), make_net()
    records = list(fit(start(first, RICH, seed=3), small, RICH))
    torch.rand(5)  # what the process drew before must not matter
    assert figures(list(fit(start(second, RICH, seed=3), small, RICH))) == figures(records)
    assert same_weights(first, second)
    assert figures(list(fit(start(other, RICH, seed=4), small, RICH))) != figures(records)
    assert [record.steps for record in records] == [10, 10, 5]


@pytest.mark.parametrize("stop_at", [3, 9, 10, 14, 23])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_an_interruption_changes_nothing(small, stop_at, optimizer, monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    training = RICH.model_copy(update={"optimizer": optimizer})
    whole = make_net(dropout=0.3)
    expected = list(fit(start(whole, training, seed=1), small, training))

    state = start(make_net(dropout=0.3), training, seed=1)
    steps = []
    before = list(fit(state, small, training, on_step=steps.append, should_stop=lambda: len(steps) >= stop_at))
    assert len(steps) == stop_at
    packed = state.pack()
    resumed = make_net(dropout=0.3, seed=99)  # other initial weights: all must come from the package
    after = list(fit(start(resumed, training, seed=1, packed=packed), small, training))
    assert figures(before + after) == figures(expected)
    assert same_weights(whole, resumed)


def test_random_state_is_left_alone(small):
    before = torch.get_rng_state()
    for _ in fit(start(make_net(), RICH, seed=0), small, RICH, on_step=lambda _: None):
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
def test_every_optimizer_and_schedule_learns(small):
    for optimizer in ("adam", "adamw", "nadam", "radam", "adamax", "adagrad", "rmsprop", "sgd", "muon"):
        rate = {"sgd": 0.05, "adagrad": 0.01, "radam": 0.02}.get(optimizer, 2e-3)
        training = Training(epochs=4, batch_size=16, optimizer=optimizer, learning_rate=rate, schedule="cosine")
        *_, last = fit(start(make_net("lenet5"), training, seed=0), small, training)
        assert last.remeasured_accuracy > 0.5, optimizer


def test_early_stop_keeps_the_best_epoch(small):
    training = Training(epochs=50, batch_size=32, patience=2, learning_rate=3e-3)
    trained = cnnlab.train(make_net(), small, training)
    accuracies = [(record.validation_accuracy, -record.validation_loss) for record in trained.epochs]
    best = max(range(len(accuracies)), key=lambda i: accuracies[i])
    assert len(accuracies) == best + 3 < 50, "two epochs after the best one, and no more"
    measured = cnnlab.evaluate(
        cnnlab.evaluation.logits(trained.net, small.validation.images, mean=small.mean, std=small.std),
        small.validation.labels,
        classes=small.classes,
    )
    assert measured.accuracy == accuracies[best][0], "the net has its best epoch's weights"


def test_divergence_is_said_and_the_best_weights_stay(small):
    training = Training(epochs=5, optimizer="sgd", learning_rate=1e25)
    net = make_net("mlp")
    start_weights = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(UserError, match=r"the loss became NaN or infinite in epoch 1 .* lower --learning-rate"):
        cnnlab.train(net, small, training)
    assert all(torch.equal(value, start_weights[name]) for name, value in net.state_dict().items())


def test_small_sets_make_one_smaller_batch(small):
    training = Training(epochs=1, batch_size=1000)
    (record,) = fit(start(make_net(), training, seed=0), small, training)
    assert record.steps == 1


@pytest.mark.slow
def test_fast_recipe_learns_mnist_5k(mnist_5k):
    trained = cnnlab.train(make_net(dropout=0.0), mnist_5k, seed=0, training=fast(make_net(), mnist_5k, epochs=2))
    assert max(record.validation_accuracy for record in trained.epochs) > 0.95


def fast(net: nn.Module, data, epochs: float) -> Training:
    return recipe("fast", net, data, epochs=epochs)


def test_fast_recipe_fits_net_and_data(mnist_5k, small):
    assert fast(make_net(), mnist_5k, 3).crop == 20, "MNIST's digits lie in the central 20×20"
    assert fast(make_net("lenet5"), mnist_5k, 3).learning_rate == fast(make_net(), mnist_5k, 3).learning_rate
    for net in (make_net("mlp"), make_net("conv-net", widths=(4, 4, 4), batch_norm=False)):
        assert fast(net, mnist_5k, 3).learning_rate < fast(make_net(), mnist_5k, 3).learning_rate
    full = dataclasses.replace(small, train=dataclasses.replace(small.train, images=255 - small.train.images * 0))
    assert fast(make_net(), full, 3).crop is None or full.train.images.float().var() == 0


def test_garments_are_mirrored_and_seen_whole_in_the_end(small):
    garments = dataclasses.replace(small, preparation="garment")
    training = fast(make_net(), garments, 3)
    assert (training.augmentation.flip, training.augmentation.shift) == (True, 0)
    assert (training.crop, training.crop_share) == (20, 0.5)
    assert fast(make_net("mlp"), garments, 3) == fast(make_net("mlp"), small, 3), "a dense net is not fed a crop"


@pytest.mark.parametrize(("images", "epochs", "size"), [(55_000, 2, 64), (55_000, 3, 64), (55_000, 12, 256)])
def test_garments_are_learned_in_more_steps(small, images, epochs, size):
    train = dataclasses.replace(
        small.train,
        images=small.train.images[:1].expand(images, -1, -1, -1),
        labels=small.train.labels[:1].expand(images),
    )
    garments = dataclasses.replace(small, preparation="garment", train=train)
    assert fast(make_net(), garments, epochs).batch_size == size


def test_the_best_recipe_is_fast_for_longer_on_whole_images(mnist_5k):
    best, usual = (recipe(name, make_net(), mnist_5k) for name in ("best", "fast"))
    assert best.epochs == pytest.approx(8 / 3 * usual.epochs, abs=0.5)
    assert best.crop is None
    assert best.batch_size <= 128
    assert best.augmentation.shift == 1
    garments = recipe("best", make_net(), dataclasses.replace(mnist_5k, preparation="garment"))
    assert (garments.augmentation.flip, garments.augmentation.shift, garments.crop) == (True, 1, None)


@pytest.mark.parametrize(
    ("net", "options", "optimizer"),
    [
        ("simple-cnn", {}, "muon"),
        ("lenet5", {}, "muon"),
        ("mlp", {}, "adam"),
        ("conv-net", {"widths": (4, 4, 4), "batch_norm": False}, "adam"),
    ],
)
def test_the_best_recipe_moves_by_muon_what_that_was_tried_on(net, options, optimizer, mnist_5k):
    made = make_net(net, **options)
    best, usual = recipe("best", made, mnist_5k), recipe("fast", made, mnist_5k)
    assert (best.optimizer, usual.optimizer) == (optimizer, "adam")
    assert best.learning_rate == usual.learning_rate


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 0}, "epochs: got 0"),
        ({"learning_rate": -1}, "learning_rate: got -1"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"optimiser": "adam"}, "unknown key optimiser; did you mean optimizer"),
        ({"schedule": "cyclic"}, "schedule: got 'cyclic'"),
        ({"augmentation": {"shfit": 1}}, "unknown key augmentation.shfit"),
    ],
)
def test_options_out_of_range_are_refused(small, change, says):
    with pytest.raises(UserError, match=says):
        recipe("lesson", make_net(), small, **change)


def test_unknown_recipe_names_the_nearest(small):
    with pytest.raises(UserError, match="unknown recipe lessen; did you mean lesson"):
        recipe("lessen", make_net(), small)


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(UserError, match="device cuda is not on this machine; expected one of: cpu"):
        start(make_net(), Training(device="cuda"), seed=0)


def test_learning_rate_finder_leaves_everything_as_it_was(small):
    net = make_net()
    net.eval()
    weights = {name: value.clone() for name, value in net.state_dict().items()}
    random_state = torch.get_rng_state()
    found = cnnlab.find_learning_rate(net, small, Training(batch_size=32))
    assert all(torch.equal(value, weights[name]) for name, value in net.state_dict().items())
    assert not net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert 1e-4 < found.suggestion < 3e-2
    assert cnnlab.find_learning_rate(net, small, Training(batch_size=32)) == found


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_learning_rate_finder_refuses_a_curve_of_one_point(small, steps):
    with pytest.raises(UserError, match=f"^steps {steps}: expected at least 2"):
        cnnlab.find_learning_rate(make_net(), small, steps=steps)
