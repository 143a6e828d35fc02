"""How this process shares the processor with others: said to OpenMP, which reads it as torch is imported.

OpenMP's threads wait for their next work by spinning, for milliseconds: quickest on a machine of one's own, but where
others want the cores a spinning thread takes them from the one that it waits for, and a training takes many times as
long. Imports nothing of torch.
"""

from __future__ import annotations

import os
import time
from math import ceil
from pathlib import Path
from sys import modules

from cnnlab.spawned import available_cores

#: Looks at how many tasks run, and the seconds between two: a command is not held up by as much as anyone sees.
LOOKS, BETWEEN_S = 5, 0.002

#: What decides how OpenMP's threads wait, and how many there are; who sets one of these has decided.
WAITING, THREADS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"), "OMP_NUM_THREADS"


def share_processor(
    environment: os._Environ[str] | dict[str, str] = os.environ, *, proc: Path = Path("/proc"), sys: Path = Path("/sys")
) -> None:
    """Let threads wait without spinning where others keep half of the cores busy, and be as many as the quota has.

    Only Linux says either; elsewhere, where the environment decides already, and once torch is imported, nothing is
    changed. proc, sys: where the system's figures are.
    """
    if "torch" in modules:
        return
    if not any(name in environment for name in WAITING) and _others(proc) * 2 >= (os.cpu_count() or 1):
        environment["OMP_WAIT_POLICY"] = "passive"
        environment["GOMP_SPINCOUNT"] = "0"
    quota = _quota(proc, sys)
    if THREADS not in environment and quota is not None and quota < available_cores():
        environment[THREADS] = str(ceil(quota))


def _others(proc: Path) -> int:
    """How many other tasks want a core: the middle one of a few looks."""
    found = []
    for look in range(LOOKS):
        if look:
            time.sleep(BETWEEN_S)
        try:
            lines = (proc / "stat").read_text().splitlines()
            found.append(next(int(line.split()[1]) for line in lines if line.startswith("procs_running ")))
        except (OSError, ValueError, StopIteration):
            return 0
    return sorted(found)[LOOKS // 2] - 1


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
