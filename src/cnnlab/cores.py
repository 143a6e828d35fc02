"""How many cores this process may use: those that it may run on, and what a quota of processor time has of them."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path


def available_cores(*, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> int:
    """The cores that this process may use, 1 or more; of a quota that is no whole number the next one.

    proc, sys: where Linux has its figures.
    """
    cores = cores_to_run_on()
    quota = _quota(proc, sys)
    return cores if quota is None else max(1, min(cores, ceil(quota)))


def cores_to_run_on() -> int:
    """The cores that this process may run on, whatever its quota."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota(proc: Path, sys: Path) -> float | None:
    """The processor time that the control group of this process gets, in cores; None where nothing bounds it.

    The second version of control groups has it in cpu.max, a quota and a period or `max`, in every group above, too;
    the first in two files.
    """
    found = []
    try:
        groups = [line.split(":", 2) for line in (proc / "self" / "cgroup").read_text().splitlines()]
    except OSError:
        return None
    for _, controllers, path in (group for group in groups if len(group) == 3):
        if controllers == "":
            root, names = sys / "fs" / "cgroup", ("cpu.max",)
        elif "cpu" in controllers.split(","):
            root, names = sys / "fs" / "cgroup" / "cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        else:
            continue
        inner = root / path.lstrip("/")
        for folder in (inner, *inner.parents):
            try:
                quota, period = " ".join((folder / name).read_text() for name in names).split()
                if float(quota) > 0 and float(period) > 0:
                    found.append(float(quota) / float(period))
            except (OSError, ValueError):  # no such group here, or no bound
                pass
            if folder == root:
                break
    return min(found, default=None)
