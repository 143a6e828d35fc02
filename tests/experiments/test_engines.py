"""Engines: every job once, nothing lost, nothing trained twice."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import comparison, contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import InProcess, Kind, Processes
from cnnlab.experiments.variants import VARIANTS, own_variant
from cnnlab.runs import open_run
from cnnlab.runs.plan import Plan

PLAN = Plan(net=NetSpec(name="mlp"), data="mnist-5k@100", epochs=2)


HERE = InProcess()


def jobs_in(folder, plan=PLAN, settings=("dropout=0.5",), seeds=(0, 1), engine=HERE):
    variants = [VARIANTS["baseline"], *map(own_variant, settings)]
    found = contestants(plan, variants, seeds, load)
    return found, make_jobs(found, folder, engine, data_root=None)


def flat(jobs):
    return [job for of_variant in jobs.values() for job in of_variant]


@pytest.mark.slow
def test_both_engines_train_every_job(tmp_path):
    results = []
    for name, engine in (("here", InProcess()), ("there", Processes(workers=2))):
        found, jobs = jobs_in(tmp_path / name, engine=engine)
        shares = {}
        assert train_jobs(flat(jobs), engine, on_progress=shares.__setitem__) == []
        assert set(shares.values()) == {1.0}
        results.append(comparison(found, jobs))
    here, there = results
    # Threads change the order of sums and with it the last digits, so accuracies may differ by an image or two.
    for one, other in zip(here.variants, there.variants, strict=True):
        assert one.test == pytest.approx(other.test, abs=0.01)


@pytest.mark.slow
def test_no_worker_takes_a_file_in_the_current_folder_for_a_module(tmp_path, monkeypatch):
    for name in ("pickle", "random", "struct"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was imported')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])  # as the command line has it
    engine = Processes(workers=2)
    _, jobs = jobs_in(tmp_path / "a", seeds=(0,), engine=engine)
    assert train_jobs(flat(jobs), engine) == []
    assert not (tmp_path / "was imported").exists()


def test_what_is_finished_is_not_trained_again(tmp_path):
    _, jobs = jobs_in(tmp_path)
    train_jobs(flat(jobs), InProcess())
    written = {job.path: (job.path / "result.json").stat().st_mtime_ns for job in flat(jobs)}
    _, again = jobs_in(tmp_path, settings=("dropout=0.5", "dropout=0.25"))
    assert [job.is_finished for job in flat(again)] == [True] * 4 + [False] * 2
    train_jobs(flat(again), InProcess())
    for path, when in written.items():
        assert (path / "result.json").stat().st_mtime_ns == when


def test_the_hash_knows_every_field_and_no_place(tmp_path):
    _, first = jobs_in(tmp_path / "a")
    _, second = jobs_in(tmp_path / "b")
    assert [job.path.name for job in flat(first)] == [job.path.name for job in flat(second)]
    _, other = jobs_in(tmp_path / "c", plan=PLAN.with_changes(weight_decay=1e-5))
    assert not {job.path.name for job in flat(first)} & {job.path.name for job in flat(other)}


def test_stopping_keeps_what_is_there_and_the_rest_goes_on(tmp_path):
    _, jobs = jobs_in(tmp_path)
    done = []

    def on_progress(job, share):
        if share == 1.0:
            done.append(job)

    train_jobs(flat(jobs), InProcess(), on_progress=on_progress, should_stop=lambda: len(done) >= 2)
    assert [job.is_finished for job in flat(jobs)].count(True) == 2
    assert train_jobs(flat(jobs), InProcess()) == []
    assert all(job.is_finished for job in flat(jobs))


def test_a_run_that_fails_is_said_and_the_others_go_on(tmp_path):
    _, jobs = jobs_in(tmp_path, settings=("learning-rate=1e30",), seeds=(0,), engine=Processes(workers=1))
    errors = train_jobs(flat(jobs), Processes(workers=1))
    assert [one.kind for one in errors] == [Kind.DIVERGED]
    assert "loss became NaN or infinite" in errors[0].error
    assert [job.is_finished for job in flat(jobs)] == [True, False]


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_own_job_only_and_that_is_gone_on_with(tmp_path):
    engine = Processes(workers=2)
    longer = PLAN.model_copy(update={"data": "mnist-5k@1000", "epochs": 6.0})
    _, jobs = jobs_in(tmp_path, plan=longer, seeds=(0, 1), engine=engine)
    killed = []

    def on_progress(job, share):
        if not killed and 0 < share < 1:
            worker = next(child for child in _children() if child)
            killed.append(worker)
            os.kill(worker, signal.SIGKILL)

    assert train_jobs(flat(jobs), engine, on_progress=on_progress) == []
    assert killed
    assert all(job.is_finished for job in flat(jobs))
    for job in flat(jobs):
        assert [record.epoch for record in open_run(job.path).epochs()] == [1, 2, 3, 4, 5, 6]


@pytest.mark.slow
def test_no_worker_is_left_behind(tmp_path):
    _, jobs = jobs_in(tmp_path, seeds=(0,))
    before = set(_children())
    train_jobs(flat(jobs), Processes(workers=2), should_stop=lambda: True)
    deadline = time.monotonic() + 10
    while set(_children()) - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not set(_children()) - before


def _children():
    """Processes that multiprocessing started from here."""
    from multiprocessing import active_children

    return [child.pid for child in active_children()]
