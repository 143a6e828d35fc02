"""How many cores there are to use: no more than a quota of processor time has."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnlab import cores
from cnnlab.cores import available_cores


def groups(root: Path, text: str, **files: str) -> dict[str, Path]:
    """Folders as Linux has them: the groups of this process, and what their files say, `__` for a slash."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(text)
    for name, said in files.items():
        path = root / "sys" / "fs" / "cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said)
    return {"proc": root / "proc", "sys": root / "sys"}


@pytest.mark.parametrize(
    ("text", "files", "expected"),
    [
        ("0::/\n", {}, 4),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "20000 100000\n"}, 1),
        ("0::/pod/one\n", {"pod__one__cpu.max": "max 100000\n", "pod__cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "800000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "nonsense\n"}, 4),
        ("3:cpu,cpuacct:/a\n", {"cpu__a__cpu.cfs_quota_us": "250000", "cpu__a__cpu.cfs_period_us": "100000"}, 3),
        ("3:cpu,cpuacct:/a\n", {"cpu__a__cpu.cfs_quota_us": "-1", "cpu__a__cpu.cfs_period_us": "100000"}, 4),
        ("nonsense\n", {}, 4),
    ],
)
def test_a_quota_bounds_them(tmp_path, monkeypatch, text, files, expected):
    monkeypatch.setattr(cores, "cores_to_run_on", lambda: 4)
    assert available_cores(**groups(tmp_path, text, **files)) == expected


def test_other_systems_have_no_quota(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "cores_to_run_on", lambda: 4)
    assert available_cores(proc=tmp_path, sys=tmp_path) == 4
