"""Weight decay pulls at filters and matrices alone, goes on after a stop, and is the same for seeds together."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cnnlab.config import Training
from cnnlab.nets import SimpleCNN
from cnnlab.training.stack import Stack
from cnnlab.training.state import start

OPTIMIZERS = ("adam", "adamw", "nadam", "radam", "adamax", "adagrad", "rmsprop", "sgd", "muon")


def a_step_without_gradients(optimizer, weight_decay):
    """Parameters before and after: whatever moves is moved by the decay."""
    torch.manual_seed(0)
    net = SimpleCNN()
    for parameter in net.parameters():  # γ is 1 and β 0 at the start: give decay something to pull at
        parameter.data.add_(0.5)
    before = copy.deepcopy(dict(net.named_parameters()))
    state = start(net, Training(optimizer=optimizer, weight_decay=weight_decay, learning_rate=0.1), seed=0)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    state.optimizer.step()
    return before, dict(net.named_parameters())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_decay_moves_weights_and_leaves_biases_and_batch_norm(optimizer):
    before, after = a_step_without_gradients(optimizer, 0.1)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name, value in before.items() if value.dim() >= 2}
    assert "features.1.weight" in before  # γ of the first batch norm, of rank 1


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_decoupled_decay_is_the_rate_times_the_decay_and_nothing_else(optimizer):
    before, after = a_step_without_gradients(optimizer, 0.1)
    for name, value in before.items():
        expected = value * (1 - 0.1 * 0.1) if value.dim() >= 2 else value
        torch.testing.assert_close(after[name].data, expected.data)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
def test_a_packed_state_with_decay_goes_on_bit_for_bit(optimizer):
    training = Training(optimizer=optimizer, weight_decay=0.01, learning_rate=0.01)

    def steps(state, first, last):
        for step in range(first, last):
            generator = torch.Generator().manual_seed(step)
            for parameter in state.net.parameters():
                parameter.grad = torch.randn(parameter.shape, generator=generator)
            state.optimizer.step()
        return state

    torch.manual_seed(0)
    net = SimpleCNN()
    other = copy.deepcopy(net)
    whole = steps(start(net, training, seed=0), 0, 4)
    half = steps(start(other, training, seed=0), 0, 2)
    again = steps(start(SimpleCNN(), training, seed=0, packed=half.pack()), 2, 4)
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, again.net.state_dict()[name]), name


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_seeds_together_decay_what_a_seed_alone_decays(optimizer):
    training = Training(optimizer=optimizer, weight_decay=0.1, learning_rate=0.1)
    nets = [nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)) for _ in range(2)]
    expected = [copy.deepcopy(net.state_dict()) for net in nets]
    stack = Stack([start(net, training, seed=i) for i, net in enumerate(nets)], training)
    for parameter in stack.parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    stack.optimizer.step()
    for net, before in zip(nets, expected, strict=True):
        torch.testing.assert_close(net[0].weight.data, before["0.weight"] * 0.99)
        for name in ("0.bias", "1.weight", "1.bias"):
            assert torch.equal(net.state_dict()[name], before[name]), name
