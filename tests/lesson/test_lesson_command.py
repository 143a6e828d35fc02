"""`cnnlab lesson` on bad input, in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.cli import lesson, main


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the command says when it refuses."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["cnnlab", "lesson", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capfd.readouterr()
        assert exit_.value.code == 2
        assert captured.out == ""
        assert len(captured.err.strip().splitlines()) == 1
        return captured.err

    return run


def test_a_part_of_a_set_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    said = refused("--data", "mnist-5k@500", "--out", tmp_path / "lesson")
    assert "expected a whole set" in said
    assert "--data mnist-5k" in said
    assert not (tmp_path / "lesson").exists()


def test_nothing_is_fetched_without_full(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "is not on this machine" in refused("--data", "kmnist", "--out", tmp_path / "lesson")


def test_another_lesson_in_the_folder_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    tmp_path.joinpath("lesson.json").write_text(
        json.dumps({"lesson": {"full": True}, "parts": [], "outcome": {}, "environment": {"cnnlab": "0.1.0"}})
    )
    assert "choose another --out" in refused("--out", tmp_path)


def test_too_few_images_are_refused_before_anything_is_trained(
    refused: Callable[..., str], tmp_path: Path, bars: Path
) -> None:
    said = refused("--data", f"npz:{bars}", "--out", tmp_path / "lesson")
    assert "training images; expected 1 to that many" in said
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_fashion_mnist_is_taken_where_it_is(full_sets: Path, tmp_path: Path) -> None:
    assert lesson._fashion("mnist-5k", full_sets, may_fetch=False) == "fashion-mnist"
    assert lesson._fashion("mnist-5k", tmp_path, may_fetch=True) == "fashion-mnist"
    assert lesson._fashion("mnist-5k", tmp_path, may_fetch=False) == "mnist-5k"
