"""The claims on batch norm: each arm at its own best rate, over depth, with a control, by constructed curves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cnnlab.claims import batchnorm_lr, batchnorm_regularises, batchnorm_speed
from cnnlab.claims.depth import STEPS, DepthDesign, at_best_rate, train_depths
from cnnlab.claims.laboratory import OTHER_SEEDS, Laboratory
from cnnlab.claims.measuring import still_to_train
from cnnlab.experiments.engines import InProcess

RATES = (0.01, 0.1, 1.0)


def curve(*accuracies, gap=0.1):
    """Epochs of 8 steps."""
    return tuple(
        SimpleNamespace(
            steps=8,
            validation_accuracy=accuracy,
            validation_loss=1 - accuracy + gap,
            remeasured_loss=1 - accuracy,
            remeasured_accuracy=accuracy + 0.01,
        )
        for accuracy in accuracies
    )


def curves(at_epoch, *, at_rate, dies_from=10.0, gap=0.1):
    """Three seeds that reach 90 % after so many epochs at one rate, later at the others, and diverge from a rate on."""

    def of(rate, seed):
        if rate >= dies_from:
            return ()
        late = at_epoch if rate == at_rate else at_epoch + 6
        return curve(*[0.5 + 0.01 * seed] * (late + seed % 2), *[0.9] * 3, gap=gap + 0.001 * seed)

    return {rate: [of(rate, seed) for seed in range(3)] for rate in RATES}


def design(**arms):
    depths = dict.fromkeys((2, 4), arms)
    return DepthDesign(depths, arms["without"], None)


def test_speed_compares_best_against_best_and_not_at_one_rate():
    """At 0.01 the arm with batch norm is slower; at its own best rate it is quicker."""
    with_norm, without = curves(2, at_rate=0.1), curves(5, at_rate=0.01)
    at_one_rate = [batchnorm_speed.steps_to_target(one) for one in with_norm[0.01]]
    assert min(at_one_rate) > max(batchnorm_speed.steps_to_target(one) for one in without[0.01])
    judged = batchnorm_speed.compared(with_norm, without)
    assert judged.verdict == "supported"
    assert judged.effect == pytest.approx(5.9 / 2.9, rel=0.1)
    assert batchnorm_speed.compared(without, with_norm).verdict == "not supported"


def test_a_net_that_never_gets_there_counts_as_all_steps():
    assert batchnorm_speed.steps_to_target(()) == STEPS
    assert batchnorm_speed.steps_to_target(curve(0.1, 0.2)) == STEPS
    # Straight from 0 at the start to 90 % after 8 steps.
    assert batchnorm_speed.steps_to_target(curve(0.9)) == pytest.approx(8 * batchnorm_speed.TARGET / 0.9)


def test_the_highest_rate_is_that_at_which_a_seed_still_trains():
    high, low = curves(2, at_rate=0.1), curves(2, at_rate=0.1, dies_from=0.1)
    assert batchnorm_lr.compared(high, low).verdict == "supported"
    assert batchnorm_lr.compared(high, low).effect == pytest.approx(100)
    assert batchnorm_lr.compared(high, high).verdict == "undecided"  # three seeds on a grid this coarse leave it open
    nothing = {rate: [()] * 3 for rate in RATES}
    assert batchnorm_lr.highest(nothing) == pytest.approx([-2.477, -2.477, -2.477], abs=0.001)


def test_the_gap_is_compared_at_each_arms_own_rate():
    narrow, wide = curves(2, at_rate=0.1, gap=0.1), curves(2, at_rate=0.01, gap=0.2)
    judged = batchnorm_regularises.compared(narrow, wide)
    assert judged.effect == pytest.approx(0.1)
    assert judged.verdict == "supported"
    assert batchnorm_regularises.compared(wide, narrow).verdict == "not supported"


def test_the_rate_of_a_seed_is_chosen_on_the_others():
    """Seed 0 alone is quick at 1.0: it may not choose that for itself."""
    made = {0.1: [curve(0.5), curve(0.9), curve(0.9)], 1.0: [curve(0.99), curve(0.8), curve(0.8)]}
    chosen = at_best_rate(made, lambda one: one[-1].validation_accuracy)
    assert [one[-1].validation_accuracy for one in chosen] == [0.5, 0.8, 0.8]


@pytest.mark.parametrize("claim", [batchnorm_speed, batchnorm_lr, batchnorm_regularises])
def test_the_statement_and_its_control_come_out_as_the_curves_were_made(claim, monkeypatch):
    made = {"with": curves(2, at_rate=0.1, gap=0.1), "without": curves(8, at_rate=0.01, dies_from=0.1, gap=0.2)}
    monkeypatch.setattr(claim, "train_depths", lambda _: design(**made))
    found = claim.measure(None)
    assert found.verdict == "supported"
    assert "supported" not in [control.verdict for control in found.controls]
    assert len(found.controls) == 1
    # A world in which other seeds alone do as much: the rule tells nothing.
    both = DepthDesign(dict.fromkeys((2, 4), made), made["with"], None)
    monkeypatch.setattr(claim, "train_depths", lambda _: both)
    assert claim.measure(None).verdict == "undecided"
    # And one in which batch norm does nothing.
    monkeypatch.setattr(claim, "train_depths", lambda _: design(**made | {"with": made["without"]}))
    assert claim.measure(None).verdict != "supported"


def test_the_control_is_trained_on_seeds_of_its_own_and_all_is_asked_for_at_once(tmp_path):
    laboratory = Laboratory(
        data="mnist-5k",
        fashion="mnist-5k",
        seeds=(0, 1),
        epochs=1,
        folder=tmp_path,
        engine=InProcess(),
        is_quick=True,
    )
    claim = batchnorm_lr.CLAIM
    jobs = still_to_train([claim], laboratory)
    seeds = [int(job.path.name.rpartition("-s")[2]) for job in jobs]
    assert sorted(set(seeds)) == [0, 1, OTHER_SEEDS, OTHER_SEEDS + 1]
    assert seeds.count(OTHER_SEEDS) == 4
    assert seeds.count(0) == 2 * 2 * 4
    assert train_depths is batchnorm_lr.train_depths
