"""A claim's runs and what they cost, and what is to train before anything is trained."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cnnlab.claims.claim import Claim, Finding
from cnnlab.claims.laboratory import Laboratory, to
from cnnlab.claims.measuring import measure, still_to_train
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.experiments.engines import InProcess


class Counting(InProcess):
    """Trains and remembers what."""

    def __init__(self):
        self.trained = []

    def train(self, jobs, **options):
        self.trained += jobs
        return super().train(jobs, **options)


def of_mlps(laboratory):
    """A claim on two tiny dense nets, whose runs `of_one` shares."""
    plan = laboratory.plan("mlp", data="mnist-5k@60", epochs=1).with_net(hidden=(4,))
    found = laboratory.compare(plan, [to("sgd", changes=plan.changes | {"optimizer": "sgd"})])
    return Finding(0.0, "points", None, len(found.seeds), "seeds", "undecided", "nothing")


def of_one(laboratory):
    plan = laboratory.plan("mlp", data="mnist-5k@60", epochs=1).with_net(hidden=(4,))
    return Finding(0.0, "points", None, len(laboratory.train(plan)), "seeds", "undecided", "nothing")


def claim(name, measuring):
    return Claim(name, "It is so.", "nowhere", "statistical", "supported when it is", measuring)


@pytest.fixture
def laboratory(tmp_path):
    return Laboratory(
        data="mnist-5k", fashion="mnist-5k", seeds=(0, 1), epochs=1, folder=tmp_path / "runs", engine=Counting()
    )


def test_an_entry_says_which_runs_were_trained_and_which_found(laboratory, tmp_path):
    first = measure(claim("two", of_mlps), laboratory)
    second = measure(claim("one", of_one), laboratory)
    assert (len(first.runs), first.found) == (4, 0)
    assert (len(second.runs), second.found) == (2, 2)
    assert {run.path for run in second.runs} < {run.path for run in first.runs}
    entry = json.loads(json.dumps(second.entry(tmp_path).to_json()))
    assert (entry["runs_found"], entry["runs_diverged"]) == (2, 0)
    times = [json.loads((tmp_path / path / "result.json").read_text())["train_time_s"] for path in entry["runs"]]
    assert entry["train_time_s"] == pytest.approx(sum(times), abs=0.001)


def test_what_is_to_train_is_known_before_and_a_shared_run_counts_once(laboratory):
    claims = [claim("two", of_mlps), claim("one", of_one)]
    work = still_to_train(claims, laboratory)
    assert laboratory.engine.trained == []
    for one in claims:
        measure(one, laboratory)
    assert set(work) == set(laboratory.engine.trained)
    assert len(work) == 4
    assert still_to_train(claims, laboratory) == {}


def test_work_follows_epochs_and_images(laboratory):
    def work(data, epochs):
        def train(lab):
            lab.train(lab.plan("mlp", data=data, epochs=epochs))

        return sum(still_to_train([claim("some", train)], laboratory).values())

    assert work("mnist-5k@600", 2) == pytest.approx(2 * work("mnist-5k@600", 1), rel=0.35)
    assert work("mnist-5k@600", 1) > work("mnist-5k@60", 1)


def test_every_claim_asks_for_all_its_runs_at_once(tmp_path):
    """Or the bar would not know of them. What is asked for after the first call would be missing from the rehearsal."""
    calls = []

    class Once(Laboratory):
        def _train(self, jobs, **options):
            calls.append(sum(map(len, jobs.values())))
            return super()._train(jobs, **options)

    laboratory = Once(
        data="mnist-5k", fashion="mnist-5k", seeds=(0,), epochs=1, folder=tmp_path / "runs", engine=Counting()
    )
    claims = [find_claim(name) for name in CLAIMS]
    work = still_to_train(claims, laboratory)
    assert laboratory.engine.trained == []
    assert len(calls) == sum(one.kind == "statistical" for one in claims) - 1  # dropout-mean trains nothing
    assert all(weight > 0 for weight in work.values())
    assert len(work) <= sum(calls)  # some are shared


#: Rehearsals of half a minute each: by `make test-long`.
LONG = ("dropout-regularises", "pooling-invariance", "small-data-overfits")


@pytest.mark.slow
@pytest.mark.usefixtures("small_trainings")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long) if name in LONG else name
        for name in CLAIMS
        if find_claim(name).kind == "statistical"
    ],
)
def test_the_rehearsal_misses_no_run(name, tmp_path):
    engine = Counting()
    laboratory = Laboratory(
        data="mnist-5k@400"
        if name in ("locality-matters", "lenet-digits", "cnn-beats-dense", "early-edges")
        else "mnist-5k",
        fashion="mnist-5k@400",
        seeds=(0,),
        epochs=1,
        folder=tmp_path / "runs",
        engine=engine,
        is_quick=True,
    )
    work = still_to_train([find_claim(name)], laboratory)
    find_claim(name).measure(replace(laboratory))
    assert set(engine.trained) == set(work)
