"""Seeds trained together: for each the figures of the ordinary loop alone, and nothing of the others'."""

from __future__ import annotations

import copy
import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.config import Augmentation, NetSpec, Training
from cnnlab.data import ImageSet, Split
from cnnlab.nets import build_net
from cnnlab.training import Diverged, Epoch, fit, recipe, start
from cnnlab.training import program as program_room
from cnnlab.training.batched import fit_together
from cnnlab.training.program import Program, _normalised, why_alone
from cnnlab.training.stack import Stack

SEEDS = (0, 3, 4)

#: `fast` in all its features, at a rate at which few steps matter, in float32.
FAST = Training(
    epochs=1.5,
    batch_size=16,
    learning_rate=5e-3,
    betas=(0.9, 0.99),
    schedule="one-cycle",
    label_smoothing=0.1,
    augmentation=Augmentation(shift=1),
    crop=20,
    crop_share=0.5,
    channels_last=True,
)
LESSON = Training(epochs=1.5, batch_size=16)

#: Small relatives of the lesson's nets, one for each kind of layer that a seed could leak through.
NETS: dict[str, tuple[str, dict]] = {
    "simple-cnn": ("conv-net", {"widths": (4, 6), "hidden": 16}),  # simple-cnn is conv-net's default
    "lenet5": ("lenet5", {}),
    "lenet5 of 1998": (
        "lenet5",
        {"connections": "table", "subsampling": "trainable", "activation": "scaled-tanh", "output": "rbf"},
    ),
    "mlp": ("mlp", {"hidden": (16, 8), "dropout": 0.3}),
    "average pool, no batch norm": (
        "conv-net",
        {"widths": (4, 6), "hidden": 0, "pool": "average", "batch_norm": False},
    ),
    "stride, two convolutions": ("conv-net", {"widths": (4, 6), "hidden": 8, "pool": "stride", "convs_per_block": 2}),
}


@pytest.fixture(scope="module")
def tiny(small: ImageSet) -> ImageSet:
    """96 training and 40 validation images."""
    train = Split(small.train.images[:96], small.train.labels[:96])
    validation = Split(small.validation.images[:40], small.validation.labels[:40])
    return dataclasses.replace(small, train=train, validation=validation)


class Exact(nn.Module):
    """A net in float64, fed with float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.double())


def make_net(kind: str, seed: int, *, exact: bool = False) -> nn.Module:
    name, options = NETS[kind]
    net = build_net(NetSpec(name=name, options=options), image_shape=(1, 28, 28), num_classes=10, seed=seed)
    return Exact(net) if exact else net


def train_alone(net: nn.Module, data: ImageSet, training: Training, seed: int) -> list[Epoch]:
    return list(fit(start(net, training, seed=seed), data, training))


def train_together(
    nets: dict[int, nn.Module], data: ImageSet, training: Training, **options
) -> dict[int, list[Epoch | Diverged]]:
    """Seed → its records; the nets are trained in place."""
    states = [start(net, training, seed=seed) for seed, net in nets.items()]
    records: dict[int, list] = {seed: [] for seed in nets}
    for state, record in fit_together(states, data, training, **options):
        records[state.seed].append(record)
    return records


def assert_same_figures(ours: list, theirs: list, *, rel: float, images: int = 0) -> None:
    """Losses equal but for `rel`; accuracies but for `images` of each split's images."""
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert (one.epoch, one.steps, one.learning_rate, one.remeasured_images) == (
            other.epoch,
            other.steps,
            other.learning_rate,
            other.remeasured_images,
        )
        for name, count in (("training", 96), ("remeasured", 96), ("validation", 40)):
            assert getattr(one, f"{name}_loss") == pytest.approx(getattr(other, f"{name}_loss"), rel=rel), name
            off = abs(getattr(one, f"{name}_accuracy") - getattr(other, f"{name}_accuracy")) * count
            assert off <= images + 1e-9, name


@pytest.mark.parametrize("training", [LESSON, FAST], ids=["lesson", "fast"])
@pytest.mark.parametrize("kind", NETS)
def test_in_float64_a_seed_gets_the_weights_that_it_gets_alone(tiny, kind, training):
    """9 steps in float64: what is left is rounding, so that 1e-10 tells the same arithmetic from any other.

    Biases that batch norm takes out again are left out: their gradient is rounding alone, and Adam divides it by its
    own size. Losses are kept in float32: 1e-6.
    """
    nets = {seed: make_net(kind, seed, exact=True) for seed in SEEDS}
    records = train_together(nets, tiny, training)
    for seed in SEEDS:
        net = make_net(kind, seed, exact=True)
        alone = train_alone(net, tiny, training, seed)
        assert_same_figures(records[seed], alone, rel=1e-6)
        no_answer = _biases_under_batch_norm(net)
        for (name, ours), theirs in zip(nets[seed].state_dict().items(), net.state_dict().values(), strict=True):
            if name not in no_answer and not name.endswith("running_mean"):  # which holds such a bias
                torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10, msg=f"{seed} {name}")


def _biases_under_batch_norm(net: nn.Module) -> set[str]:
    named = list(net.named_modules())
    return {
        f"{name}.bias"
        for (name, module), (_, after) in pairwise(named)
        if isinstance(module, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)
    }


@pytest.mark.parametrize("training", [LESSON, FAST], ids=["lesson", "fast"])
@pytest.mark.parametrize("kind", ["simple-cnn", "lenet5", "mlp"])
def test_in_float32_figures_are_those_alone_but_for_rounding(tiny, kind, training):
    """Rounding at 6e-8 a sum grows over 9 steps, most where Adam divides by small gradients: losses agree to 1 %."""
    nets = {seed: make_net(kind, seed) for seed in SEEDS}
    records = train_together(nets, tiny, training)
    for seed in SEEDS:
        alone = train_alone(make_net(kind, seed), tiny, training, seed)
        assert_same_figures(records[seed], alone, rel=1e-2, images=2)
    assert len({records[seed][0].training_loss for seed in SEEDS}) == len(SEEDS), "each has its own"


def test_in_bfloat16_figures_are_near_those_alone(tiny):
    """bfloat16 keeps 8 bits: roundings of 0.4 % in every layer, in another order."""
    training = FAST.model_copy(update={"precision": "bf16"})
    nets = {seed: make_net("simple-cnn", seed) for seed in SEEDS}
    records = train_together(nets, tiny, training)
    for seed in SEEDS:
        alone = train_alone(make_net("simple-cnn", seed), tiny, training, seed)
        assert_same_figures(records[seed], alone, rel=0.1, images=12)


@pytest.mark.parametrize(
    "optimizer", ["adam", "adamw", "nadam", "radam", "adamax", "adagrad", "rmsprop", "sgd", "muon"]
)
def test_every_optimizer_keeps_seeds_apart(tiny, optimizer):
    """None may look at a whole tensor, which for stacked seeds is everybody's."""
    training = LESSON.model_copy(
        update={"optimizer": optimizer, "learning_rate": 1e-2, "weight_decay": 1e-3, "epochs": 1.0}
    )
    nets = {seed: make_net("mlp", seed, exact=True) for seed in SEEDS}
    train_together(nets, tiny, training)
    for seed in SEEDS:
        net = make_net("mlp", seed, exact=True)
        train_alone(net, tiny, training, seed)
        for ours, theirs in zip(nets[seed].parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


class OneNumber(nn.Module):
    """A dense layer, and a parameter that is a single number."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.dense, self.scale = nn.Linear(784, 10), nn.Parameter(torch.tensor(1.0 + seed))

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.flatten(1)) * self.scale


@pytest.mark.parametrize(
    "optimizer", ["adam", "adamw", "nadam", "radam", "adamax", "adagrad", "rmsprop", "sgd", "muon"]
)
def test_a_parameter_may_be_a_single_number(tiny, optimizer):
    """Over an epoch's end, where the history is handed out and stacked again."""
    training = LESSON.model_copy(update={"optimizer": optimizer, "learning_rate": 1e-2})
    nets = {seed: Exact(OneNumber(seed)) for seed in SEEDS}
    train_together(nets, tiny, training)
    for seed in SEEDS:
        net = Exact(OneNumber(seed))
        train_alone(net, tiny, training, seed)
        for ours, theirs in zip(nets[seed].parameters(), net.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


def test_a_seed_does_not_see_the_others(tiny):
    """Two other seeds in two other nets' company, one of them with weights a thousand times as large: bit for bit."""
    companies = []
    for others in ((1, 2), (8, 9)):
        nets = {seed: make_net("simple-cnn", seed) for seed in (others[0], 5, others[1])}
        if others == (8, 9):
            with torch.no_grad():
                for parameter in nets[8].parameters():
                    parameter.mul_(1000)
        companies.append((train_together(nets, tiny, FAST)[5], nets[5].state_dict()))
    (records, weights), (records_2, weights_2) = companies
    timeless = {"train_time_s": 0.0, "eval_time_s": 0.0}
    for one, other in zip(records, records_2, strict=True):
        assert dataclasses.replace(one, **timeless) == dataclasses.replace(other, **timeless)
    assert all(torch.equal(weights[name], weights_2[name]) for name in weights)


def test_masks_are_those_that_dropout_draws_alone(tiny):
    """Bit for bit, two dropout layers a pass, three passes: mask times input against F.dropout itself."""
    training = LESSON
    states = [start(make_net("mlp", seed), training, seed=seed) for seed in SEEDS]
    stack, program = Stack(states, training), Program(states[0].net)
    images = torch.randn(3, 16, 1, 28, 28)
    with torch.random.fork_rng():
        for state in states:
            torch.manual_seed(100 + state.seed)
            state.dropout_random = torch.get_rng_state()
        passes = [program.draw_masks(stack, images) for _ in range(3)]
        for i, state in enumerate(states):
            torch.manual_seed(100 + state.seed)
            for masks in passes:
                assert [mask.shape for mask in masks] == [(3, 16, 16), (3, 16, 8)]
                for mask in masks:
                    x = torch.randn(mask.shape[1:], generator=torch.Generator().manual_seed(1))
                    assert torch.equal(x * mask[i], F.dropout(x, 0.3))
            assert torch.equal(torch.get_rng_state(), state.dropout_random)


@pytest.mark.parametrize("stop_at", [2, 6, 8])
@pytest.mark.parametrize("goes_on", ["together", "alone"])
def test_an_interruption_changes_nothing(tiny, stop_at, goes_on, monkeypatch):
    """Stopped within, at the end of, and after the first epoch of 6 steps; gone on with together or one by one."""
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    whole = {seed: make_net("simple-cnn", seed, exact=True) for seed in SEEDS}
    expected = train_together(whole, tiny, FAST)

    states = [start(make_net("simple-cnn", seed, exact=True), FAST, seed=seed) for seed in SEEDS]
    steps: list = []
    records: dict[int, list] = {seed: [] for seed in SEEDS}
    for state, record in fit_together(
        states,
        tiny,
        FAST,
        on_step=lambda state, step: steps.append(step) if state.seed == 0 else None,
        should_stop=lambda: len(steps) >= stop_at,
    ):
        records[state.seed].append(record)
    assert {(state.position.epoch, state.position.step) for state in states} == {divmod(stop_at, 6)}
    nets = {seed: make_net("simple-cnn", 77, exact=True) for seed in SEEDS}  # all must come from the packages
    gone_on = [start(nets[state.seed], FAST, seed=state.seed, packed=state.pack()) for state in states]
    if goes_on == "together":
        for state, record in fit_together(gone_on, tiny, FAST):
            records[state.seed].append(record)
    else:
        for state in gone_on:
            records[state.seed] += fit(state, tiny, FAST)
    for seed in SEEDS:
        assert_same_figures(records[seed], expected[seed], rel=1e-6)
        for (name, ours), theirs in zip(nets[seed].named_parameters(), whole[seed].parameters(), strict=True):
            if goes_on == "together":
                assert torch.equal(ours, theirs), name


def test_one_that_diverges_leaves_and_the_others_go_on(tiny):
    nets = {seed: make_net("simple-cnn", seed) for seed in SEEDS}
    with torch.no_grad():
        next(nets[3].parameters()).fill_(float("nan"))
    records = train_together(nets, tiny, FAST)
    assert [type(record) for record in records[3]] == [Diverged]
    without = {seed: make_net("simple-cnn", seed) for seed in SEEDS if seed != 3}
    expected = train_together(without, tiny, FAST)
    for seed in without:
        assert_same_figures(records[seed], expected[seed], rel=1e-3, images=1)


def test_random_state_is_left_alone(tiny):
    before = torch.get_rng_state()
    states = [start(make_net("simple-cnn", seed), FAST, seed=seed) for seed in SEEDS]
    assert why_alone(states[0].net, tiny, FAST) is None
    for _ in fit_together(states, tiny, FAST, on_step=lambda *_: None):
        assert torch.equal(torch.get_rng_state(), before)


def test_nets_that_cannot_go_together_are_found_by_trying(tiny):
    class Noisy(nn.Module):
        def __init__(self, noise) -> None:
            super().__init__()
            self.dense, self.noise = nn.Linear(784, 10), noise

        def forward(self, x: Tensor) -> Tensor:
            return self.dense(x.flatten(1)) + self.noise(x)

    drawn = np.random.default_rng(0)
    says = {
        "vmap cannot run it": Noisy(lambda x: torch.rand(10)),  # torch's own randomness
        "other answers": Noisy(lambda x: float(drawn.random())),  # somebody else's
    }
    for text, net in says.items():
        before = copy.deepcopy(net.state_dict())
        assert text in str(why_alone(net, tiny, LESSON))
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    branching = Noisy(lambda x: 1.0 if float(x.sum()) > 0 else 0.0)  # a decision on values
    assert "vmap cannot run it" in str(why_alone(branching, tiny, LESSON))
    assert "patience" in str(why_alone(make_net("mlp", 0), tiny, LESSON.model_copy(update={"patience": 2})))
    for kind in NETS:
        assert why_alone(make_net(kind, 0), tiny, LESSON) is None, kind


@pytest.mark.slow
@pytest.mark.parametrize("name", ["simple-cnn", "lenet5"])
def test_the_lessons_nets_by_both_recipes(small, name):
    """In float64: in float32 some 40 steps carry the last digit on into the first ones."""

    def made(seed):
        return Exact(build_net(NetSpec(name=name), image_shape=(1, 28, 28), num_classes=10, seed=seed))

    for of in ("lesson", "fast"):
        nets = {seed: made(seed) for seed in SEEDS}
        training = recipe(of, nets[0], small, epochs=2, precision="fp32")
        records = train_together(nets, small, training)
        for seed in SEEDS:
            for ours, alone in zip(records[seed], train_alone(made(seed), small, training, seed), strict=True):
                for split in ("training", "validation"):
                    one, other = (getattr(record, f"{split}_loss") for record in (ours, alone))
                    assert one == pytest.approx(other, rel=1e-5), (of, seed, split)
                    one, other = (getattr(record, f"{split}_accuracy") for record in (ours, alone))
                    assert one == other, (of, seed, split)


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3), nn.BatchNorm1d(3, momentum=0.3, eps=1e-3)], ids=["2d", "1d"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_norm_by_sums_is_batch_norm(layer, dtype):
    generator = torch.Generator().manual_seed(0)
    shape = (5, 3, 4, 6) if isinstance(layer, nn.BatchNorm2d) else (9, 3)
    x = (2 * torch.randn(shape, generator=generator) + 3).to(dtype).requires_grad_()
    weights = torch.randn(shape, generator=generator)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.5, -0.5, 0.1]))
        layer.bias.copy_(torch.tensor([0.2, 0.0, -1.0]))
    ours, layer = copy.deepcopy(layer), copy.deepcopy(layer)
    found, expected = _normalised(ours, x), layer(x)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, **tolerance)
    for name, value in layer.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, **tolerance)
    of_ours = torch.autograd.grad((found.float() * weights).sum(), (x, ours.weight, ours.bias))
    of_layer = torch.autograd.grad((expected.float() * weights).sum(), (x, layer.weight, layer.bias))
    for one, other in zip(of_ours, of_layer, strict=True):
        torch.testing.assert_close(one, other, rtol=10 * tolerance["rtol"], atol=10 * tolerance["atol"])


def test_seeds_together_by_sums_are_those_alone(tiny: ImageSet, monkeypatch):
    monkeypatch.setattr(program_room, "_asks_for_layout", lambda module: isinstance(module, nn.BatchNorm2d))
    states = [start(make_net("simple-cnn", seed, exact=True), FAST, seed=seed) for seed in SEEDS]
    for _ in fit_together(states, tiny, FAST):
        pass
    for seed, state in zip(SEEDS, states, strict=True):
        alone = start(make_net("simple-cnn", seed, exact=True), FAST, seed=seed)
        for _ in fit(alone, tiny, FAST):
            pass
        for one, other in zip(state.net.state_dict().values(), alone.net.state_dict().values(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
