"""The proof itself notices what it is to notice."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from tests.trust.cutting import contents, difference
from tests.trust.fuzzing import outcome_of
from tests.trust.hostile_folders import snapshot
from tests.trust.in_process import Ending
from tests.trust.mutations import mutate_bytes, mutate_json, mutate_lines
from tests.trust.soaking import Sample, flatness

from cnnlab.errors import UserError


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UserError("a line"), "UserError"),
        (UserError(""), "a line without end"),
        (KeyError("a"), "KeyError"),
        (RecursionError(), "RecursionError"),
        (SystemExit(2), "SystemExit"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_what_a_reader_raises_is_told_apart(error: BaseException, outcome: str) -> None:
    assert outcome_of(lambda _: _raise(error), b"")[0].startswith(outcome)


def test_a_reader_that_takes_too_long_or_too_much_is_noticed() -> None:
    assert outcome_of(lambda _: time.sleep(5), b"", longest_s=0.05)[0] == "more than 0.05 s"
    assert outcome_of(lambda _: None, b"")[0] == "result"


def test_the_same_seed_makes_the_same_inputs() -> None:
    seeds = [b'{"a": [1, 2.5, "b"], "c": {"d": null}}']
    for mutate in (mutate_bytes, mutate_json, mutate_lines):
        one, other, third = (mutate(Random(seed), seeds) for seed in (1, 1, 2))
        assert one == other
        assert one != third


def test_a_half_a_stray_and_a_missing_file_are_noticed(tmp_path: Path) -> None:
    whole = {"run/metrics.jsonl": '{"loss": 1, "train_time_s": 2}\n', "run/a.html": "<html></html>", "run/b": "1"}
    for name, text in whole.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    expected = contents(tmp_path)
    (tmp_path / "run/metrics.jsonl").write_text('{"loss": 1, "train_time_s": 3}\n')
    assert difference(expected, contents(tmp_path)) is None
    for name, text in {"run/metrics.jsonl": '{"loss": 1', "run/a.html": "<html>", "run/b": "2"}.items():
        (tmp_path / name).write_text(text)
        assert difference(expected, contents(tmp_path)) == f"{name} differs from the undisturbed one"
        (tmp_path / name).write_text(whole[name])
    (tmp_path / "run/.b.part").touch()
    assert "stray: ['run/.b.part']" in str(difference(expected, contents(tmp_path)))
    (tmp_path / "run/.b.part").rename(tmp_path / "run/b")
    (tmp_path / "run/b").unlink()
    assert "missing: ['run/b']" in str(difference(expected, contents(tmp_path)))


def test_what_changes_outside_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    before = snapshot(tmp_path)
    assert snapshot(tmp_path) == before
    (tmp_path / "file").write_text("mine")  # the same bytes, written again
    assert snapshot(tmp_path) != before


def test_only_a_line_of_the_program_is_a_typed_error() -> None:
    assert Ending(2, "", "note\ncnnlab: no such file\n").is_typed
    assert not Ending(2, "", "Traceback (most recent call last):\ncnnlab: no such file\n").is_typed
    assert not Ending(70, "", "cnnlab: this is a bug\n").is_typed
    assert not Ending(None, "", "", KeyError()).is_typed


def test_growth_is_told_from_noise() -> None:
    def samples(growth: float) -> list[Sample]:
        return [Sample(36.0 * i, 500 + i % 3 + growth * i, 8, 1) for i in range(100)]

    assert flatness(samples(0))["rss_mb"]["is_flat"]
    grown = flatness(samples(0.5))["rss_mb"]
    assert not grown["is_flat"]
    assert grown["slope_an_hour"] == pytest.approx(50, abs=1)
