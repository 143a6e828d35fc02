"""Steps recorded as a CUDA graph give what they give one kernel after another; those that may vary are left."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnlab.config import Augmentation, NetSpec, Training
from cnnlab.data import ImageSet
from cnnlab.nets import build_net
from cnnlab.training import batched, fit, loop, start
from cnnlab.training.batched import fit_together
from cnnlab.training.graphed import BEFORE, Graphed, can_be_graphed, set_learning_rate
from cnnlab.training.program import why_alone
from cnnlab.training.state import make_optimizer

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="a CUDA device is needed")

CUDA = torch.device("cuda")

#: 30 steps an epoch of 10 and 11 images; a rate that moves, a crop that ends within the second epoch, and draws.
TRAINING = Training(
    epochs=2.5,
    batch_size=11,
    learning_rate=2e-3,
    schedule="one-cycle",
    label_smoothing=0.1,
    weight_decay=1e-3,
    augmentation=Augmentation(shift=1, flip=True),
    crop=20,
    crop_share=0.6,
    channels_last=True,
    device="cuda",
)

NETS = {
    "simple-cnn": ("conv-net", {"widths": (4, 6), "hidden": 16, "dropout": 0.5}),
    "no dropout": ("conv-net", {"widths": (4, 6), "hidden": 16, "dropout": 0.0}),
    "lenet5": ("lenet5", {}),
    "lenet5 of 1998": (
        "lenet5",
        {"connections": "table", "subsampling": "trainable", "activation": "scaled-tanh", "output": "rbf"},
    ),
    "mlp": ("mlp", {"hidden": (16, 8), "dropout": 0.3}),
}


def make_net(kind: str, seed: int = 0) -> nn.Module:
    name, options = NETS[kind]
    return build_net(NetSpec(name=name, options=options), image_shape=(1, 28, 28), num_classes=10, seed=seed)


def training_of(kind: str) -> Training:
    return TRAINING if kind in ("simple-cnn", "no dropout") else TRAINING.model_copy(update={"crop": None})


@pytest.fixture
def one_by_one(monkeypatch):
    """Call it, and no step is recorded any more."""

    def turn_off():
        for module in (loop, batched):
            monkeypatch.setattr(module, "can_be_graphed", lambda *_: False)

    return turn_off


@pytest.fixture
def recorded(monkeypatch):
    """The recordings that are made."""
    made = []

    class Watched(Graphed):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    for module in (loop, batched):
        monkeypatch.setattr(module, "Graphed", Watched)
    return made


@pytest.fixture(autouse=True)
def full_precision():
    """No product is rounded to TF32, in which kernels differ by a thousandth."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def distance(one: nn.Module, other: nn.Module) -> float:
    """How far numbers of nets are from each other, as a share of the largest; the worst tensor's."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((a - b).abs().max() / (b.abs().max() + 1e-6)) for a, b in pairs if a.is_floating_point())


def require_as_close_as_rounding(net: nn.Module, alone: nn.Module, moved: nn.Module) -> None:
    """That a net is as close to one trained alone as one is that began a millionth beside it."""
    assert distance(net, alone) <= max(10 * distance(moved, alone), 1e-4)


def trained(kind: str, data: ImageSet, training: Training, *, seed: int, off: float = 0.0) -> tuple[nn.Module, list]:
    """A net and the records of its epochs. off: by which share its first numbers are moved."""
    net = make_net(kind, seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1 + off)
    state = start(net, training, seed=seed)
    return net, list(fit(state, data, training))


@needs_cuda
@pytest.mark.parametrize("kind", NETS)
def test_recorded_steps_are_those_of_one_kernel_after_another(kind, small: ImageSet, one_by_one, recorded):
    training = training_of(kind)
    net, found = trained(kind, small, training, seed=1)
    assert any(made.graph is not None for made in recorded[0]._made.values())
    one_by_one()
    alone, expected = trained(kind, small, training, seed=1)
    moved, _ = trained(kind, small, training, seed=1, off=1e-6)
    require_as_close_as_rounding(net, alone, moved)
    for one, other in zip(found, expected, strict=True):
        assert one.training_loss == pytest.approx(other.training_loss, rel=0.02)
        assert one.learning_rate == other.learning_rate
        assert one.steps == other.steps


@needs_cuda
def test_every_kind_of_batch_has_a_recording_of_its_own(small: ImageSet, recorded):
    state = start(make_net("simple-cnn"), TRAINING, seed=0)
    for _ in fit(state, small, TRAINING):
        pass
    kinds = set(recorded[0]._made)
    assert {(shape[0], crop) for shape, crop in kinds} == {(11, 20), (11, None)} | {
        (shape[0], crop) for shape, crop in kinds if shape[0] == 12
    }
    assert all(made.graph is None or made.times > BEFORE for made in recorded[0]._made.values())


@needs_cuda
@pytest.mark.parametrize("kind", ["simple-cnn", "lenet5"])
def test_a_training_that_was_stopped_goes_on_with_the_same_figures(kind, small: ImageSet):
    training = training_of(kind)
    whole, expected = trained(kind, small, training, seed=2)
    moved, _ = trained(kind, small, training, seed=2, off=1e-6)

    first = start(make_net(kind, 2), training, seed=2)
    records = list(fit(first, small, training, milestones=(17,), should_stop=lambda: first.position.step == 17))
    assert first.position.step == 17
    second = start(make_net(kind, seed=9), training, seed=2, packed=first.pack())
    records += list(fit(second, small, training))
    require_as_close_as_rounding(second.net, whole, moved)
    assert [one.training_loss for one in records] == pytest.approx([one.training_loss for one in expected], rel=0.02)


@needs_cuda
@pytest.mark.parametrize("kind", ["no dropout", "simple-cnn", "lenet5", "mlp"])
def test_seeds_together_are_those_alone(kind, small: ImageSet, one_by_one, recorded):
    training = training_of(kind)
    together = [start(make_net(kind, seed), training, seed=seed) for seed in range(3)]
    for _ in fit_together(together, small, training):
        pass
    has_dropout = kind in ("simple-cnn", "mlp")
    assert bool(recorded) is not has_dropout
    one_by_one()
    for seed, state in enumerate(together):
        alone, _ = trained(kind, small, training, seed=seed)
        moved, _ = trained(kind, small, training, seed=seed, off=1e-5)
        require_as_close_as_rounding(state.net, alone, moved)


@needs_cuda
def test_seeds_of_a_net_with_batch_norm_may_be_trained_together(small: ImageSet):
    assert why_alone(make_net("no dropout").to(CUDA), small, TRAINING) is None


class Twice(nn.Module):
    """A net of the user's own, which does another thing at every other call."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.calls = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), 0

    def forward(self, x):
        self.calls += 1
        return self.layers(x) * (1 + self.calls % 2)


@pytest.mark.parametrize("kind", NETS)
def test_layers_of_pytorch_and_cnnlab_are_recorded_on_cuda_alone(kind):
    assert can_be_graphed(make_net(kind), TRAINING, CUDA)
    assert not can_be_graphed(make_net(kind), TRAINING, torch.device("cpu"))
    assert not can_be_graphed(make_net(kind), TRAINING, torch.device("mps"))


def test_code_of_the_users_own_is_not_recorded():
    hooked = make_net("mlp")
    next(each for each in hooked.modules() if isinstance(each, nn.Linear)).register_forward_hook(lambda *_: None)
    for net in (Twice(), nn.Sequential(Twice()), hooked):
        assert not can_be_graphed(net, TRAINING, CUDA)


@pytest.mark.parametrize("optimizer", ["sgd", "nadam", "adagrad", "muon"])
def test_other_optimizers_are_not_recorded(optimizer):
    assert not can_be_graphed(make_net("mlp"), TRAINING.model_copy(update={"optimizer": optimizer}), CUDA)


@pytest.mark.parametrize("is_on_the_device", [False, True])
def test_a_learning_rate_reaches_the_step(is_on_the_device):
    parameter = nn.Parameter(torch.zeros(3))
    training = Training(optimizer="adam", learning_rate=1.0)
    optimizer = make_optimizer([parameter], training, torch.device("cpu"))
    if is_on_the_device:
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(group["lr"])
    set_learning_rate(optimizer, 0.25)
    parameter.grad = torch.ones(3)
    optimizer.step()
    torch.testing.assert_close(parameter.detach(), torch.full((3,), -0.25))
