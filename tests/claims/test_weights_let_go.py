"""Claims whose nets are opened find them, whether or not a lesson let go of their weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.claims.test_measuring import Counting, claim

from cnnlab.claims.claim import Finding
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.measuring import measure, still_to_train
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.errors import Stopped


@pytest.fixture
def laboratory(tmp_path):
    return Laboratory(
        data="mnist-5k", fashion="mnist-5k", seeds=(0, 1), epochs=1, folder=tmp_path / "runs", engine=Counting()
    )


def opening(laboratory):
    """A claim on tiny dense nets that it looks into."""
    runs = laboratory.train(laboratory.plan("mlp", data="mnist-5k@60", epochs=1).with_net(hidden=(4,)))
    laboratory.bring_back_weights(runs)
    total = sum(float(parameter.sum()) for run in runs for parameter in run.load_net().parameters())
    return Finding(total, "points", None, len(runs), "seeds", "undecided", "nothing")


def test_it_finds_the_same_nets_again(laboratory):
    first = measure(claim("opening", opening), laboratory)
    runs, results = first.runs, [run.evaluations() for run in first.runs]
    weights = [run.weights() for run in runs]
    for run in runs:
        run.write_report("a report")
        run.let_go_of_weights()
    assert not any(run.has_weights for run in runs)
    laboratory.engine.trained.clear()
    still_to_train([claim("opening", opening)], laboratory)
    assert all(run.is_finished for run in runs), "asking beforehand changes nothing"
    again = measure(claim("opening", opening), laboratory)
    assert len(laboratory.engine.trained) == 2
    assert (again.finding.effect, again.found) == (first.finding.effect, 0)
    assert [run.evaluations() for run in runs] == results
    assert [run.test_openings() for run in runs] == [1, 1], "the same net, measured at the end of one training"
    for run, before in zip(runs, weights, strict=True):
        assert all(torch.equal(value, before[name]) for name, value in run.weights().items())
    laboratory.engine.trained.clear()
    assert measure(claim("opening", opening), laboratory).found == 2
    assert laboratory.engine.trained == []


def test_a_stop_before_it_leaves_the_runs_as_they_are(laboratory):
    runs = measure(claim("opening", opening), laboratory).runs
    for run in runs:
        run.write_report("a report")
        run.let_go_of_weights()
    with pytest.raises(Stopped):
        replace(laboratory, should_stop=lambda: True).bring_back_weights(runs)
    assert all(run.is_finished for run in runs)


def test_weights_are_let_go_only_where_nothing_on_a_page_is_missing(laboratory):
    run = measure(claim("opening", opening), laboratory).runs[0]
    run.let_go_of_weights()
    assert run.has_weights, "its report is still to be written"
    run.write_report("a report")
    (run.path / "result.json").rename(run.path / "away.json")
    run.let_go_of_weights()
    assert run.has_weights, "it is not finished"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_that_opens_nets_asks_for_their_weights(name):
    source = Path(find_claim(name).measure.__code__.co_filename).read_text()
    assert ("load_net(" in source) <= ("bring_back_weights(" in source)
