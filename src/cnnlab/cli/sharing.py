"""How this process shares the processor with others: said to OpenMP, which reads it as torch is imported.

OpenMP's threads wait for their next work by spinning, for milliseconds: quickest on a machine of one's own, but where
others want the cores a spinning thread takes them from the one that it waits for, and a training takes many times as
long. Imports nothing of torch.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from sys import modules

from cnnlab.cores import available_cores, cores_to_run_on

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
    cores = available_cores(proc=proc, sys=sys)
    if THREADS not in environment and cores < cores_to_run_on():  # torch knows of these, and of no quota
        environment[THREADS] = str(cores)


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
