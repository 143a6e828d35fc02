"""`cnnlab lesson` on bad input, in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnlab.data import load
from cnnlab.lesson.record import LessonRecord
from cnnlab.lesson.sizes import full
from cnnlab.workflows.lesson import fashion_of


@pytest.fixture
def refused(cnnlab: Callable[..., Any]) -> Callable[..., str]:
    """What the command says when it refuses."""

    def run(*arguments: object) -> str:
        code, out, err = cnnlab("lesson", *arguments)
        assert code == 2
        assert out == ""
        assert len(err.strip().splitlines()) == 1
        return err

    return run


def test_a_part_of_a_set_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    said = refused("--data", "mnist-5k@500", "--out", tmp_path / "lesson")
    assert "expected a whole set" in said
    assert "--data mnist-5k" in said
    assert not (tmp_path / "lesson").exists()


def test_nothing_is_fetched_without_full(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "is not on this machine" in refused("--data", "kmnist", "--out", tmp_path / "lesson")


def test_another_lesson_in_the_folder_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    images = load("mnist-5k")
    LessonRecord(tmp_path / "lesson.json", full(images.name, "fashion-mnist"), images, seed=0).write()
    assert "choose another --out" in refused("--out", tmp_path)


def test_a_damaged_record_of_a_lesson_is_told_in_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    tmp_path.joinpath("lesson.json").write_text(json.dumps({"lesson": {"full": True}, "parts": []}))
    assert "lesson.json: lesson.data is missing; expected a whole record" in refused("--out", tmp_path)


def test_too_few_images_are_refused_before_anything_is_trained(
    refused: Callable[..., str], tmp_path: Path, bars: Path
) -> None:
    said = refused("--data", f"npz:{bars}", "--out", tmp_path / "lesson")
    assert "training images; expected 1 to that many" in said
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_fashion_mnist_is_taken_where_it_is(full_sets: Path, tmp_path: Path) -> None:
    assert fashion_of("mnist-5k", full_sets, may_fetch=False) == "fashion-mnist"
    assert fashion_of("mnist-5k", tmp_path, may_fetch=True) == "fashion-mnist"
    assert fashion_of("mnist-5k", tmp_path, may_fetch=False) == "mnist-5k"
