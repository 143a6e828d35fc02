from __future__ import annotations

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
