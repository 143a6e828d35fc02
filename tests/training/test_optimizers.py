"""Optimizers are torch's, without its compiler, whose import would hold up every training's first step."""

from __future__ import annotations

import copy
import inspect
import subprocess
import sys
from typing import get_args

import pytest
import torch

from cnnlab.config import Training
from cnnlab.training.state import make_optimizer

OPTIMIZERS = get_args(Training.model_fields["optimizer"].annotation)


def step(net, optimizer, seed):
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())
    net(x).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_steps_as_torchs_own_bit_for_bit(name):
    training = Training(optimizer=name, weight_decay=0.1)
    net = torch.nn.Linear(3, 2)
    other = copy.deepcopy(net)
    ours = make_optimizer(net.parameters(), training, torch.device("cpu"))
    kind = getattr(torch.optim, type(ours).__name__)
    accepted = inspect.signature(kind).parameters
    groups = [
        {**{key: value for key, value in group.items() if key in accepted}, "params": [parameter]}
        for group, parameter in zip(ours.param_groups, other.parameters(), strict=True)
    ]
    theirs = kind(groups)
    for seed in range(3):
        step(net, ours, seed)
        step(other, theirs, seed)
    assert isinstance(ours, kind)
    for one, another in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, another)

    again = make_optimizer(net.parameters(), training, torch.device("cpu"))
    again.load_state_dict(ours.state_dict())
    step(net, again, 3)
    step(other, theirs, 3)
    for one, another in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, another)


def test_a_training_does_not_wait_for_a_compiler():
    code = """
        import sys, cnnlab
        cnnlab.train(cnnlab.MLP(), cnnlab.load("mnist-5k@100"), cnnlab.Training(epochs=0.1))
        print("torch._dynamo" in sys.modules)
    """
    found = subprocess.run([sys.executable, "-c", inspect.cleandoc(code)], capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout.strip()) == (0, "False"), found.stderr
