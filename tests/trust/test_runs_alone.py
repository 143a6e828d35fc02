"""A run is trained by one process at a time, in its own folder alone; experiments wait for what others train."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import pytest
import torch
from tests.new_runs import make_run, plan_of

from cnnlab import load
from cnnlab.data.shared import SharingFolder
from cnnlab.errors import UserError
from cnnlab.experiments import compare
from cnnlab.experiments.compare import train_jobs
from cnnlab.experiments.engines.batched import Batched
from cnnlab.experiments.engines.here import InProcess
from cnnlab.experiments.make_job import make_job
from cnnlab.experiments.samplers import Optuna
from cnnlab.experiments.space import FieldValues
from cnnlab.one_writer import InUse, one_writer
from cnnlab.runs import execute, open_run
from cnnlab.runs.board import EventFiles
from cnnlab.runs.executing_together import execute_together
from cnnlab.runs.folder import HoldsRun, create_run
from cnnlab.runs.make import reopen_run
from cnnlab.workflows.handout import hand_out

TINY = {"net": "mlp", "net_options": {"hidden": (4,)}, "epochs": 2, "recipe_name": "lesson"}


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    """`on_step` is called after each."""
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)


@pytest.fixture(scope="module")
def images():
    return load("mnist-5k@100")


@pytest.fixture(scope="module")
def finished(images, tmp_path_factory):
    run, net = make_run(tmp_path_factory.mktemp("runs") / "one", images, **TINY)
    execute(run, net, images)
    return run


@pytest.fixture
def run(finished, tmp_path):
    return open_run(shutil.copytree(finished.path, tmp_path / "run"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_trainings_of_one_run_are_one(images, tmp_path, cnnlab):
    run, net = make_run(tmp_path / "run", images, **TINY)
    said = []

    def second(step):
        if step.step == 3:
            before = files(run.path)
            with pytest.raises(InUse, match="is being trained by process"):
                execute(*reopen_run(run.path, images), images)
            outcome = cnnlab("train", "mlp", "--out", run.path, "--resume")
            assert files(run.path) == before
            said.append(outcome)

    execute(run, net, images, on_step=second)
    assert [epoch.epoch for epoch in run.epochs()] == [1, 2]
    assert said[0].code == 2
    assert "is being trained by process" in said[0].err.splitlines()[-1]
    assert not [name for name in files(run.path) if name.startswith(".")]


def test_a_lock_that_a_kill_left_after_the_result_goes_with_the_next_training(run, images):
    (run.path / ".lock").write_text("1 elsewhere\n")
    execute(*reopen_run(run.path, images), images)
    assert not (run.path / ".lock").exists()
    with one_writer(run.path, being="measured"):
        execute(*reopen_run(run.path, images), images)
        assert (run.path / ".lock").exists()


def test_a_lock_that_a_kill_left_after_the_result_goes_with_the_next_experiment(images, finished, tmp_path):
    identity = finished.identity()
    job = make_job(tmp_path, finished.config, identity)
    shutil.rmtree(job.path)
    shutil.copytree(finished.path, job.path)
    (job.path / ".lock").write_text("1 elsewhere\n")
    assert make_job(tmp_path, finished.config, identity) == job
    assert not (job.path / ".lock").exists()


def test_what_a_killed_experiment_shared_goes_with_the_next(images, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import os; from cnnlab.data.shared import SharingFolder; SharingFolder(); os._exit(9)"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False)
    (left,) = tmp_path.iterdir()
    living, other = SharingFolder(), SharingFolder()
    assert set(tmp_path.iterdir()) == {living.path, other.path}
    assert left not in (living.path, other.path)
    assert torch.equal(living.share(images).open().test.images, images.test.images)
    living.close()
    other.close()
    assert not list(tmp_path.iterdir())


def test_trainings_together_leave_alone_what_another_process_trains(images, tmp_path):
    members = [make_run(tmp_path / f"s{seed}", images, seed=seed, **TINY) for seed in (0, 1)]
    before = files(tmp_path)
    with members[1][0].alone(), pytest.raises(InUse, match="s1 is being trained"):
        list(execute_together(members, images, promised={}))
    assert files(tmp_path) == before


def test_a_run_that_is_deleted_while_it_is_trained_does_not_come_back(images, tmp_path):
    run, net = make_run(tmp_path / "run", images, **TINY)

    def delete(step):
        if step.step == 3:
            shutil.rmtree(run.path)

    with pytest.raises(UserError, match="run is gone"):
        execute(run, net, images, on_step=delete, keeps_checkpoints=True)
    assert not run.path.exists()
    with pytest.raises(UserError, match="run is gone"):
        run.write_report("page")
    assert not run.path.exists()


def test_a_run_made_anew_in_the_folder_is_not_written_by_the_old_training(images, tmp_path):
    run, net = make_run(tmp_path / "run", images, **TINY)

    def begin_anew(step):
        if step.step == 3:
            shutil.rmtree(run.path)
            make_run(run.path, images, seed=5, **TINY)

    with pytest.raises(UserError, match="run is gone"):
        execute(run, net, images, on_step=begin_anew)
    assert list(files(run.path)) == ["config.json"]


def test_of_two_who_make_a_run_one_makes_it(finished, images, tmp_path, monkeypatch, cnnlab):
    monkeypatch.setattr("cnnlab.runs.folder.require_free", lambda _path: None)  # both found it free
    create_run(tmp_path / "run", finished.config)
    with pytest.raises(HoldsRun, match="already holds a run"):
        create_run(tmp_path / "run", finished.config)
    monkeypatch.chdir(tmp_path)
    taken = iter(["mlp-mnist-5k@100-1", "mlp-mnist-5k@100-2"])
    create_run(Path("runs") / "mlp-mnist-5k@100-1", finished.config)
    monkeypatch.setattr("cnnlab.cli.train._free_folder", lambda *_: Path("runs") / next(taken))
    assert cnnlab("train", "mlp", "--data", "mnist-5k@100", "--epochs", 1, "--json").result["run"].endswith("-2")


@pytest.mark.parametrize("name", ["runs/mistyped", ""])
def test_a_run_that_is_not_there_is_not_gone_on_with(cnnlab, tmp_path, name):
    outcome = cnnlab("train", "mlp", "--data", "mnist-5k@100", "--out", tmp_path / name, "--resume")
    assert outcome.code == 2
    assert str(tmp_path / name) in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


#: What of a run folder leads out of it → what then writes there.
LINKS = {
    "test-openings.jsonl": lambda run: run.note_test_opening("cnnlab evaluate"),
    "metrics.jsonl": lambda run: run.write_epoch(run.epochs()[0]),
    "report.html": lambda run: run.write_report("page"),
    "look": lambda run: run.write("look/index.html", b"page"),
    "checkpoints": lambda run: run.write_tensors("checkpoints/1.safetensors", {}, {}),
    "tensorboard": EventFiles,
    "net.onnx": lambda run: run.place("net.onnx"),
    "saved.json": lambda run: run.write_record("saved.json", {}),
}


@pytest.mark.parametrize("name", LINKS)
def test_links_in_a_run_folder_are_not_followed(run, tmp_path, name):
    if name == "tensorboard":
        pytest.importorskip("tensorboard")
    outside = tmp_path / "outside"
    if Path(name).suffix:
        outside.write_bytes((run.path / name).read_bytes() if (run.path / name).exists() else b"mine")
    else:
        outside.mkdir()
        (outside / "index.html").write_text("mine")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(outside)
    before = files(tmp_path)
    with pytest.raises(UserError, match="is a link that leads out of"):
        LINKS[name](run)
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", ["runs", "index.html", "comparison.json"])
def test_links_in_a_comparisons_folder_are_not_followed(cnnlab, tmp_path, name):
    out, outside = tmp_path / "compare", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / name).symlink_to(outside if name == "runs" else outside / "page")
    few = ["--data", "mnist-5k@100", "--epochs", 1, "--seeds", 1, "--net", "mlp"]
    outcome = cnnlab("compare", "--variants", "learning_rate=0.01", *few, "--out", out, "--engine", "here")
    assert outcome.code == 2, outcome.err
    assert "leads out of" in outcome.err
    assert not list(outside.iterdir())


@pytest.mark.parametrize("engine", [InProcess(), Batched()], ids=["in-process", "batched"])
def test_what_another_process_trains_is_waited_for_and_taken(images, tmp_path, monkeypatch, engine):
    monkeypatch.setattr(compare, "WAIT_S", 0.01)
    plans = [plan_of(images, "mlp", **{k: v for k, v in TINY.items() if k != "net"})]
    configs = [plan.meet(images, seed)[0] for plan in plans for seed in (0, 1, 2)]
    jobs = [make_job(tmp_path, config, engine.identity(config)) for config in configs]
    dies, finishes = jobs[0], jobs[1]
    ready, seen = threading.Event(), []

    def train_elsewhere() -> None:
        run, net = reopen_run(finishes.path, images)
        with open_run(dies.path).alone():
            execute(run, net, images, on_step=wait, promised=finishes.identity)
            while not jobs[2].is_finished:
                time.sleep(0.01)

    def wait(step) -> None:
        ready.set()
        while not jobs[2].is_finished:  # which the other does not train
            time.sleep(0.01)

    other = threading.Thread(target=train_elsewhere)
    other.start()
    assert ready.wait(60)
    wrong = train_jobs(jobs, engine, on_progress=lambda job, share: share == 1 and seen.append(job))
    other.join()
    assert not wrong
    assert seen[0] == jobs[2]
    assert all(job.is_finished for job in jobs)
    assert all([epoch.epoch for epoch in open_run(job.path).epochs()] == [1, 2] for job in jobs)
    assert open_run(finishes.path).test_openings() == 1


def test_waiting_for_another_process_stops_when_asked_to(images, tmp_path, monkeypatch):
    monkeypatch.setattr(compare, "WAIT_S", 0.01)
    config = plan_of(images, "mlp").meet(images, 0)[0]
    job = make_job(tmp_path, config, InProcess().identity(config))
    until = time.monotonic() + 0.2
    with open_run(job.path).alone():
        assert not train_jobs([job], InProcess(), should_stop=lambda: time.monotonic() > until)
    assert not job.is_finished


@pytest.mark.parametrize(
    "command",
    [
        ["sweep", "--widths", "2", "4", "--data", "mnist-5k@100", "--epochs", "1", "--seeds", "1"],
        ["claims", "output-size", "--quick"],
        ["lesson"],
    ],
    ids=lambda command: command[0],
)
def test_an_experiment_with_one_record_has_one_writer(cnnlab, tmp_path, command):
    with one_writer(tmp_path, being="written"):
        before = files(tmp_path)
        outcome = cnnlab(*command, "--out", tmp_path)
        assert files(tmp_path) == before
    assert outcome.code == 2
    assert f"{tmp_path} is being written by process" in outcome.err.splitlines()[-1]


def test_weights_that_are_being_trained_again_are_not_let_go(run):
    run.write_report("page")
    with run.alone():
        run.let_go_of_weights()
        assert run.has_weights
    run.let_go_of_weights()
    assert not run.has_weights


def test_a_handout_takes_nothing_from_outside_its_lesson(tmp_path):
    lesson = tmp_path / "lesson"
    lesson.mkdir()
    (tmp_path / "private.html").write_text("mine")
    (lesson / "linked.html").symlink_to(tmp_path / "private.html")
    (lesson / "own.html").write_text("own")
    pages = ("../private.html", "linked.html", "own.html")
    (lesson / "index.html").write_text("".join(f'<a href="{page}">page</a>' for page in pages))
    with zipfile.ZipFile(hand_out(lesson, {}).path) as archive:
        assert archive.namelist() == ["lesson/index.html", "lesson/own.html"]


def test_a_search_goes_on_after_a_journal_that_a_kill_cut_short(tmp_path):
    pytest.importorskip("optuna")
    journal, fields = tmp_path / "optuna.log", [FieldValues("dropout", ("0", "0.5", "0.9"))]
    first = Optuna(fields, trials=1, journal=journal, key="k").ask()
    whole = journal.read_text()
    journal.write_text(whole + '{"op_code": 4, "wor')
    again = Optuna(fields, trials=1, journal=journal, key="k")
    assert again.ask() == first
    again.tell({first[0]: 0.5})
    assert Optuna(fields, trials=1, journal=journal, key="k").ask() == first
