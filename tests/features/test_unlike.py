"""Images like nothing that a net was trained on: the promised rate, and every score beside a slow second one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, logsumexp
from scipy.stats import betabinom
from torch import nn

from cnnlab.data.imageset import Split, image_set
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.evaluation import fit_temperature
from cnnlab.features import unlike
from cnnlab.features.penultimate import answers_and_features
from cnnlab.features.unlike import fit, unpack, weights_digest


class Net(nn.Module):
    """A net whose last linear layer gets twelve features."""

    def __init__(self, channels: int = 1, side: int = 8, classes: int = 3) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels * side * side, 12)
        self.answer = nn.Linear(12, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answer(self.hidden(x.flatten(1)).relu())


class Pooled(nn.Module):
    """A net without a linear layer: a map a class, and its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.maps(x).mean(dim=(2, 3))


class Experts(nn.Module):
    """Two last linear layers, each for some of the images: none of them has a row of features for all."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(64, 2)
        self.experts = nn.ModuleList(nn.Linear(64, 3) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        chosen, answers = self.gate(x).argmax(dim=1), x.new_zeros(len(x), 3)
        for number, expert in enumerate(self.experts):
            answers[chosen == number] = expert(x[chosen == number])
        return answers


def drawn(count: int, seed: int, channels: int = 1, side: int = 8, classes: int = 3) -> Split:
    """Images of smooth stripes, of another direction for each class, with noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angle = labels[:, None, None] * torch.pi / classes
    phase = torch.rand(count, 1, 1, generator=generator) * 6
    waves = torch.sin(angle.cos() * rows + angle.sin() * columns + phase)[:, None]
    pixels = 128 + 60 * waves + 25 * torch.randn(count, channels, side, side, generator=generator)
    return Split(pixels.clamp(0, 255).to(torch.uint8), labels)


def images(validation: int = 1000, train: int = 600, **how: int):
    return image_set(
        "stripes",
        classes=tuple("abc"),
        train=drawn(train, 1, **how),
        validation=drawn(validation, 2, **how),
        test=drawn(200, 3, **how),
        source="",
        split_note="",
    )


@pytest.fixture(scope="module")
def data():
    return images()


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Net()


@pytest.fixture(scope="module")
def fitted(net, data):
    return fit(net, data)


def p_values(fitted, net, data, pixels):
    return fitted.p_values(net, pixels, mean=data.mean, std=data.std)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_of_fresh_images_of_the_same_kind_no_more_are_called_unlike_than_chosen(fitted, net, data, rate):
    """The count is beta-binomial whatever the scores: ⌊rate·(N + 1)⌋ places among N ranked images call it unlike."""
    fresh, ranked = drawn(6000, 77).images, len(fitted.sums)
    called = int((p_values(fitted, net, data, fresh) <= rate).sum())
    places = int(rate * (ranked + 1))
    low, high = betabinom(len(fresh), places, ranked + 1 - places).ppf([1e-4, 1 - 1e-4])
    assert low <= called <= high


def test_noise_blanks_and_turned_contrast_are_found(fitted, net, data):
    generator = torch.Generator().manual_seed(5)
    noise = torch.randint(0, 256, (200, 1, 8, 8), generator=generator, dtype=torch.uint8)
    checks = torch.tensor([0, 255], dtype=torch.uint8).repeat(32).view(1, 1, 8, 8)
    for pixels in (noise, checks, torch.zeros(1, 1, 8, 8, dtype=torch.uint8)):
        assert float((p_values(fitted, net, data, pixels) <= 0.01).double().mean()) > 0.9


def test_every_score_is_what_a_slow_second_one_gives(fitted, net, data, monkeypatch):
    pixels = drawn(40, 9).images
    got = fitted.scores(net, pixels, mean=data.mean, std=data.std).double().numpy()
    assert fitted.score_names == ("answer", "features", "pixels")

    def features(of):
        with torch.no_grad():
            return net.hidden(normalise(of, data.mean, data.std).flatten(1)).relu().double().numpy()

    with torch.no_grad():
        answers = net(normalise(pixels, data.mean, data.std)).double().numpy()
    assert np.allclose(got[:, 0], -logsumexp(answers, axis=1), rtol=1e-5)
    distances = np.sort(cdist(features(pixels), features(data.train.images)), axis=1)[:, unlike.NEIGHBOUR - 1]
    assert np.allclose(got[:, 1], distances, rtol=1e-4)
    plain, train = (each.double().flatten(1).numpy() / 255 for each in (pixels, data.train.images))
    left = []
    for label in range(3):
        mine = train[data.train.labels.numpy() == label]
        basis = np.linalg.svd(mine - mine.mean(axis=0), full_matrices=False)[2][: unlike.COMPONENTS]
        rest = plain - mine.mean(axis=0)
        left.append(((rest - rest @ basis.T @ basis) ** 2).sum(axis=1))
    assert np.allclose(got[:, 2], np.min(left, axis=0), rtol=1e-4)


def test_the_sum_and_its_rank_are_what_numpy_gives(fitted, net, data):
    own = fitted.scores(net, data.validation.images, mean=data.mean, std=data.std).double().numpy()
    measures = np.arange(len(own)) % unlike.SPREAD_BY == 0
    middle = np.quantile(own[measures], 0.5, axis=0)
    spread = np.quantile(own[measures], unlike.SPREAD_TO, axis=0) - middle

    def sums(scores):
        return (np.maximum((scores - middle) / spread, 0) ** 2).sum(axis=1)

    pixels = drawn(50, 11).images
    theirs = sums(fitted.scores(net, pixels, mean=data.mean, std=data.std).double().numpy())
    ranked = sums(own[~measures])
    # Neighbouring ranks may change places in single precision.
    expected = ((ranked[None] >= theirs[:, None]).sum(axis=1) + 1) / (len(ranked) + 1)
    assert np.abs(p_values(fitted, net, data, pixels).numpy() - expected).max() <= 2 / (len(ranked) + 1)


def test_the_temperature_is_the_one_that_scipy_finds():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(5, (2000,), generator=generator)
    answers = 4 * (nn.functional.one_hot(labels, 5) + torch.randn(2000, 5, generator=generator))

    def loss(log_temperature: float) -> float:
        values = log_softmax(answers.double().numpy() / np.exp(log_temperature), axis=1)
        return float(-values[np.arange(2000), labels.numpy()].mean())

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    assert fit_temperature(answers, labels) == pytest.approx(np.exp(found.x), rel=1e-4)
    assert fit_temperature(answers / 3, labels) == pytest.approx(np.exp(found.x) / 3, rel=1e-4)


def test_a_net_that_never_errs_gets_the_least_temperature():
    assert fit_temperature(torch.eye(3) * 50, torch.arange(3)) == pytest.approx(1 / 20, rel=1e-3)


def test_thirty_validation_images_cannot_hold_one_in_a_hundred(net):
    fitted = fit(net, images(validation=30))
    with pytest.raises(UserError, match=r"0.01 false alarms cannot be held by the 24 validation .* at least 99 .*0.04"):
        fitted.require_rate(0.01)
    fitted.require_rate(0.04)
    assert float(p_values(fitted, net, images(validation=30), drawn(500, 4).images).min()) >= fitted.lowest_rate == 0.04


def test_a_net_that_shows_no_features_is_judged_by_its_answer_and_the_pixels(data):
    pooled = Pooled()
    fitted = fit(pooled, data)
    assert fitted.score_names == ("answer", "pixels")
    assert fitted.neighbours is None
    noise = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8)
    assert float((p_values(fitted, pooled, data, noise) <= 0.01).double().mean()) > 0.9


def test_the_net_and_all_random_numbers_stay_as_they_were(net, data):
    net.train()
    before, state = {name: value.clone() for name, value in net.state_dict().items()}, torch.get_rng_state()
    fit(net, data)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("channels", "side"), [(3, 8), (1, 40), (4, 50)])
def test_images_of_any_size_and_channels_fit_with_bounded_numbers(channels, side):
    own = Net(channels, side)
    data = images(validation=150, train=90, channels=channels, side=side)
    fitted = fit(own, data)
    assert fitted.pixel_components.numel() <= unlike.MOST_NUMBERS
    assert max(fitted.side) <= unlike.SIDE
    noise = torch.randint(0, 256, (20, channels, side, side), dtype=torch.uint8)
    assert bool((p_values(fitted, own, data, noise) <= 0.01).any())


def test_features_are_the_input_of_the_last_layer_that_makes_the_answer(net, data):
    answers, features = answers_and_features(net, data.test.images, mean=data.mean, std=data.std)
    assert torch.allclose(net.answer(features), answers, atol=1e-6)


def test_a_mixture_of_experts_has_no_features_and_is_judged_by_the_other_scores(data):
    torch.manual_seed(0)
    experts = Experts()
    answers, features = answers_and_features(experts, data.test.images, mean=data.mean, std=data.std)
    assert features is None
    assert torch.allclose(answers, experts(normalise(data.test.images, data.mean, data.std)), atol=1e-5)
    fitted = fit(experts, data)
    assert len(fitted.score_names) == 2
    together = p_values(fitted, experts, data, data.test.images[:5])
    alone = [p_values(fitted, experts, data, data.test.images[i : i + 1]) for i in range(5)]
    assert torch.equal(together, torch.cat(alone)), "an image alone takes one way, and shows that expert's features"


def test_a_net_that_answers_nan_is_refused(data):
    broken = Net()
    with torch.no_grad():
        broken.answer.bias[0] = torch.nan
    with pytest.raises(UserError, match="answers NaN or infinite"):
        fit(broken, data)


def _record(data) -> SimpleNamespace:
    return SimpleNamespace(image_shape=data.image_shape, classes=data.classes, sha256=data.sha256)


def test_what_is_kept_comes_back_the_same(fitted, net, data):
    again = unpack(*fitted.pack(), Path("unlike.safetensors"), _record(data))
    assert again.net == weights_digest(net)
    assert replace(again, sums=fitted.sums).ece == fitted.ece
    pixels = drawn(30, 8).images
    assert torch.equal(p_values(again, net, data, pixels), p_values(fitted, net, data, pixels))


SPOILT = {
    "a tensor is missing": lambda t, r: t.pop("sums"),
    "a tensor too many": lambda t, r: t.update(more=torch.zeros(3)),
    "another form": lambda t, r: t.update(pixel_means=torch.zeros(3, 63)),
    "components of another width": lambda t, r: t.update(pixel_components=torch.zeros(3, 20, 63)),
    "too many components": lambda t, r: t.update(pixel_components=torch.zeros(3, 21, 64)),
    "more means than classes": lambda t, r: t.update(
        pixel_means=torch.zeros(4, 64), pixel_components=torch.zeros(4, 20, 64)
    ),
    "a number alone": lambda t, r: t.update(neighbours=torch.tensor(1.0)),
    "no images": lambda t, r: t.update(sums=torch.zeros(0)),
    "too many images": lambda t, r: t.update(sums=torch.zeros(10_001)),
    "another type": lambda t, r: t.update(middle=t["middle"].double()),
    "NaN": lambda t, r: t.update(sums=torch.full_like(t["sums"], torch.nan)),
    "no spread": lambda t, r: t.update(spread=torch.zeros(3)),
    "out of order": lambda t, r: t.update(sums=t["sums"].flip(0)),
    "of other data": lambda t, r: r.update(data="0" * 64),
    "of other classes": lambda t, r: r.update(classes=4),
    "a temperature of nothing": lambda t, r: r.update(temperature=0.0),
    "a calibration error of two": lambda t, r: r.update(ece=[0.1, 2.0]),
    "another format": lambda t, r: r.update(format=2),
    "an unknown key": lambda t, r: r.update(more=1),
    "a side of thousands": lambda t, r: r.update(side=[10**9, 10**9]),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_cannot_have_been_kept_is_refused_in_a_line(fitted, data, spoil):
    tensors, record = fitted.pack()
    spoil(tensors, record)
    with pytest.raises(UserError) as told:
        unpack(tensors, record, Path("run/unlike.safetensors"), _record(data))
    assert "run/unlike.safetensors" in str(told.value)
    assert "\n" not in str(told.value)


def test_scores_without_a_number_are_the_strangest(fitted, data):
    broken = Net()
    with torch.no_grad():
        broken.hidden.bias.fill_(torch.nan)
    assert bool((p_values(fitted, broken, data, drawn(5, 1).images) == fitted.lowest_rate).all())
    assert replace(fitted, neighbours=None).score_names == ("answer", "pixels")
