"""The moments that a training keeps: where they should be, what they should hold, and no change of any figure."""

from __future__ import annotations

import pytest
import torch
from tests.new_runs import make_run

from cnnlab.data import load
from cnnlab.errors import Stopped
from cnnlab.runs import execute, open_run
from cnnlab.runs.checkpoints import checkpoint_steps, read_checkpoints
from cnnlab.runs.make import reopen_run
from cnnlab.training.loop import fit
from cnnlab.training.state import start

NET = "lenet5"


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k@1000")


def make(path, data):
    return make_run(path, data, net=NET, recipe_name="lesson", epochs=2, changes={"precision": "fp32"})


def trained(path, data, **options):
    run, net = make(path, data)
    return run, execute(run, net, data, **options)


@pytest.fixture(scope="module")
def kept(data, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("kept") / "run", data, keeps_checkpoints=True)


def test_the_kept_nets_are_those_of_their_steps(kept, data, tmp_path):
    run, _ = kept
    checkpoints = read_checkpoints(run)
    total = checkpoints[0].total_steps
    assert [each.step for each in checkpoints] == sorted(checkpoint_steps(total))
    assert checkpoints[0].step == 0
    # Again by hand, stopped at every step that was kept.
    _, net = make(tmp_path / "again", data)
    state = start(net, run.config.training, seed=run.config.seed)
    weights = {0: {name: value.clone() for name, value in net.state_dict().items()}}

    def note(step):
        weights[step.step] = {name: value.clone() for name, value in net.state_dict().items()}

    for _ in fit(state, data, run.config.training, on_step=note, milestones=range(total)):
        pass
    for checkpoint in checkpoints:
        for name, value in weights[checkpoint.step].items():
            torch.testing.assert_close(checkpoint.weights[name], value, rtol=2**-11, atol=1e-7)


def test_keeping_them_changes_no_figure(kept, data, tmp_path):
    run, result = kept
    without, plain = trained(tmp_path / "run", data)
    assert plain.test == result.test
    for name, value in without.weights().items():
        assert torch.equal(value, run.weights()[name])
    assert read_checkpoints(without) == []


def test_a_run_that_was_stopped_comes_to_hold_the_same(kept, data, tmp_path):
    run, net = make(tmp_path / "run", data)
    steps = []

    def on_step(step):
        steps.append(step.step)

    asked = {"keeps_checkpoints": True, "on_step": on_step}
    with pytest.raises(Stopped):
        execute(run, net, data, should_stop=lambda: bool(steps), **asked)
    again, net = reopen_run(run.path, data)
    execute(again, net, data, **asked)
    for ours, theirs in zip(read_checkpoints(open_run(run.path)), read_checkpoints(kept[0]), strict=True):
        assert (ours.step, ours.total_steps) == (theirs.step, theirs.total_steps)
        for name, value in theirs.weights.items():
            assert torch.equal(ours.weights[name], value)


def test_what_half_precision_cannot_hold_is_kept_whole(data, tmp_path):
    run, net = make(tmp_path / "run", data)
    name, parameter = next(net.named_parameters())
    with torch.no_grad():
        parameter.view(-1)[0] = 1e6
    with pytest.raises(Stopped):
        execute(run, net, data, keeps_checkpoints=True, should_stop=lambda: True)
    first = read_checkpoints(run)[0]
    assert first.weights[name].view(-1)[0] == 1e6
