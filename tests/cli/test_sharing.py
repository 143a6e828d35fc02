"""How a command waits and how many threads it has, by what the system says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnnlab.cli import sharing
from cnnlab.cli.sharing import share_processor


@pytest.fixture(autouse=True)
def _before_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "modules", {})
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(sharing, "available_cores", lambda **_: 4)
    monkeypatch.setattr(sharing, "cores_to_run_on", lambda: 4)


def chosen(root: Path, given: dict[str, str] | None = None) -> dict[str, str]:
    environment = dict(given or {})
    share_processor(environment, proc=root / "proc", sys=root / "sys")
    return environment


def machine(root: Path, *, running: int) -> Path:
    """Where Linux says how many tasks run."""
    (root / "proc").mkdir()
    (root / "proc" / "stat").write_text(f"cpu 1 2\nprocs_running {running}\nprocs_blocked 0\n")
    return root


@pytest.mark.parametrize(("running", "is_passive"), [(1, False), (2, False), (3, True), (40, True)])
def test_threads_wait_without_spinning_where_others_keep_half_of_the_cores_busy(tmp_path, running, is_passive):
    passive = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    assert chosen(machine(tmp_path, running=running)) == (passive if is_passive else {})


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_who_set_how_to_wait_has_decided(tmp_path, name):
    assert chosen(machine(tmp_path, running=40), {name: "1000"}) == {name: "1000"}


def test_there_are_as_many_threads_as_the_quota_has_cores(tmp_path, monkeypatch):
    for cores, threads in ((4, {}), (3, {"OMP_NUM_THREADS": "3"}), (1, {"OMP_NUM_THREADS": "1"})):
        monkeypatch.setattr(sharing, "available_cores", lambda cores=cores, **_: cores)
        assert chosen(tmp_path) == threads
        assert chosen(tmp_path, {"OMP_NUM_THREADS": "7"}) == {"OMP_NUM_THREADS": "7"}


def test_other_systems_say_nothing_and_nothing_changes(tmp_path):
    assert chosen(tmp_path) == {}


def test_once_torch_is_there_it_is_too_late(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "modules", {"torch": object()})
    assert chosen(machine(tmp_path, running=40)) == {}
