"""The command on a page, read by the command line itself, makes the same run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from tests.new_runs import make_run

from cnnlab.cli import cnnlab, options, train
from cnnlab.report.run.again import command, settings

CASES: dict[str, dict[str, Any]] = {
    "as the recipe has it": {"net": "simple-cnn"},
    "lesson": {"net": "lenet5", "recipe_name": "lesson", "net_options": {"dropout": 0.25}, "seed": 7},
    "other training": {
        "net": "simple-cnn",
        "epochs": 2.5,
        "changes": {
            "batch_size": 33,
            "betas": (0.8, 0.999),
            "learning_rate": 0.1 + 0.2,
            "channels_last": False,
            "optimizer": "nadam",
            "patience": 3,
            "flip": True,
            "rotate_degrees": 7.5,
        },
    },
    "another net": {
        "net": "conv-net",
        "epochs": 12,
        "net_options": {"widths": (4, 8), "batch_norm": False, "hidden": 20, "pool": "average"},
    },
    "hidden layers": {"net": "mlp", "net_options": {"hidden": (30, 20)}},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_command_makes_the_same_run(case: dict[str, Any], digits: Any, tmp_path: Path) -> None:
    run, net = make_run(tmp_path / "first", digits.data, **case)
    program, verb, *words = shlex.split(command(run.config, digits.data, net))
    assert (program, verb) == ("cnnlab", "train")
    parent = click.Context(cnnlab, **cnnlab.context_settings)
    values = train.command.make_context("train", words, parent=parent).params
    assert values["data"] == "mnist-5k"
    again, _ = make_run(
        tmp_path / "again",
        digits.data,
        net=values["net"],
        net_options=options.net_changes(values, values["net"]),
        recipe_name=values["recipe"],
        epochs=values["epochs"],
        changes=options.training_changes(values),
        seed=values["seed"],
    )
    assert again.config == run.config


def test_what_the_recipe_says_is_not_said_again(digits: Any, tmp_path: Path) -> None:
    run, net = make_run(tmp_path / "run", digits.data, net="simple-cnn", epochs=3, seed=1)
    said = command(run.config, digits.data, net)
    assert said == "cnnlab train simple-cnn --data mnist-5k --epochs 3 --seed 1 --recipe fast"


def test_settings_that_differ_from_the_lessons_are_marked(digits: Any, tmp_path: Path) -> None:
    lesson, _ = make_run(tmp_path / "lesson", digits.data, net="lenet5", recipe_name="lesson", epochs=9)
    assert all(setting.lesson is None for setting in settings(lesson.config.training))
    fast, _ = make_run(tmp_path / "fast", digits.data, net="lenet5", epochs=9)
    marked = {setting.name: (setting.value, setting.lesson) for setting in settings(fast.config.training)}
    assert marked["schedule"] == ("one-cycle", "constant")
    assert marked["shift"] == ("1", "0")
    assert marked["optimizer"] == ("adam", None)
    assert "momentum" not in marked
