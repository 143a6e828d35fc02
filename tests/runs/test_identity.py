"""A run has one identity from its start to its end, and begins with nothing of another's."""

from __future__ import annotations

import json

import pytest
import torch
from tests.new_runs import make_run

from cnnlab.data import load
from cnnlab.errors import Stopped, UserError
from cnnlab.runs import execute
from cnnlab.runs.environment import environments_of
from cnnlab.runs.folder import _OF_A_RUN, require_free
from cnnlab.runs.identity import identity_of
from cnnlab.runs.keeping import DivergedRun
from cnnlab.runs.make import reopen_run

OWN = """
from torch import nn
from blocks import rate
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Dropout(rate), nn.Linear(784, 10))
    def forward(self, x):
        return self.layers(x)
"""


@pytest.fixture(scope="module")
def data():
    return load("mnist-5k@100")


def stopped(path, data, **what):
    """A run that was begun and stopped after an epoch."""
    run, net = make_run(path, data, **({"net": "mlp", "epochs": 2} | what))
    epochs = []
    with pytest.raises(Stopped):
        execute(run, net, data, on_epoch=epochs.append, should_stop=lambda: bool(epochs))
    return run


def contents(run):
    return {path.name: path.read_bytes() for path in run.path.iterdir()}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("torch", "1.13.0", "made with torch 1.13.0 (here"),
        ("cnnlab", "0.0.1", "made with cnnlab 0.0.1 (here"),
        ("numpy", "1.0", "made with numpy 1.0 (here"),
        ("precision", "bfloat16", "made with precision bfloat16 (here float32)"),
        ("device", "cuda", "made with device cuda (here cpu)"),
        ("threads", 7, "set OMP_NUM_THREADS=7"),
        ("seeds_together", 3, "made with seeds together 3 (here 1)"),
    ],
)
def test_a_run_of_another_identity_is_not_gone_on_with_and_nothing_is_overwritten(tmp_path, data, field, value, says):
    run = stopped(tmp_path / "run", data)
    record = run.environment().model_copy(update={field: value})
    run.write_environment(record)
    before = contents(run)
    with pytest.raises(UserError) as refused:
        execute(*reopen_run(run.path, data), data)
    assert says in str(refused.value)
    assert "expected one identity" in str(refused.value)
    assert contents(run) == before


def test_an_edited_neighbour_of_the_nets_file_is_another_identity(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "blocks.py").write_text("rate = 0.5\n")
    run = stopped(tmp_path / "run", data, net="mine.py:Net")
    assert set(run.environment().net_code) == {"mine.py", "blocks.py"}
    (tmp_path / "blocks.py").write_text("rate = 0.1\n")
    with pytest.raises(UserError, match=r"made with blocks\.py SHA-256 .* put the net's code back"):
        execute(*reopen_run(run.path, data, own_code="mine.py:Net"), data)
    (tmp_path / "blocks.py").write_text("rate = 0.5\n")
    assert execute(*reopen_run(run.path, data, own_code="mine.py:Net"), data) is not None


def test_code_edited_after_it_was_loaded_is_not_what_the_run_is_said_to_be_of(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "blocks.py").write_text("rate = 0.5\n")
    run, _ = make_run(tmp_path / "run", data, net="mine.py:Net", epochs=1)
    loaded = identity_of(run.config)
    (tmp_path / "blocks.py").write_text("rate = 0.1\n")
    assert identity_of(run.config) == loaded


def test_an_identity_that_was_promised_is_kept_or_refused(tmp_path, data):
    run, net = make_run(tmp_path / "run", data, net="mlp", epochs=1)
    promised = identity_of(run.config, threads=torch.get_num_threads() + 1)
    with pytest.raises(UserError, match=r"made with threads"):
        execute(run, net, data, promised=promised)
    assert [path.name for path in run.path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("name", _OF_A_RUN)
def test_what_is_left_of_a_run_is_no_place_for_a_new_one(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="holds files of a run without its config"):
        require_free(tmp_path)


def test_a_state_without_its_environment_is_refused(tmp_path, data):
    run = stopped(tmp_path / "run", data)
    (run.path / "environment.json").unlink()
    with pytest.raises(UserError, match=r"environment\.json is missing, and the run was begun"):
        execute(*reopen_run(run.path, data), data)


def test_a_run_that_diverged_says_so_again_and_trains_nothing(tmp_path, data):
    changes = {"optimizer": "sgd", "learning_rate": 1e20}
    run, net = make_run(tmp_path / "run", data, net="mlp", recipe_name="lesson", epochs=1, changes=changes)
    with pytest.raises(DivergedRun) as first:
        execute(run, net, data)
    record = json.loads((run.path / "diverged.json").read_text())
    assert (record["epoch"], record["learning_rate"], record["kept_epoch"]) == (1, 1e20, 0)
    before = contents(run)
    with pytest.raises(DivergedRun) as again:
        execute(*reopen_run(run.path, data), data, on_step=lambda _: pytest.fail("trained again"))
    assert str(again.value) == str(first.value)
    assert contents(run) == before
    (run.path / "diverged.json").write_text('{"epoch": "many"}')
    with pytest.raises(UserError, match=r"diverged\.json: epoch: got 'many'"):
        run.divergence()


def test_a_kill_between_the_opening_and_the_result_is_one_opening(tmp_path, data, monkeypatch):
    run, net = make_run(tmp_path / "run", data, net="mlp", epochs=1)

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("cnnlab.runs.executing.evaluate", die)
        with pytest.raises(KeyboardInterrupt):
            execute(run, net, data)
    assert run.test_openings() == 1
    execute(*reopen_run(run.path, data), data)
    assert (run.is_finished, run.test_openings()) == (True, 1)
    run.note_test_opening("cnnlab evaluate --data mnist-5k@100")
    assert run.test_openings() == 2


def test_environments_are_counted_and_the_node_is_none_of_them(tmp_path, data):
    runs = [stopped(tmp_path / str(number), data) for number in range(3)]
    runs[1].write_environment(runs[1].environment().model_copy(update={"ray_node": "abc", "host": "there"}))
    runs[2].write_environment(runs[2].environment().model_copy(update={"python": "2.7"}))
    found = environments_of(runs)
    assert [number for _, number in found] == [2, 1]
    assert found[1][0].python == "2.7"
    assert found[0][0] == runs[0].environment()
