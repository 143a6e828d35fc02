"""`cnnlab sweep`: the space, the race, the front, the proposals, and from the command to the winner."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise, product
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cnnlab import load
from cnnlab.config import NetSpec
from cnnlab.experiments.compare import contestants
from cnnlab.experiments.engines import InProcess
from cnnlab.experiments.race import clearly_behind, race
from cnnlab.experiments.samplers import TOGETHER, Optuna
from cnnlab.experiments.space import combinations, point_variants, read_space
from cnnlab.experiments.statistics import mean_difference
from cnnlab.experiments.sweep import pareto_front
from cnnlab.experiments.trainer import Trainer
from cnnlab.runs.plan import Plan

PLAN = Plan(net=NetSpec(name="mlp"), data="mnist-5k@120", epochs=2)
SWEEP = ("sweep", "--net", "mlp", "--train-size", "150", "--epochs", "2", "--engine", "here")


@pytest.fixture(autouse=True)
def one_thread():
    """Beside a busy neighbour two threads take five times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# The space


def test_every_combination_is_a_point_and_single_values_are_fixed():
    settings = ["widths=8,16", "widths=16,32", "kernel-size=3", "kernel_size=5", "dropout=0.25", "learning-rate=1e-3"]
    base, fields = read_space(Plan(net=NetSpec(name="conv-net"), data="mnist-5k"), [*settings, "3e-3"])
    assert base.net.options == {"dropout": 0.25}
    found = [one.change(base) for one in point_variants(fields)]
    expected = list(product([(8, 16), (16, 32)], [3, 5], [1e-3, 3e-3]))
    assert [
        (plan.net.options["widths"], plan.net.options["kernel_size"], plan.changes["learning_rate"]) for plan in found
    ] == expected
    assert [one.name for one in point_variants(fields)][1] == "widths=8,16 kernel-size=3 learning-rate=3e-3"


# The front


figures = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=12)


@given(figures)
def test_nobody_dominates_the_front_and_everybody_else_is_dominated(found):
    front = set(pareto_front(found))

    def is_dominated(one):
        return any(accuracy >= one[0] and cost <= one[1] and (accuracy, cost) != tuple(one) for accuracy, cost in found)

    assert front == {index for index, one in enumerate(found) if not is_dominated(one)}


@given(figures)
def test_the_front_goes_from_cheap_to_dear(found):
    front = [found[index] for index in pareto_front(found)]
    assert front == sorted(front, key=lambda one: (one[1], one[0]))


# The race


def test_equally_good_points_are_hardly_ever_pruned_and_a_bad_one_is():
    generator = np.random.default_rng(0)
    pruned, images, seeds = 0, 500, 2
    for _ in range(300):
        reached = {
            name: [generator.binomial(images, 0.95 + generator.normal(0, 0.005)) / images for _ in range(seeds)]
            for name in "abcdef"
        }
        pruned += len(clearly_behind(reached, images=images))
        assert "bad" in clearly_behind(reached | {"bad": [0.80, 0.81]}, images=images)
    assert pruned / (300 * 6) < 0.05


def test_a_wide_spread_over_seeds_saves_a_point_that_a_narrow_one_would_not():
    narrow = {"a": [0.950, 0.951], "b": [0.900, 0.901], "c": [0.949, 0.950]}
    wide = {"a": [0.99, 0.911], "b": [0.861, 0.94], "c": [0.90, 0.999]}
    assert clearly_behind(narrow, images=5000) == {"b"}
    assert clearly_behind(wide, images=5000) == set()


def test_no_spread_and_all_right_is_not_taken_for_certainty():
    assert clearly_behind({"a": [1.0, 1.0], "b": [0.98, 0.98]}, images=50) == set()


def raced(tmp_path, settings, *, seeds=3, prune=True, before=()):
    base, fields = read_space(PLAN, settings)
    found = contestants(base, point_variants(fields), range(seeds), load)
    return race(found, before, Trainer(tmp_path, InProcess()), prune=prune, later=0)


def test_a_pruned_point_stops_after_two_seeds_and_its_other_seed_leaves_no_folder(tmp_path):
    good, bad = raced(tmp_path, ["learning-rate=3e-3", "1e-7"])
    assert (good.end, len(good.runs)) == ("complete", 3)
    assert (bad.end, len(bad.runs)) == ("pruned", 2)
    assert [run.config.seed for run in bad.runs] == [0, 1]
    assert len(list(tmp_path.iterdir())) == 5
    assert [one.end for one in raced(tmp_path, ["learning-rate=3e-3", "1e-7"], prune=False)] == ["complete"] * 2
    assert len(list(tmp_path.iterdir())) == 6


def test_points_race_against_those_before_them(tmp_path):
    before = [one for one in raced(tmp_path, ["learning-rate=3e-3", "1e-7"]) if one.end == "complete"]
    alone = raced(tmp_path, ["learning-rate=1e-7", "2e-7"])
    assert [one.end for one in alone] == ["complete"] * 2
    assert [one.end for one in raced(tmp_path, ["learning-rate=1e-7", "2e-7"], before=before)] == ["pruned"] * 2


def test_a_training_that_diverges_ends_its_point_only(tmp_path):
    good, bad = raced(tmp_path, ["learning-rate=1e-3", "1e30"], seeds=2)
    assert (good.end, bad.end, bad.runs) == ("complete", "diverged", ())


def test_welchs_interval_is_scipys():
    first, second = [0.93, 0.95, 0.94], [0.91, 0.96, 0.90, 0.92]
    found = mean_difference(first, second)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(np.mean(first) - np.mean(second))
    assert mean_difference([0.9], second).low is None


# Optuna's proposals


def study(folder, *, trials=9, values=("1", "2", "3", "4")):
    pytest.importorskip("optuna")
    _, fields = read_space(PLAN, [*(f"hidden={value}" for value in values), "dropout=0", "dropout=0.1", "dropout=0.2"])
    return fields, Optuna(fields, trials=trials, journal=folder / "journal.log", key="a")


def worth(name):
    """A made-up accuracy: hidden=3 dropout=0.1 is best."""
    hidden, dropout = (float(part.partition("=")[2]) for part in name.split(" "))
    return 0.9 - 0.02 * abs(hidden - 3) - abs(dropout - 0.1)


def proposals(sampler, *, stop_after=99):
    """Batches, each told before the next but for the last one of a session that is stopped."""
    found = []
    while batch := sampler.ask():
        found.append(batch)
        if len(found) > stop_after:
            return found
        sampler.tell({name: worth(name) for name in batch})
    return found


def test_as_many_different_points_as_trials(tmp_path):
    fields, sampler = study(tmp_path)
    found = proposals(sampler)
    names = [name for batch in found for name in batch]
    assert len(names) == len(set(names)) == 9 == sampler.size
    assert set(names) < set(combinations(fields))
    assert [len(batch) for batch in found] == [TOGETHER, TOGETHER, 9 - 2 * TOGETHER]


def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path):
    whole = proposals(study(tmp_path / "whole")[1])
    first = proposals(study(tmp_path / "parts")[1], stop_after=1)
    assert first == whole[:2]
    assert proposals(study(tmp_path / "parts")[1]) == whole
    assert proposals(study(tmp_path / "parts")[1]) == whole, "nothing is proposed anew"


def test_another_space_is_another_study(tmp_path):
    proposals(study(tmp_path)[1])
    other = [name for batch in proposals(study(tmp_path, values=("5", "6", "7", "8"))[1]) for name in batch]
    assert all(name.partition(" ")[0][-1] in "5678" for name in other)


def test_optuna_that_is_not_installed_is_one_line(monkeypatch, cnnlab, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    code, out, err = cnnlab(*SWEEP, "--dropout", 0, 0.1, 0.2, "--sampler", "optuna", "--trials", 2, "--out", tmp_path)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "pip install 'cnnlab[sweep]'" in err


# From the command to the winner


def accuracy(run, split):
    return json.loads((Path(run) / "result.json").read_text())[split]["accuracy"]


@pytest.mark.slow
def test_from_the_command_to_the_winner(cnnlab, tmp_path):
    out = tmp_path / "sweep"
    arguments = (*SWEEP, "--hidden", 8, "16,8", "--set", "learning-rate=0.003", "1e-7", "--seeds", 3, "--out", out)
    code, text, _ = cnnlab(*arguments, "--json")
    assert code == 0
    document = json.loads(text)
    assert document == json.loads((out / "sweep.json").read_text())
    found = {point["name"]: point for point in document["points"]}
    assert set(found) == {f"hidden={h} learning-rate={r}" for h in ("8", "16,8") for r in ("0.003", "1e-7")}
    assert {name: (point["end"], point["seeds"]) for name, point in found.items()} == {
        name: ("complete", 3) if name.endswith("0.003") else ("pruned", 2) for name in found
    }
    for point in found.values():
        assert [accuracy(run, "validation") for run in point["runs"]] == point["validation"]["accuracies"]
        assert "test" not in point
    sizes = [784, 16, 8, 10]
    macs = sum(a * b for a, b in pairwise(sizes))
    assert found["hidden=16,8 learning-rate=0.003"]["macs"] == macs
    assert found["hidden=16,8 learning-rate=0.003"]["parameters"] == macs + sum(sizes[1:])

    complete = [point for point in found.values() if point["end"] == "complete"]
    best = max(complete, key=lambda point: mean(point["validation"]["accuracies"]))
    winner, runner_up = document["winner"], document["runner_up"]
    assert winner["name"] == best["name"] == document["points"][0]["name"]
    assert document["fresh_seeds"] == [3, 4, 5]
    searched = {run for point in found.values() for run in point["runs"]}
    assert not searched & {*winner["runs"], *runner_up["runs"]}
    assert [accuracy(run, "test") for run in winner["runs"]] == winner["test"]["accuracies"]
    fresh = [accuracy(run, "validation") for run in winner["runs"]]
    assert winner["optimism"]["mean"] == pytest.approx(mean(best["validation"]["accuracies"]) - mean(fresh))
    p = mean(winner["test"]["accuracies"])
    assert winner["test"]["sampling_error"] == pytest.approx(math.sqrt(p * (1 - p) / 500))
    paired = np.subtract(winner["test"]["accuracies"], [accuracy(run, "test") for run in runner_up["runs"]])
    assert runner_up["difference"]["mean"] == pytest.approx(paired.mean())
    assert runner_up["verdict"]["words"]

    page = (out / "index.html").read_text()
    for run in [*searched, *winner["runs"], *runner_up["runs"]]:
        assert f"runs/{Path(run).name}/report.html" in page
        assert (Path(run) / "report.html").exists()

    written = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/result.json")}
    code, text, _ = cnnlab(*arguments)
    assert code == 0
    assert {path: path.stat().st_mtime_ns for path in out.glob("runs/*/result.json")} == written
    assert all(len(line) <= 80 for line in text.splitlines() if not line.startswith("page "))
    assert best["name"] in text


def test_flags_can_be_repeated_as_well(cnnlab, tmp_path):
    once = cnnlab(*SWEEP, "--hidden=8", "8,4", "--seeds", 1, "--out", tmp_path, "--json")
    again = cnnlab(*SWEEP, "--hidden", 8, "--hidden", "8,4", "--seeds", 1, "--out", tmp_path, "--json")
    assert once[0] == again[0] == 0
    assert once[1] == again[1]


def test_optuna_from_the_command(cnnlab, tmp_path):
    pytest.importorskip("optuna")
    code, text, err = cnnlab(
        *(*SWEEP, "--hidden", 4, 8, 16, "--dropout", 0, 0.2, "--sampler", "optuna", "--trials", 3),
        *("--seeds", 1, "--out", tmp_path, "--json"),
    )
    assert code == 0, err
    document = json.loads(text)
    assert len(document["points"]) == 3
    assert document["sampler"] == "optuna"
    assert "optuna" not in err.lower()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "got a single point"),
        (("--hidden", "8"), "got a single point"),
        (("--hidden", "8", "16", "8"), "hidden 8 is given twice"),
        (("--hidden", "8", "8;16"), "separated by commas"),
        (("--widths", "8,16", "16,32"), "mlp has no option widths"),
        (("--set", "dropot=0.1", "0.2"), "did you mean dropout"),
        (("--set", "0.1", "0.2"), "expected FIELD=VALUE"),
        (("--set", "data=mnist", "fashion-mnist"), "got several data sets"),
        (("--dropout", "0", "0.1", "--sampler", "optuna"), "--trials"),
        (("--dropout", "0", "0.1", "--trials", "2"), "--sampler optuna"),
        (("--dropout", "0", "0.1", "--sampler", "optuna", "--trials", "2"), "fewer trials than points"),
        (("--set", "dropout=0", "0.0"), "the same training as dropout=0"),
        (("--net", "conv-net", "--widths", "8", "2,2,2,2,2,2"), "widths=2,2,2,2,2,2: conv-net:"),
        (("--dropout", "0", "1.5"), "dropout=1.5"),
        (("--dropout", "0", "0.1", "--epochs", "0"), "epochs"),
        (("--dropout", "0", "0.1", "again"), "again"),
    ],
)
def test_refusals(cnnlab, tmp_path, arguments, says):
    code, out, err = cnnlab(*SWEEP, *arguments, "--out", tmp_path / "x")
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("x/*"))


@pytest.mark.slow
def test_ctrl_c_keeps_finished_runs_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", "cnnlab", *SWEEP, "--hidden", "8", "16", "--seeds", "1"]
    command += ["--out", str(tmp_path), "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/*/result.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Go on with the same command" in err
    assert "Traceback" not in err
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    assert 1 <= len(kept) < 8
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout)["winner"]["name"] in ("hidden=8", "hidden=16")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
