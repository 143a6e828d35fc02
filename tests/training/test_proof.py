"""A quicker way to compute a net is used only when answers, gradients and buffers are the net's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cnnlab.training.proof import same_function


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(), nn.Linear(4 * 36, 10))


IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def plain(net, images):
    return net(images)


def without_a_gradient(net, images):
    return net[4](net[:4](images).detach())


def without_running_averages(net, images):
    averages = copy.deepcopy(net[1].state_dict())
    answers = net(images)
    net[1].load_state_dict(averages)
    return answers


def of_another_function(net, images):
    return net(images) + 1e-3 * images.mean()


def raising(net, images):
    raise ValueError("no way")


def test_the_net_itself_passes_with_dropout_on_and_nothing_of_it_changes(net):
    before, drawn = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    assert same_function(net, IMAGES, plain, plain)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("other", [without_a_gradient, without_running_averages, of_another_function, raising])
def test_what_differs_in_answers_gradients_or_buffers_does_not_pass(net, other):
    assert not same_function(net, IMAGES, plain, other)
