"""A run folder: whole files, damage said in plain words, and a way on from every stop."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from tests.new_runs import make_run

from cnnlab.data import load
from cnnlab.errors import Stopped, UserError
from cnnlab.runs import execute, open_run
from cnnlab.runs.folder import create_run
from cnnlab.runs.make import reopen_run
from cnnlab.whole_files import append_line, write_whole

SMALL = {"net": "lenet5", "epochs": 1.5, "changes": {"batch_size": 200}}


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k")


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    run, net = make_run(tmp_path_factory.mktemp("runs") / "a", data, **SMALL)
    execute(run, net, data)
    return run


def timeless(run):
    records = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in record.items() if not k.endswith("time_s")} for record in records]


def test_a_finished_run_says_what_it_was(finished, data):
    run = open_run(finished.path)
    assert run.config == finished.config
    assert run.config.data.sha256 == data.sha256
    assert run.config.data.mean == data.mean
    assert run.config.training.batch_size == 200
    result = run.result()
    assert json.loads((run.path / "result.json").read_text()) == result.model_dump(mode="json")
    assert result.parameters == 61_706
    assert result.epochs_run == 2 == len(run.epochs())
    assert run.evaluations()["test"].accuracy == result.test.accuracy
    assert run.test_openings() == 1
    assert {"torch", "python", "threads", "device_name"} <= set(run.environment().to_json())
    names = {path.name for path in run.path.iterdir()}
    assert not any(name.startswith(".") or name.endswith(".part") for name in names)


def test_the_kept_net_is_the_one_that_was_measured(finished, data):
    from cnnlab.evaluation import evaluate, logits

    answers = logits(finished.load_net(), data.test.images, mean=data.mean, std=data.std)
    again = evaluate(answers, data.test.labels, classes=data.classes)
    assert again == finished.evaluations()["test"]


def test_a_stopped_run_goes_on_to_the_same_figures(finished, data, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    run, net = make_run(tmp_path / "b", data, **SMALL)
    steps = []
    with pytest.raises(Stopped, match="keeps where the training stands"):
        execute(run, net, data, on_step=steps.append, should_stop=lambda: len(steps) == 7)
    assert not run.is_finished
    with pytest.raises(UserError, match="not finished; go on with"):
        run.result()
    run, net = reopen_run(run.path, data, requested={"net": "lenet5", "batch_size": 200})
    execute(run, net, data)
    assert timeless(run) == timeless(finished)
    assert run.result().test == finished.result().test


KILLED = """
import sys
from pathlib import Path
from cnnlab.data import load
from cnnlab.config import NetSpec
from cnnlab.runs import execute
from cnnlab.runs.make import make_run
from cnnlab.runs.plan import Plan
data = load("mnist-5k")
plan = Plan(net=NetSpec(name="lenet5"), data="mnist-5k", recipe="fast", epochs=1.5, changes={"batch_size": 200})
run, net = make_run(Path(sys.argv[1]), plan, data)
execute(run, net, data, on_epoch=lambda _: print("epoch", flush=True) or __import__("time").sleep(60))
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_figures(finished, data, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "c")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "epoch\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with (tmp_path / "c" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "ste')  # as a kill in the middle of a line leaves it
    run, net = reopen_run(tmp_path / "c", data)
    execute(run, net, data)
    assert timeless(run) == timeless(finished)
    assert run.result().test == finished.result().test


def test_a_finished_run_is_not_trained_again(finished, data):
    run, net = reopen_run(finished.path, data)
    before = {path: path.stat().st_mtime_ns for path in run.path.iterdir()}
    assert execute(run, net, data) == finished.result()
    kept = finished.weights()
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items()), "the net is the trained one"
    assert {path: path.stat().st_mtime_ns for path in run.path.iterdir()} == before


def test_divergence_keeps_the_last_good_state(data, tmp_path):
    run, net = make_run(
        tmp_path / "d",
        data,
        net="mlp",
        epochs=2,
        recipe_name="lesson",
        changes={"optimizer": "sgd", "learning_rate": 1e20},
    )
    with pytest.raises(UserError, match=r"the loss became NaN or infinite in epoch 1 .* keeps its start"):
        execute(run, net, data)
    state, _ = run.read_state()
    assert all(torch.isfinite(value).all() for name, value in state.items() if name.startswith("net."))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"seed": 5}, "--seed is 5, but the run there has 0"),
        ({"epochs": 3.0}, "--epochs is 3.0, but the run there has 1.5"),
        ({"shift": 2}, "--shift is 2, but the run there has"),
        ({"net": "mlp"}, "--net is mlp, but the run there has lenet5"),
        ({"output": "rbf"}, "--output is rbf, but the run there left it at the net's default"),
    ],
)
def test_a_run_cannot_change_on_its_way(finished, data, said, says):
    with pytest.raises(UserError, match=says):
        reopen_run(finished.path, data, requested=said)


def test_other_images_under_the_same_name_are_refused(finished, data):
    import dataclasses

    with pytest.raises(UserError, match="has changed since the run began"):
        reopen_run(finished.path, dataclasses.replace(data, sha256="0" * 64))


def test_a_taken_folder_is_refused(finished, data, tmp_path):
    with pytest.raises(UserError, match="already holds a run"):
        create_run(finished.path, finished.config)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file; expected a folder"):
        create_run(tmp_path / "file", finished.config)


def test_nothing_is_written_before_all_is_checked(data, tmp_path):
    with pytest.raises(UserError, match="learning_rate"):
        make_run(tmp_path / "e", data, net="mlp", changes={"learning_rate": -1})
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("config.json", b"{", "config.json is damaged"),
        ("config.json", b"{}", "config.json: net"),
        ("weights.safetensors", b"PK\x03\x04 not a safetensors file", "weights.safetensors is damaged"),
        ("weights.safetensors", None, "weights.safetensors is missing"),
    ],
)
def test_damage_is_said(finished, tmp_path, file, content, says):
    import shutil

    path = tmp_path / "copy"
    shutil.copytree(finished.path, path)
    (path / file).unlink()
    if content is not None:
        (path / file).write_bytes(content)
    with pytest.raises(UserError, match=says):
        open_run(path).load_net()


def test_a_misspelt_key_in_a_config_is_an_error(finished, tmp_path):
    path = tmp_path / "copy"
    path.mkdir()
    config = json.loads((finished.path / "config.json").read_text())
    config["training"]["lerning_rate"] = 1
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"unknown key training\.lerning_rate"):
        open_run(path)


def test_no_run_there(tmp_path):
    with pytest.raises(UserError, match="does not exist; expected a run folder"):
        open_run(tmp_path / "absent")
    with pytest.raises(UserError, match="holds no run"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "no space left on device; free some space"), (errno.EROFS, "read-only")]
)
def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path, monkeypatch, code, says):
    path = tmp_path / "weights"
    path.write_bytes(b"old")

    def refuse(_descriptor):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UserError, match=says):
        write_whole(path, b"new")
    with pytest.raises(UserError, match=says):
        append_line(path, "more")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["weights"]


def test_a_long_epoch_is_saved_on_the_way(data, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    monkeypatch.setattr("cnnlab.runs.keeping.SAVE_INTERVAL_S", 0.0)
    run, net = make_run(tmp_path / "f", data, net="lenet5", epochs=1, changes={"batch_size": 200})

    def die(step):
        if step.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(run, net, data, on_step=die)
    _, record = run.read_state()
    assert record["position"]["step"] == 5


@pytest.mark.parametrize(
    ("file", "spoil", "says"),
    [
        (
            "result.json",
            lambda record: record["test"].pop("accuracy"),
            "result.json: test.accuracy is missing; expected",
        ),
        ("result.json", lambda record: record.update(parameters="many"), "result.json: parameters: got 'many'; input"),
        ("result.json", lambda record: record.update(epoch_run=2), "unknown key epoch_run; did you mean epochs_run"),
        ("evaluation.json", lambda record: record["test"].pop("ece"), "evaluation.json: test: ece is missing"),
        (
            "evaluation.json",
            lambda record: record["validation"]["mistakes"].append({"index": "first"}),
            "evaluation.json: validation: mistakes.",
        ),
        (
            "environment.json",
            lambda record: record.update(threads=0),
            "environment.json: threads: got 0; input should be",
        ),
        ("environment.json", lambda record: record.pop("torch"), "environment.json: torch is missing"),
    ],
)
def test_a_damaged_record_is_told_in_one_line_with_its_field(finished, tmp_path, file, spoil, says):
    path = tmp_path / "run"
    shutil.copytree(finished.path, path)
    record = json.loads((path / file).read_text())
    spoil(record)
    (path / file).write_text(json.dumps(record))
    run = open_run(path)
    read = {"result.json": run.result, "evaluation.json": run.evaluations, "environment.json": run.identity}[file]
    with pytest.raises(UserError, match=re.escape(says)) as told:
        read()
    assert "\n" not in str(told.value)
