"""Layers in one against the layers one by one in float64: results, gradients, running averages."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnlab.nets import LeNet5, SimpleCNN
from cnnlab.training import fit, recipe, start
from cnnlab.training import fused as fused_layers
from cnnlab.training.execution import proven_view, quick_view
from cnnlab.training.fused import ConvNormPoolRelu, NormPoolRelu, PoolRelu, loops
from cnnlab.training.state import lay_out

if loops() is None:
    pytest.skip("numba is not installed: pip install -c constraints.txt '.[speed]'", allow_module_level=True)

#: Largest differences, as a share of a tensor's largest number: by rounding, of what is stored and of sums.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 2e-5, torch.bfloat16: 1.2e-2}

SHAPES = {
    "images": st.integers(1, 5),
    "channels": st.integers(1, 19),
    "height": st.integers(4, 13),
    "width": st.integers(4, 13),
}
NUMBERS = st.sampled_from(list(TOLERANCES))


def trio(channels: int, *, relu_first: bool) -> nn.Sequential:
    """Batch norm with γ of both signs, one of them 0, ReLU and a pool."""
    norm = nn.BatchNorm2d(channels)
    nn.init.uniform_(norm.weight, -1.5, 1.5)
    norm.weight.data[0] = 0
    nn.init.uniform_(norm.bias, -1, 1)
    rest = (nn.ReLU(), nn.MaxPool2d(2)) if relu_first else (nn.MaxPool2d(2), nn.ReLU())
    return nn.Sequential(norm, *rest)


def outcome(net: nn.Module, x: Tensor, weights: Tensor, *, for_x: bool = True) -> dict[str, Tensor]:
    """What a pass in training gives: the answer, all gradients, the averages afterwards, in float64."""
    net.zero_grad()
    x = x.clone(memory_format=torch.preserve_format).requires_grad_(for_x)
    y = net(x)
    (y.double() * weights).sum().backward()
    found = {"y": y.detach(), **{f"∂{name}": value.grad for name, value in net.named_parameters()}}
    found |= {name: value for name, value in net.named_buffers() if value.dtype.is_floating_point}
    if x.grad is not None:
        found["∂x"] = x.grad
    return {name: value.double() for name, value in found.items()}


def require_near(ours: dict[str, Tensor], exact: dict[str, Tensor], tolerance: float) -> None:
    assert ours.keys() == exact.keys()
    for name, value in exact.items():
        off = (ours[name] - value).abs().max() / value.abs().max().clamp(min=1)
        assert off <= tolerance, f"{name} differs by {off:.2g}"


def spread_out(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A channels-last map whose numbers lie so far apart that rounding changes no window's largest."""
    count = torch.Size(shape).numel()
    values = torch.randperm(count).view(shape).double() / count * 6 - 3
    rounded = values.to(dtype)
    return rounded.contiguous(memory_format=torch.channels_last)


@settings(max_examples=30, deadline=None)
@given(**SHAPES, dtype=NUMBERS, relu_first=st.booleans())
def test_batch_norm_pool_and_relu_in_one(images, channels, height, width, dtype, relu_first):
    torch.manual_seed(images * 100 + channels)
    net = trio(channels, relu_first=relu_first)
    view = quick_view(net)
    assert type(view.forward.args[0][0]) is NormPoolRelu
    x = spread_out((images, channels + 1, height, width), dtype)[:, :channels]
    x = x.contiguous(memory_format=torch.channels_last)
    oracle = copy.deepcopy(net).double()
    if dtype == torch.float64:
        net.double()
    weights = torch.randn(images, channels, height // 2, width // 2).bfloat16().double()
    for _ in range(2):  # running averages move on from where they are
        require_near(outcome(view, x, weights), outcome(oracle, x.double(), weights), TOLERANCES[dtype])


@settings(max_examples=25, deadline=None)
@given(**SHAPES, dtype=NUMBERS, relu_first=st.booleans())
def test_pool_and_relu_in_one_give_the_very_numbers(images, channels, height, width, dtype, relu_first):
    torch.manual_seed(images * 100 + channels)
    net = nn.Sequential(*((nn.ReLU(), nn.MaxPool2d(2)) if relu_first else (nn.MaxPool2d(2), nn.ReLU())))
    view = quick_view(net)
    assert type(view.forward.args[0][0]) is PoolRelu
    x = torch.randint(-2, 3, (images, channels, height, width)).to(dtype)  # many equal ones: the first of them wins
    x = x.contiguous(memory_format=torch.channels_last)
    weights = torch.randn(images, channels, height // 2, width // 2).to(dtype).double()
    require_near(outcome(view, x, weights), outcome(net, x.double(), weights), 0)


@settings(max_examples=25, deadline=None)
@given(**SHAPES, dtype=NUMBERS, padding=st.sampled_from([0, 1, (2, 0)]), bias=st.booleans())
def test_the_first_convolution_with_them_needs_no_map(images, channels, height, width, dtype, padding, bias):
    torch.manual_seed(images * 100 + channels)
    conv = nn.Conv2d(1, channels, 3, padding=padding, bias=bias)
    net = nn.Sequential(conv, *trio(channels, relu_first=True))
    lay_out(net, torch.channels_last)
    x = spread_out((images, 1, height + 1, width + 1), torch.bfloat16)
    is_bf16 = dtype == torch.bfloat16
    if is_bf16:  # filters that bfloat16 has, so that nothing but the arithmetic differs
        conv.weight.data = conv.weight.data.bfloat16().float()
    oracle = copy.deepcopy(net).double()
    net = net.double() if dtype == torch.float64 else net
    x = x.to(torch.float32 if is_bf16 else dtype)
    view = quick_view(net)
    assert type(view.forward.args[0][0]) is ConvNormPoolRelu
    weights = torch.randn(quick_view(copy.deepcopy(oracle))(x.double()).shape).bfloat16().double()
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            ours = outcome(view, x, weights, for_x=False)
        exact = outcome(oracle, x.double(), weights, for_x=False)
        if bias:
            assert (ours["∂0.bias"] == 0).all(), "batch norm takes away whatever the bias adds"
        require_near(ours, exact, TOLERANCES[dtype])


def test_what_wants_a_gradient_for_the_image_gets_it():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), *trio(8, relu_first=True))
    lay_out(net, torch.channels_last)
    view, oracle = quick_view(net), copy.deepcopy(net)
    found = []
    for each in (view, oracle):
        x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
        each(x).square().sum().backward()
        found.append(x.grad)
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spoiled", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so(spoiled):
    for net in (trio(8, relu_first=True), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))):
        x = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last)
        x[0, 3, 2, 1] = spoiled
        oracle = copy.deepcopy(net)
        torch.testing.assert_close(quick_view(net)(x), oracle(x), rtol=1e-4, atol=1e-5, equal_nan=True)


def test_figures_do_not_depend_on_threads():
    torch.manual_seed(0)
    net = SimpleCNN(dropout=0.0)
    lay_out(net, torch.channels_last)
    x = torch.randn(33, 1, 28, 28)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            view = quick_view(copy.deepcopy(net))
            found.append(view.features.forward.args[0][0](x))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize(("make", "are_equal"), [(SimpleCNN, False), (LeNet5, True)])
def test_without_numba_figures_are_the_same_but_for_rounding(make, are_equal, small, monkeypatch):
    training = recipe("fast", make(dropout=0.0), small, epochs=1.0, crop=None)
    losses = []
    for has_numba in (True, False):
        if not has_numba:
            monkeypatch.setattr(fused_layers, "loops", lambda: None)
        torch.manual_seed(0)
        epochs = list(fit(start(make(dropout=0.0), training, seed=0), small, training))
        losses.append(epochs[-1].remeasured_loss)
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert (losses[0] == losses[1]) == are_equal, "a pool rounds nothing; the rest does, or the second run is the first"


def test_a_view_is_proven_before_it_is_used(monkeypatch):
    wrong = NormPoolRelu.forward
    net = SimpleCNN(dropout=0.0)
    lay_out(net, torch.channels_last)
    x = torch.randn(4, 1, 28, 28)
    assert proven_view(net, x, torch.float32) is not net
    monkeypatch.setattr(NormPoolRelu, "forward", lambda self, x: 1.001 * wrong(self, x))
    assert proven_view(net, x, torch.float32) is net


IN_A_PROCESS = """
import sys
from cnnlab.training import fused
fused.tell_of_compiling(lambda: print("compiling"))
import torch
from cnnlab.nets import LeNet5
from cnnlab.training.execution import proven_view
from cnnlab.training.state import lay_out
torch.set_num_threads(1)
net = LeNet5()
lay_out(net, torch.channels_last)
print("quicker", proven_view(net, torch.randn(4, 1, 28, 28), torch.float32) is not net, torch.get_num_threads())
"""


def in_a_process(cache: Path, **more: str) -> list[str]:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)} | more
    ran = subprocess.run([sys.executable, "-c", IN_A_PROCESS], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split("\n")[:-1]


@pytest.mark.slow
def test_loops_are_compiled_once_it_is_said_and_a_torn_file_harms_nothing(tmp_path):
    assert in_a_process(tmp_path) == ["compiling", "quicker True 1"]
    assert in_a_process(tmp_path) == ["quicker True 1"]
    kept = sorted(tmp_path.rglob("*.nbi")) + sorted(tmp_path.rglob("*.nbc"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert in_a_process(tmp_path)[-1].startswith("quicker")
    read_only = tmp_path / "none" / "file"
    read_only.parent.mkdir()
    read_only.write_text("no folder")
    assert in_a_process(read_only)[-1].startswith("quicker")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_process_forked_after_loops_ran_trains_without_them():
    net, x = SimpleCNN(dropout=0.0), torch.randn(4, 1, 28, 28)
    lay_out(net, torch.channels_last)
    view = quick_view(net)
    view(x).sum().backward()
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        view(x).sum().backward()
        os._exit(0 if loops() is None else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_process_forked_before_loops_ran_has_threads_of_its_own():
    alone = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60)
    assert (alone.returncode, alone.stdout) == (0, "loops, loops, none\n"), alone.stderr


#: Loops in a fork, then here, then in another fork; 2 threads each, so that lost ones are missed.
FORKS = """
import os, numpy as np, torch
from cnnlab.training.fused import loops
torch.set_num_threads(2)

def said():
    if loops() is None:
        return "none"
    maps, sums = np.ones((4, 2, 2, 3), np.float32), np.empty((4, 2, 3), np.float32)
    loops().sum_map(maps, np.zeros(3, np.float32), sums)
    assert (sums == 4).all()
    return "loops"

def said_in_a_fork():
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, said().encode())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    return os.read(ours, 10).decode()

loops()  # imported
print(said_in_a_fork(), said(), said_in_a_fork(), sep=", ")
"""


def test_the_commands_that_do_not_train_compile_nothing(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    for arguments in (["--help"], ["describe", "lenet5"]):
        subprocess.run([sys.executable, "-m", "cnnlab", *arguments], env=environment, check=True, capture_output=True)
    assert not list(tmp_path.rglob("*.nb*"))
