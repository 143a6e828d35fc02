"""Seeds trained together leave the same run folders as seeds trained one by one."""

from __future__ import annotations

import pytest
import torch

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import Batched, InProcess, Kind
from cnnlab.experiments.engines.choice import ENGINES, choose_engine
from cnnlab.experiments.variants import VARIANTS, own_variant
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

PLAN = Plan(
    net=NetSpec(name="conv-net", options={"widths": (4, 6), "hidden": 16}),
    data="mnist-5k@150",
    recipe="fast",
    epochs=2,
    changes={"precision": "fp32", "batch_size": 64},
)


BATCHED = Batched()


def jobs_in(folder, plan=PLAN, settings=(), seeds=(0, 1, 2), engine=BATCHED):
    variants = [VARIANTS["baseline"], *map(own_variant, settings)]
    jobs = make_jobs(contestants(plan, variants, seeds, load), folder, engine, data_root=None)
    return [job for of_variant in jobs.values() for job in of_variant]


def assert_like(job, other):
    """Same files, same steps, losses equal but for rounding, test accuracy but for a few of 500 images."""
    ours, theirs = open_run(job.path), open_run(other.path)
    assert {path.name for path in ours.path.iterdir()} == {path.name for path in theirs.path.iterdir()}
    assert len(ours.epochs()) == len(theirs.epochs())
    for one, two in zip(ours.epochs(), theirs.epochs(), strict=True):
        assert (one.epoch, one.steps, one.learning_rate) == (two.epoch, two.steps, two.learning_rate)
        assert one.training_loss == pytest.approx(two.training_loss, rel=1e-2)
        assert one.validation_loss == pytest.approx(two.validation_loss, rel=2e-2)
    assert ours.result().model_fields_set == theirs.result().model_fields_set
    assert ours.result().test.accuracy == pytest.approx(theirs.result().test.accuracy, abs=0.02)
    assert ours.test_openings() == 1
    assert ours.load_net().state_dict().keys() == theirs.load_net().state_dict().keys()
    assert {name: value.shape for name, value in ours.read_state()[0].items()} == {
        name: value.shape for name, value in theirs.read_state()[0].items()
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The oracle: the ordinary loop, one run after another."""
    jobs = jobs_in(tmp_path_factory.mktemp("alone"), settings=("dropout=0.5",))
    assert train_jobs(jobs, InProcess()) == []
    return {job.path.name: job for job in jobs}


def test_folders_are_those_of_the_ordinary_loop(tmp_path, alone):
    jobs = jobs_in(tmp_path, settings=("dropout=0.5",))
    shares, said = {}, []
    assert train_jobs(jobs, Batched(say=said.append), on_progress=shares.__setitem__) == []
    assert said == []
    assert set(shares.values()) == {1.0}
    for job in jobs:
        assert_like(job, alone[job.path.name])
        assert open_run(job.path).environment().trained_together == 3
    assert len({open_run(job.path).result().validation.loss for job in jobs}) == 6, "each run is its own"


@pytest.mark.parametrize("then", [Batched(), InProcess()], ids=["batched", "here"])
def test_stopped_together_they_go_on_by_any_engine(tmp_path, alone, then, monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    jobs, steps = jobs_in(tmp_path), []
    train_jobs(jobs, Batched(), on_progress=lambda *_: steps.append(1), should_stop=lambda: len(steps) >= 9)
    stands = [open_run(job.path).read_state()[1]["position"] for job in jobs]
    assert [(each["epoch"], each["step"]) for each in stands] == [(1, 1)] * 3
    assert train_jobs(jobs, then) == []
    for job in jobs:
        assert_like(job, alone[job.path.name])


def test_one_that_stands_elsewhere_goes_on_alone(tmp_path, alone, monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    jobs, steps = jobs_in(tmp_path), []
    train_jobs(jobs[:1], InProcess(), on_progress=lambda *_: steps.append(1), should_stop=lambda: len(steps) >= 1)
    assert train_jobs(jobs, Batched()) == []
    together = [open_run(job.path).environment().trained_together for job in jobs]
    assert together == [None, 2, 2]
    for job in jobs:
        assert_like(job, alone[job.path.name])


def test_more_seeds_than_fit_go_in_turns(tmp_path):
    jobs = jobs_in(tmp_path, plan=PLAN.model_copy(update={"epochs": 0.5}))
    assert train_jobs(jobs, Batched(most=2)) == []
    together = [open_run(job.path).environment().trained_together for job in jobs]
    assert together == [2, 2, None], "the last is alone, by the ordinary loop"


def test_one_that_diverges_is_said_and_the_others_go_on(tmp_path, alone, monkeypatch):
    from cnnlab.experiments import train_job

    reopen = train_job.reopen_run

    def spoilt(path, *args, **kwargs):
        run, net = reopen(path, *args, **kwargs)
        if run.config.seed == 1:
            with torch.no_grad():
                next(net.parameters()).fill_(float("inf"))
        return run, net

    monkeypatch.setattr(train_job, "reopen_run", spoilt)
    jobs = jobs_in(tmp_path)
    errors = train_jobs(jobs, Batched())
    assert [one.kind for one in errors] == [Kind.DIVERGED]
    assert "the loss became NaN or infinite in epoch 1" in errors[0].error
    assert str(jobs[1].path) in errors[0].error
    assert [job.is_finished for job in jobs] == [True, False, True]
    for job in (jobs[0], jobs[2]):
        assert_like(job, alone[job.path.name])


def test_what_cannot_go_together_is_trained_alone_and_said(tmp_path):
    said = []
    jobs = jobs_in(tmp_path, plan=PLAN.with_changes(patience=1), seeds=(0, 1))
    assert train_jobs(jobs, Batched(say=said.append)) == []
    assert all(job.is_finished for job in jobs)
    assert len(said) == 1
    assert said[0].startswith("2 seeds of conv-net-")
    assert "one by one: each may stop early" in said[0]


def test_a_damaged_folder_is_its_own_jobs_error(tmp_path):
    jobs = jobs_in(tmp_path, plan=PLAN.model_copy(update={"epochs": 0.5}))
    (jobs[1].path / "config.json").write_text("{")
    errors = train_jobs(jobs, Batched())
    assert len(errors) == 1
    assert "damaged" in errors[0].error
    assert [job.is_finished for job in jobs] == [True, False, True]


def test_auto_is_a_process_a_core_on_a_gpu_too(monkeypatch):
    def kinds():
        return {name: type(choose_engine(name, say=print)).__name__ for name in ENGINES if name != "ray"}

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert kinds() == {"auto": "Processes", "process": "Processes", "here": "InProcess", "batched": "Batched"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert kinds()["auto"] == "Processes"
