from __future__ import annotations

import gc
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.features.nets import images, residual
from torch import Tensor, nn

import cnnlab
from cnnlab.errors import UserError
from cnnlab.features.activations import answers, batches, feature_maps
from cnnlab.features.ascent import ascend
from cnnlab.features.attribution import grad_cam, occlusion, saliency
from cnnlab.features.embedding import embed
from cnnlab.features.statistics import statistics
from cnnlab.features.strongest import strongest

CLASSES = torch.tensor([0, 1, 2, 0, 1])
PIXELS = {"image_shape": (2, 12, 12), "low": [-3.0, -3.0], "high": [3.0, 3.0]}

DIAGNOSTICS: dict[str, Callable[[nn.Module, Tensor], object]] = {
    "feature_maps": feature_maps,
    "answers": answers,
    "statistics": statistics,
    "strongest": lambda net, x: strongest(net, x, ["stem", "hidden"]),
    "ascend": lambda net, x: ascend(net, [("norm", 1), ("hidden", 2)], **PIXELS),
    "saliency": lambda net, x: saliency(net, x, CLASSES),
    "occlusion": lambda net, x: occlusion(net, x, CLASSES, size=4, stride=3),
    "grad_cam": lambda net, x: grad_cam(net, x, CLASSES, layer="relu_1"),
    "embed": lambda net, x: embed(feature_maps(net, x)["hidden"].numpy()),
}


@pytest.mark.parametrize("name", DIAGNOSTICS)
def test_every_diagnostic_leaves_everything_as_it_was(name: str) -> None:
    """Weights, running averages, gradients, modes, hooks, requires_grad, the images, and three random states."""
    net, x = residual(), images()
    net.conv.eval()  # a mode of its own, which a plain net.train() afterwards would lose
    net.stem.weight.requires_grad_(False)
    calls: list[str] = []
    net.conv.register_forward_hook(lambda *_: calls.append("hook"))
    net(x).sum().backward()

    def everything() -> dict[str, object]:
        return {
            "state": {key: value.numpy().tobytes() for key, value in net.state_dict().items()},
            "gradients": {
                key: None if one.grad is None else one.grad.numpy().tobytes() for key, one in net.named_parameters()
            },
            "trained": {key: one.requires_grad for key, one in net.named_parameters()},
            "modes": {key: one.training for key, one in net.named_modules()},
            "hooks": {
                key: (len(one._forward_hooks), len(one._forward_pre_hooks), len(one._backward_hooks))
                for key, one in net.named_modules()
            },
            "objects": {key: (id(one), one.data_ptr()) for key, one in net.named_parameters()},
            "images": (x.numpy().tobytes(), x.requires_grad, x.grad),
            "torch": torch.get_rng_state().numpy().tobytes(),
            "numpy": repr(np.random.get_state()),
            "python": random.getstate(),
            "grad mode": torch.is_grad_enabled(),
        }

    before = everything()
    with torch.no_grad():  # a caller's own mode neither stops them nor is changed by them
        DIAGNOSTICS[name](net, x)
    assert everything() == before


def test_maps_are_those_of_the_net_written_out_by_hand() -> None:
    net, x = residual().eval(), images()
    with torch.no_grad():
        stem = net.stem(x)
        norm = net.norm(stem)
        pooled = F.max_pool2d(F.relu(norm), 2)
        conv = net.conv(pooled)
        added = conv + pooled
        hidden = net.hidden(F.relu(added).mean(dim=(2, 3)))
        expected = {
            "stem": stem,
            "norm": norm,  # as it was before the ReLU wrote over it
            "relu": F.relu(norm),
            "max_pool2d": pooled,
            "conv": conv,  # as it was before the sum was written into it
            "add": added,
            "relu_1": F.relu(added),
            "hidden": hidden,
            "tanh": torch.tanh(hidden),
            "head": net.head(torch.tanh(hidden)),
        }
    net.train()
    found = feature_maps(net, x)
    assert set(expected) <= set(found)
    for name, maps in expected.items():
        assert torch.equal(found[name], maps), name
    assert [name for name in found if name in expected] == list(expected)
    assert not any(one.requires_grad for one in found.values())


def test_names_are_those_that_describe_gives() -> None:
    net = residual()
    assert set(feature_maps(net, images())) >= {layer.name for layer in cnnlab.describe(net, (2, 12, 12)).layers}


def test_feature_maps_is_part_of_the_api() -> None:
    assert cnnlab.feature_maps is feature_maps
    assert "feature_maps" in cnnlab.__all__


def test_batches_together_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = residual(), images(7)
    monkeypatch.setattr("cnnlab.features.activations.BATCH", 3)
    parts = list(batches(net, x))
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 3), (3, 6), (6, 7)]
    whole = feature_maps(net, x)
    for name, maps in whole.items():
        torch.testing.assert_close(torch.cat([found[name] for _, found in parts]), maps)


def test_a_big_layer_takes_fewer_images_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnlab.features.activations.MEMORY", 2 * 4 * 6 * 12 * 12)
    assert max(part.stop - part.start for part, _ in batches(residual(), images(3))) == 1


class KeepsMaps(nn.Module):
    """Keeps what it saw, and answers with it the next time: every run has to be its first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.seen = nn.Conv2d(2, 4, 3), []

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv(x).relu()
        self.seen.append(maps)
        return sum(one.mean() for one in self.seen) + maps.mean(dim=(2, 3))


class ByViews(nn.Module):
    """Takes no images stored channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(400, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).view(len(x), -1))


class OtherWays(nn.Module):
    """Runs another layer for images that are bright."""

    def __init__(self) -> None:
        super().__init__()
        self.dark, self.bright, self.head = nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.bright(x).tanh() if x.mean() > 5 else self.dark(x)
        return self.head(maps.mean(dim=(2, 3)))


@pytest.mark.parametrize("make", [residual, KeepsMaps, ByViews, OtherWays])
def test_many_runs_of_one_copy_are_first_runs(make: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = make().eval(), images(9)
    x[3:6] += 10
    monkeypatch.setattr("cnnlab.features.activations.BATCH", 3)
    for part, found in batches(net, x):
        expected = feature_maps(make_again(net), x[part])
        assert list(found) == [name for name in expected if expected[name].dim() > 0]
        for name, values in found.items():
            torch.testing.assert_close(values, expected[name], msg=lambda said, name=name: f"{name}: {said}")
    if make is not KeepsMaps:
        with torch.no_grad():
            torch.testing.assert_close(answers(net, x[:3]), net(x[:3]))


def make_again(net: nn.Module) -> nn.Module:
    if isinstance(net, KeepsMaps):
        net.seen.clear()
    return net


def test_layers_that_are_asked_for_are_the_last_that_run() -> None:
    net, x = residual(), images(7)
    ran: list[str] = []
    net.hidden.register_forward_hook(lambda *_: ran.append("hidden"))
    whole = feature_maps(net, x)
    ran.clear()
    (found,) = [found for _, found in batches(net, x, layers=["norm", "conv"])]
    assert list(found) == ["norm", "conv"]
    for name, values in found.items():
        torch.testing.assert_close(values, whole[name])
    assert ran == ["hidden"]  # by the run that finds out what there is


def test_of_the_batches_before_nothing_is_kept_but_what_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnlab.features.activations.BATCH", 50)
    monkeypatch.setattr("cnnlab.features.activations.MEMORY", 2**40)
    gc.collect()
    gc.disable()
    try:
        live = []

        def take(name: str, values: Tensor) -> float:
            if name == "stem":
                live.append(sum(one.numel() for one in gc.get_objects() if type(one) is Tensor))
            return float(values.sum())

        for _, found in batches(residual(), images(400), take):
            assert all(isinstance(one, float) for one in found.values())
        assert len(live) == 8
        assert max(live) - live[0] < 50 * 6 * 12 * 12  # one map of one batch
    finally:
        gc.enable()


def test_pixels_that_nobody_normalised_are_refused_in_one_line() -> None:
    pixels = torch.zeros(2, 2, 12, 12, dtype=torch.uint8)
    with pytest.raises(UserError, match=r"got uint8 \(2, 2, 12, 12\); expected float") as error:
        feature_maps(residual(), pixels)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="expected float"):
        feature_maps(residual(), images()[0])


def test_images_that_do_not_fit_name_the_layer() -> None:
    with pytest.raises(UserError, match="stem"):
        feature_maps(residual(), torch.zeros(2, 3, 12, 12))
