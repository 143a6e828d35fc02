"""The rules of the claims on dropout and overfitting by constructed figures: true, false, a control that passes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cnnlab.claims import dropout_ensemble, dropout_mean, dropout_regularises, memorise, small_data_overfits
from cnnlab.claims.laboratory import Laboratory
from cnnlab.data import load
from cnnlab.experiments.engines import InProcess
from cnnlab.report.figures.draw import draw_figures

SEEDS = (-0.001, 0.0, 0.001)


# dropout-regularises


def arm(gap):
    """Nets whose validation loss lies `gap` nats above their training loss, in accuracy as much."""
    return dropout_regularises.Arm(
        (0.1, 0.1, 0.1),
        tuple(0.1 + gap + seed for seed in SEEDS),
        (0.99, 0.99, 0.99),
        tuple(0.99 - gap / 10 for _ in SEEDS),
        (0.001, 0.001, 0.003),
    )


def regularised(*, without=0.10, with_dropout=0.05, hardly_any=0.10, on_few=0.05):
    some = dropout_regularises
    return some.decide(
        {
            (500, some.NONE): arm(0.10),
            (500, some.DROPOUT): arm(on_few),
            (2000, some.NONE): arm(without),
            (2000, some.DROPOUT): arm(with_dropout),
            (2000, some.HARDLY_ANY): arm(hardly_any),
            (2000, "weight-decay"): arm(0.07),
        }
    )


def test_dropout_that_narrows_the_gap_is_supported():
    finding = regularised()
    assert finding.verdict == "supported"
    assert finding.effect == pytest.approx(0.05)
    assert finding.controls[0].verdict == "not supported"
    assert draw_figures(finding.figures)


@pytest.mark.parametrize("with_dropout", [0.10, 0.095, 0.15])
def test_dropout_that_narrows_it_hardly_or_not_at_all_is_refuted(with_dropout):
    assert regularised(with_dropout=with_dropout).verdict == "not supported"


def test_one_size_decides_and_the_others_say_where_it_holds():
    finding = regularised(on_few=0.10)
    assert finding.verdict == "supported"
    assert [judged.verdict for _, judged in finding.where.places] == ["not supported", "supported"]


def test_hardly_any_dropout_that_narrows_the_gap_as_well_leaves_it_undecided():
    assert regularised(hardly_any=0.05).verdict == "undecided"


# dropout-ensemble


def averaged(loss_apart, accuracy_apart=0.0):
    """Means of thinned nets that lie so far from the full net with most masks."""
    masks = len(dropout_ensemble.MASKS)
    return dropout_ensemble.Averaged(
        (0.2, 0.2, 0.2),
        (0.95, 0.95, 0.95),
        [[0.2 + loss_apart + seed for seed in SEEDS]] * masks,
        [[0.95 + accuracy_apart + seed for seed in SEEDS]] * masks,
        [[0.99] * 3] * masks,
    )


def test_an_average_that_is_the_full_net_is_supported_where_other_nets_are_not():
    finding = dropout_ensemble.decide(averaged(0.005), averaged(0.1))
    assert finding.verdict == "supported"
    assert finding.controls[0].verdict == "not supported"
    assert draw_figures(finding.figures)


@pytest.mark.parametrize(("loss", "accuracy"), [(0.1, 0.0), (-0.1, 0.0), (0.0, -0.05)])
def test_an_average_that_is_far_off_is_refuted(loss, accuracy):
    assert dropout_ensemble.decide(averaged(loss, accuracy), averaged(0.1)).verdict == "not supported"


def test_nets_without_dropout_that_pass_as_well_leave_it_undecided():
    assert dropout_ensemble.decide(averaged(0.005), averaged(0.005)).verdict == "undecided"


class Linear(nn.Module):
    """A net that is linear after its dropout: the mean of its thinned logits is the full net's."""

    def __init__(self):
        super().__init__()
        self.features = nn.Flatten()
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(784, 10))
        with torch.no_grad():
            self.classifier[1].weight.mul_(0.01)

    def forward(self, x):
        return self.classifier(self.features(x))


def test_thinned_nets_are_asked_about_validation_images_and_their_mean_closes_in_on_the_full_net():
    torch.manual_seed(0)
    data = load("mnist-5k@100")
    run = SimpleNamespace(load_net=lambda: Linear().eval(), config=SimpleNamespace(seed=0))
    nets = dropout_ensemble.average([run], data)
    assert len(nets.mean_loss) == len(dropout_ensemble.MASKS)
    apart = [abs(loss[0] - nets.full_loss[0]) for loss in nets.mean_loss]
    assert apart[-1] < 0.001
    assert nets.agreement[-1][0] > nets.agreement[0][0]
    del data.__dict__["test"]  # nobody may look there
    assert dropout_ensemble.average([run], data).full_accuracy


# small-data-overfits


def looks(training, validation, noise=0.0, *, at_half=None):
    """A seed's ten looks: a curve that zigzags by ± noise around where it ends."""
    found = []
    for look in range(10):
        level = validation if at_half is None or look >= 5 else at_half
        zigzag = noise * (-1) ** look if look < 9 else 0.0
        found.append(SimpleNamespace(remeasured_accuracy=training, validation_accuracy=level + zigzag))
    return found


def sized(little, *, half_gap=None):
    much = [looks(0.97, 0.95 + seed, 0.001, at_half=half_gap) for seed in SEEDS]
    return small_data_overfits.decide([little, much, much])


def test_little_data_with_a_wide_gap_and_a_noisy_curve_is_supported():
    finding = sized([looks(1.0, 0.85 + seed, 0.02) for seed in SEEDS])
    assert finding.verdict == "supported"
    assert finding.effect == pytest.approx(13.0)
    assert finding.controls[0].verdict != "supported"
    assert draw_figures(finding.figures)


@pytest.mark.parametrize(
    "little",
    [(1.0, 0.85, 0.001), (0.86, 0.85, 0.02), (1.0, 0.95, 0.02)],
    ids=["a calm curve", "no wider gap", "validation as high"],
)
def test_each_of_the_three_parts_can_refute(little):
    training, validation, noise = little
    finding = sized([looks(training, validation + seed, noise) for seed in SEEDS])
    assert finding.verdict == "not supported"


def test_as_much_data_that_overfits_halfway_leaves_it_undecided():
    much = [
        [
            SimpleNamespace(
                remeasured_accuracy=0.99,
                validation_accuracy=(0.85 + 0.02 * (-1) ** look if look < 5 else 0.95) + seed,
            )
            for look in range(10)
        ]
        for seed in SEEDS
    ]
    little = [looks(1.0, 0.85 + seed, 0.02) for seed in SEEDS]
    finding = small_data_overfits.decide([little, much, much])
    assert finding.controls[0].verdict == "supported"
    assert finding.verdict == "undecided"


def test_noise_is_around_the_trend_of_the_second_half():
    assert small_data_overfits.noise_of([50, 90, 10, 1, 2, 3, 4, 5]) == pytest.approx(0, abs=1e-9)
    # ±1 around a line through four points: residuals of (1, -1, 1, -1) after a fitted slope, by hand √(16/5 / 2).
    assert small_data_overfits.noise_of([0, 0, 0, 0, 1, -1, 1, -1]) == pytest.approx((3.2 / 2) ** 0.5)
    assert small_data_overfits.noise_of([1, 2]) == 0.0


def test_every_size_has_as_many_steps_and_looks(tmp_path):
    """Asked of the plans: whole batches, so that how an epoch's rest is treated does not matter."""
    for size in small_data_overfits.SIZES:
        steps = size / small_data_overfits.BATCH
        assert steps == int(steps)
        assert small_data_overfits.STEPS % steps == 0
        assert small_data_overfits.LOOK_EVERY % steps == 0


# memorise


def knows(end, early=0.2, validation=0.1):
    """A seed's epochs."""
    return [
        SimpleNamespace(epoch=i + 1, remeasured_accuracy=end if i > 10 else early, validation_accuracy=validation)
        for i in range(memorise.EPOCHS)
    ]


def memorised(ends, *, early=0.2, small=0.2, validation=0.1):
    return memorise.decide(
        [knows(end, early, validation) for end in ends], [knows(small)] * len(ends), classes=10, parameters=508
    )


@pytest.mark.parametrize(
    ("ends", "others", "verdict"),
    [
        ((1.0, 0.995, 1.0), {}, "supported"),
        ((0.9, 0.95, 0.98), {}, "not supported"),
        ((1.0, 0.98, 1.0), {}, "undecided"),
        ((1.0, 1.0, 1.0), {"validation": 0.5}, "not supported"),
        ((1.0, 1.0, 1.0), {"early": 1.0}, "undecided"),
        ((1.0, 1.0, 1.0), {"small": 1.0}, "undecided"),
    ],
    ids=["all", "none", "not all", "labels that mean something", "at once", "by a net too small"],
)
def test_memorising_is_decided_by_every_seed_and_by_what_cannot(ends, others, verdict):
    assert memorised(ends, **others).verdict == verdict


# dropout-mean


class Leaky(nn.Dropout):
    """Keeps 3 % too much."""

    def forward(self, h):
        return 1.03 * super().forward(h)


def measured(monkeypatch, **replaced):
    for name, value in replaced.items():
        monkeypatch.setattr(dropout_mean, name, value)
    lab = Laboratory(data="mnist-5k", fashion="mnist-5k", seeds=(0,), epochs=1, folder=None, engine=InProcess())
    return dropout_mean.measure(lab)


def test_a_mean_that_drifts_is_refuted(monkeypatch):
    monkeypatch.setattr(dropout_mean, "MASKS", 2000)
    monkeypatch.setattr(dropout_mean, "COUNTS", (10, 2000))
    real = nn.Dropout
    assert measured(monkeypatch, SHARES=(0.1, 0.5)).verdict == "supported"
    monkeypatch.setattr(dropout_mean.nn, "Dropout", Leaky)
    finding = measured(monkeypatch, SHARES=(0.1, 0.5))
    assert finding.verdict == "not supported"
    monkeypatch.setattr(dropout_mean.nn, "Dropout", real)
    monkeypatch.setattr(dropout_mean, "_Unscaled", real)
    assert measured(monkeypatch, SHARES=(0.1, 0.5)).verdict == "undecided"
