"""What TensorBoard reads of a run is what the run's own records say, each step once."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tests.new_runs import make_run

from cnnlab.data import load
from cnnlab.errors import Stopped, UserError
from cnnlab.runs import execute
from cnnlab.runs.make import reopen_run

TAGS = {
    "loss/training": "training_loss",
    "loss/training_measured": "remeasured_loss",
    "loss/validation": "validation_loss",
    "accuracy/training": "training_accuracy",
    "accuracy/training_measured": "remeasured_accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
}


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k@500")


def events(run):
    accumulator = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    return accumulator


def require_same_figures(run):
    found = events(run)
    records = run.epochs()
    assert records
    for tag, field in TAGS.items():
        scalars = found.Scalars(tag)
        assert [each.step for each in scalars] == [record.epoch for record in records], tag
        # An event holds 32 bits.
        assert [each.value for each in scalars] == pytest.approx([getattr(each, field) for each in records], rel=1e-6)
    return found


def test_events_are_the_run_s_records(data, tmp_path):
    run, net = make_run(tmp_path / "run", data, net="mlp", epochs=3)
    result = execute(run, net, data, tensorboard=True)
    found = require_same_figures(run)
    assert set(found.Tags()["scalars"]) == {*TAGS, "test/accuracy", "test/loss"}
    for name in ("accuracy", "loss"):
        (test,) = found.Scalars(f"test/{name}")
        assert test.value == pytest.approx(getattr(result.test, name), rel=1e-6)
        assert test.step == result.best_epoch
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    decided = HParamsPluginData.FromString(content).session_start_info.hparams
    assert decided["net"].string_value == "mlp"
    assert decided["learning_rate"].number_value == run.config.training.learning_rate
    assert decided["shift"].number_value == run.config.training.augmentation.shift


def test_going_on_repeats_no_step_and_leaves_none_out(data, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnlab.training.loop.STEP_INTERVAL_S", 0.0)
    run, net = make_run(tmp_path / "run", data, net="mlp", epochs=4)
    stopped = []
    with pytest.raises(Stopped):
        execute(run, net, data, tensorboard=True, on_epoch=stopped.append, should_stop=lambda: len(stopped) == 2)
    assert len(require_same_figures(run).Scalars("learning_rate")) == 2
    # A kill after an epoch's record and before its state: the epoch will be trained again.
    run.write_epoch(replace(stopped[-1], epoch=3, validation_loss=7.0))
    run, net = reopen_run(run.path, data)
    execute(run, net, data, tensorboard=True)
    assert len(require_same_figures(run).Scalars("learning_rate")) == 4


def test_a_run_that_began_or_ended_without_gets_all_of_them(data, tmp_path):
    run, net = make_run(tmp_path / "run", data, net="mlp", epochs=2)
    execute(run, net, data)
    assert not (run.path / "tensorboard").exists()
    execute(run, net, data, tensorboard=True)
    found = require_same_figures(run)
    assert found.Scalars("test/accuracy")[0].value == pytest.approx(run.result().test.accuracy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_in_its_place_is_refused_and_not_waited_for(data, tmp_path):
    run, net = make_run(tmp_path / "run", data, net="mlp", epochs=1)
    os.mkfifo(run.path / "tensorboard")
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for somebody who writes"))
    signal.alarm(30)
    try:
        with pytest.raises(UserError, match="tensorboard"):
            execute(run, net, data, tensorboard=True)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_figures_do_not_depend_on_who_watches(data, tmp_path):
    figures = []
    for watched in (False, True):
        run, net = make_run(tmp_path / str(watched), data, net="mlp", epochs=2)
        figures.append(execute(run, net, data, tensorboard=watched).test)
    assert figures[0] == figures[1]
