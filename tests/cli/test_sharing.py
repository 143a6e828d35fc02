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
    monkeypatch.setattr(sharing, "available_cores", lambda: 4)


def chosen(root: Path, given: dict[str, str] | None = None) -> dict[str, str]:
    environment = dict(given or {})
    share_processor(environment, proc=root / "proc", sys=root / "sys")
    return environment


def machine(root: Path, *, running: int = 1, groups: str = "0::/\n", **files: str) -> Path:
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "stat").write_text(f"cpu 1 2\nprocs_running {running}\nprocs_blocked 0\n")
    (root / "proc" / "self" / "cgroup").write_text(groups)
    for name, text in files.items():
        path = root / "sys" / "fs" / "cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(("running", "is_passive"), [(1, False), (2, False), (3, True), (40, True)])
def test_threads_wait_without_spinning_where_others_keep_half_of_the_cores_busy(tmp_path, running, is_passive):
    passive = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    assert chosen(machine(tmp_path, running=running)) == (passive if is_passive else {})


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_who_set_how_to_wait_has_decided(tmp_path, name):
    assert chosen(machine(tmp_path, running=40), {name: "1000"}) == {name: "1000"}


@pytest.mark.parametrize(
    ("groups", "files", "threads"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, "2"),
        ("0::/pod/one\n", {"pod__one__cpu.max": "max 100000\n", "pod__cpu.max": "100000 100000\n"}, "1"),
        ("0::/\n", {"cpu.max": "800000 100000\n"}, None),
        ("0::/\n", {"cpu.max": "nonsense\n"}, None),
        ("3:cpu,cpuacct:/a\n", {"cpu__a__cpu.cfs_quota_us": "250000", "cpu__a__cpu.cfs_period_us": "100000"}, "3"),
        ("3:cpu,cpuacct:/a\n", {"cpu__a__cpu.cfs_quota_us": "-1", "cpu__a__cpu.cfs_period_us": "100000"}, None),
    ],
)
def test_there_are_as_many_threads_as_the_quota_has_cores(tmp_path, groups, files, threads):
    found = chosen(machine(tmp_path, groups=groups, **files))
    assert found == ({} if threads is None else {"OMP_NUM_THREADS": threads})
    assert chosen(tmp_path, {"OMP_NUM_THREADS": "7"})["OMP_NUM_THREADS"] == "7"


def test_other_systems_say_nothing_and_nothing_changes(tmp_path):
    assert chosen(tmp_path) == {}


def test_once_torch_is_there_it_is_too_late(tmp_path, monkeypatch):
    monkeypatch.setattr(sharing, "modules", {"torch": object()})
    assert chosen(machine(tmp_path, running=40)) == {}
