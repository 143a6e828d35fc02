"""Optimizers are torch's, without its compiler, whose import would hold up every training's first step; and Muon."""

from __future__ import annotations

import copy
import inspect
import subprocess
import sys
from typing import get_args

import pytest
import torch

from cnnlab.config import Training
from cnnlab.training.optimizers import make_optimizer, orthogonal

OPTIMIZERS = [name for name in get_args(Training.model_fields["optimizer"].annotation) if name != "muon"]
CPU = torch.device("cpu")


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
    ours = make_optimizer(net.parameters(), training, CPU)
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

    again = make_optimizer(net.parameters(), training, CPU)
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


def by_singular_values(matrix):
    """The quintic iteration on each singular value, five times over, in float64: what `orthogonal` has to come to."""
    wide = matrix.to(torch.complex128 if matrix.is_complex() else torch.float64)
    u, s, vh = torch.linalg.svd(wide, full_matrices=False)
    s = s / s.square().sum().sqrt()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ torch.diag(s).to(wide.dtype) @ vh


@pytest.mark.parametrize("shape", [(10, 84), (84, 10), (6, 25), (1, 7), (7, 1), (16, 16)])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_orthogonal_is_the_iteration_on_singular_values(shape, scale):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(orthogonal(scale * matrix).double(), by_singular_values(matrix), atol=5e-5, rtol=0)


def test_what_is_hardly_a_direction_of_the_gradient_is_not_made_one():
    """Two of ten rows alike, and rows from 1 to a millionth long: rounding must not make directions of them."""
    matrix = torch.randn(10, 40, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -6, 10)[:, None]
    matrix[3] = matrix[2]
    torch.testing.assert_close(orthogonal(matrix).double(), by_singular_values(matrix), atol=5e-5, rtol=0)
    assert torch.equal(orthogonal(torch.zeros(3, 5)), torch.zeros(3, 5))


@pytest.mark.parametrize(("dtype", "near"), [(torch.float64, 1e-12), (torch.complex64, 5e-5), (torch.float16, 1e-3)])
def test_orthogonal_takes_other_numbers(dtype, near):
    """In double precision as exactly; complex as their conjugate transpose has it; half precision is rounded once."""
    matrix = torch.randn((6, 25), dtype=torch.float32 if dtype == torch.float16 else dtype).to(dtype)
    found = orthogonal(matrix)
    assert found.dtype == dtype
    expected = by_singular_values(matrix)
    torch.testing.assert_close(found.to(expected.dtype), expected, atol=near, rtol=0)


def test_most_directions_count_alike():
    values = torch.linalg.svdvals(orthogonal(torch.randn(64, 288, generator=torch.Generator().manual_seed(0))))
    assert 0.65 < values.min() < values.max() < 1.25


def test_matrices_move_by_muon_and_all_else_by_adam():
    """torch's own Muon, whose iteration is in bfloat16, and torch's own Adam, over five steps."""
    training = Training(optimizer="muon", learning_rate=0.1, momentum=0.95, betas=(0.8, 0.9))
    matrix, vector = torch.nn.Parameter(torch.randn(8, 5)), torch.nn.Parameter(torch.randn(8))
    others = [torch.nn.Parameter(each.detach().clone()) for each in (matrix, vector)]
    ours = make_optimizer([vector, matrix], training, CPU)
    by_muon = torch.optim.Muon(others[:1], lr=0.1, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    by_adam = torch.optim.Adam(others[1:], lr=0.1, betas=(0.8, 0.9), fused=True)
    for _ in range(5):
        for own, other in zip((matrix, vector), others, strict=True):
            own.grad = torch.randn_like(own)
            other.grad = own.grad.clone()
        ours.step()
        by_muon.step()
        by_adam.step()
    torch.testing.assert_close(matrix, others[0], atol=5e-3, rtol=0)
    assert (matrix - others[0]).abs().max() < 0.1 * 0.2 * 8**0.5 / 2
    assert torch.equal(vector, others[1])


@pytest.mark.parametrize("name", [*OPTIMIZERS, "muon"])
@pytest.mark.parametrize("are_stacked", [False, True])
def test_a_copy_steps_as_what_it_was_copied_from(name, are_stacked):
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in ((3, 4, 5), (3, 4))]
    training = Training(optimizer=name, weight_decay=0.1, momentum=0.8)
    optimizer = make_optimizer(weights, training, CPU, are_stacked=are_stacked)
    gradients = [[torch.randn_like(each) for each in weights] for _ in range(3)]

    def move(parameters, by, number):
        for parameter, gradient in zip(parameters, gradients[number], strict=True):
            parameter.grad = gradient.clone()
        by.step()

    move(weights, optimizer, 0)
    copies, copied = copy.deepcopy((weights, optimizer))
    for number in (1, 2):
        move(weights, optimizer, number)
        move(copies, copied, number)
    for one, other in zip(weights, copies, strict=True):
        assert torch.equal(one, other)


def test_a_filter_is_a_matrix_of_its_output_channels_in_both_memory_formats():
    filters = torch.randn(6, 4, 3, 3)
    gradient = torch.randn(6, 4, 3, 3)
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        own = torch.nn.Parameter(filters.clone(memory_format=layout))
        own.grad = gradient.clone(memory_format=layout)
        make_optimizer([own], Training(optimizer="muon", learning_rate=0.1), CPU).step()
        moved.append(own.detach() - filters)
    step = -0.1 * 0.2 * 36**0.5 * by_singular_values(gradient.flatten(1)).float().view(6, 4, 3, 3)
    for each in moved:
        torch.testing.assert_close(each, step, atol=1e-5, rtol=0)


def test_muon_refuses_sparse_gradients_in_the_words_that_a_trial_of_the_net_knows():
    table = torch.nn.Embedding(4, 3, sparse=True)
    optimizer = make_optimizer(table.parameters(), Training(optimizer="muon"), CPU)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        optimizer.step()
