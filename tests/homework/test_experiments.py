"""Typical mistakes in curves, in feature maps and in measurements, each named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cnnlab import SimpleCNN, evaluate
from cnnlab.homework import check_comparison, check_feature_maps, check_measured

NEEDS = ("both", "no dropout")
GOOD = {
    "both": {"training": [0.90, 0.95, 0.97], "validation": [0.91, 0.96, 0.962]},
    "no dropout": {"training": [0.92, 0.97, 0.999], "validation": [0.92, 0.95, 0.952]},
}


def curves(**changes):
    return GOOD | {name.replace("_", " "): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("yours", "says"),
    [
        ([0.9, 0.95], "expected a dict"),
        ({"both": GOOD["both"]}, "missing: no dropout"),
        (curves(both={"training": [0.9]}), "expected a list under 'validation'"),
        (curves(both=[0.9, 0.95]), "expected a list under 'training'"),
        (curves(both={"training": [90.0, 95, 97], "validation": [91, 96, 96.2]}), "not percent"),
        (curves(both={"training": [0.9, 0.95], "validation": [0.91, 0.96]}), "different numbers of epochs"),
        (curves(both={"training": [0.9], "validation": [0.91, 0.96, 0.96]}), "different lengths"),
        (curves(no_dropout=GOOD["both"]), "the very same curves"),
        (curves(both={"training": [0.1, 0.11, 0.12], "validation": [0.1, 0.1, 0.1]}), "next to nothing"),
    ],
)
def test_what_keeps_curves_from_being_compared_is_named(yours, says):
    feedback = check_comparison(yours, needs=NEEDS, images=500)
    assert feedback.is_right is False
    assert says in str(feedback)


def test_a_comparison_says_what_it_bears():
    feedback = check_comparison(GOOD, needs=NEEDS, images=500)
    assert feedback.is_right
    both, without, apart, seeds = feedback.lines
    assert "one seed" in seeds
    assert "best validation 96.2%" in both
    assert "gap" not in both  # 97.0 % and 96.2 %: ±1.7 points on 500 images
    assert "a gap of 4.7 points, more than the images' ±1.9" in without
    assert "-1.0 points, within" in apart  # 95.2 % against 96.2 %: ±2.5 points on 500 images
    assert "-1.0 points, more than" in check_comparison(GOOD, needs=NEEDS, images=50_000).lines[2]


def test_what_is_not_filled_in_is_said_to_be_so():
    assert check_comparison(..., needs=NEEDS, images=500).is_right is None
    assert check_comparison(curves(both=...), needs=NEEDS, images=500).is_right is None
    assert check_measured({"cnn": ..., "dense": ...}, needs=("cnn", "dense"), images=10).is_right is None
    assert check_feature_maps(..., SimpleCNN(), torch.randn(2, 1, 28, 28)).is_right is None


@pytest.fixture
def net():
    net = SimpleCNN()
    with torch.no_grad():  # running averages that differ from this batch's
        net(torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(1)) * 2 + 1)
    return net


@pytest.fixture
def images():
    return torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def hooked(net, images, *, kinds=nn.Conv2d, keep=lambda given, got: got.detach(), removed=True):
    """What a student's hooks keep."""
    kept, handles = {}, []
    for name, layer in net.named_modules():
        if isinstance(layer, kinds):
            handles.append(
                layer.register_forward_hook(lambda _l, given, got, name=name: kept.update({name: keep(given[0], got)}))
            )
    net(images)
    if removed:
        for handle in handles:
            handle.remove()
    return kept


def test_maps_by_hooks_are_right(net, images):
    maps = hooked(net.eval(), images)
    feedback = check_feature_maps(maps, net, images)
    assert feedback.is_right, str(feedback)
    assert "(3, 64, 14, 14)" in str(feedback)
    assert not any(layer._forward_hooks for layer in net.modules())


def test_what_is_off_with_maps_is_named(net, images):
    def says(maps):
        feedback = check_feature_maps(maps, net, images)
        assert feedback.is_right is False
        return str(feedback)

    # features.0 has no batch norm before it: the same in both modes. features.4 has.
    assert "features.4: these are the values in train mode" in says(hooked(net.train(), images))
    net.eval()
    assert "detach" in says(hooked(net, images, keep=lambda given, got: got))
    assert "what comes in" in says(hooked(net, images, keep=lambda given, got: given.detach()))
    assert "missing: features.0, features.4" in says(hooked(net, images, kinds=nn.ReLU))
    assert "batch is missing" in says(hooked(net, images, keep=lambda given, got: got.detach()[0]))
    assert "after a ReLU" in says(hooked(net, images, keep=lambda given, got: got.detach().relu()))
    assert "another order" in says(hooked(net, images.flip(0)))
    assert "other values" in says(hooked(net, images * 2))
    assert "expected a tensor" in says(hooked(net, images, keep=lambda given, got: got.tolist()))
    assert "expected a dict" in says(list(hooked(net, images).values()))
    assert "still has its hook" in says(hooked(net, images, removed=False))


def measured(right, *, images=1000, seed=0):
    """An evaluation of answers of which so many are right."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (images,), generator=generator)
    answers = 5 * nn.functional.one_hot(labels, 3).float() + torch.rand(images, 3, generator=generator)
    answers[right:] = answers[right:].roll(1, dims=1)
    return evaluate(answers, labels, classes=("shirt", "coat", "bag"))


def test_measurements_are_compared_by_their_intervals():
    needs = ("cnn", "dense")
    apart = check_measured({"cnn": measured(950), "dense": measured(880)}, needs=needs, images=1000)
    assert apart.is_right
    assert "cnn: 95.00% [93.47%, 96.19%]" in apart.lines[0]
    assert "cnn is 7.00 points ahead of dense; their intervals do not touch" in apart.lines[2]
    close = check_measured({"cnn": measured(901), "dense": measured(905)}, needs=needs, images=1000)
    assert "dense is 0.40 points ahead of cnn; their intervals overlap" in close.lines[2]


@pytest.mark.parametrize(
    ("yours", "says"),
    [
        ({"cnn": measured(950)}, "missing: dense"),
        ({"cnn": measured(950), "dense": 0.88}, "expected what cnnlab.evaluate"),
        ({"cnn": measured(950), "dense": measured(400, images=500)}, "another split"),
        ({"cnn": measured(950), "dense": measured(950)}, "very same figures"),
    ],
)
def test_what_keeps_measurements_from_being_compared_is_named(yours, says):
    feedback = check_measured(yours, needs=("cnn", "dense"), images=1000)
    assert feedback.is_right is False
    assert says in str(feedback)
