"""What a look at SimpleCNN on all of MNIST takes, time and memory; writes results/look.json.

    .venv/bin/python -m benchmarks.look [--rounds N] [--run FOLDER] [--out FILE]

It needs MNIST ($CNNLAB_DATA, or the cache). A run is trained first, one epoch, unless --run names one. Then by turns,
each a process of its own: importing PyTorch, a look at the whole net, a look at its first layer. Work is what is left
of a look's time without the median of the imports. peak: the largest resident memory, in MB of 10^6 bytes, of a process
and of those that it starts, each at its own largest and added up. processor: seconds of all cores, which neighbours on
the machine change less than they do the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from cnnlab.runs.environment import environment
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "look.json"

#: Seconds between two looks at the memory of processes that a process has started.
EVERY_S = 0.1

#: What a look may take at most, in MB.
BOUND = 1000


def main() -> None:
    """Measure, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--run", type=Path, help="a finished run of simple-cnn on mnist")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        run = given.run or Path(folder) / "run"
        if given.run is None:
            _process("-m", "cnnlab", "train", "simple-cnn", "--data", "mnist", "--epochs", "1", "--out", str(run))
        look = ("-m", "cnnlab", "look", str(run), "--out", str(Path(folder) / "look"))
        ways = {
            "import torch": ("-c", "import torch"),
            "look": look,
            "look --layer features.0": (*look, "--layer", "features.0"),
        }
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, arguments in ways.items():
                measured[name].append(_process(*arguments))
                print(name, *(f"{value:.2f}" for value in measured[name][-1]), flush=True)
    imported = median(time_s for time_s, _, _ in measured["import torch"])
    record = {
        "command": f"python -m benchmarks.look --rounds {given.rounds}" + (" --run RUN" if given.run else ""),
        "rounds": given.rounds,
        "bound_mb": BOUND,
        "environment": environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False),
        "rows": {
            name: {
                "time_s": [round(each[0], 3) for each in found],
                "work_s": round(median(each[0] for each in found) - imported, 3),
                "processor_s": [round(each[1], 3) for each in found],
                "peak_mb": round(max(each[2] for each in found)),
            }
            for name, found in measured.items()
        },
    }
    write_whole(given.out, (json.dumps(record, indent=2) + "\n").encode())


def _process(*arguments: str) -> tuple[float, float, float]:
    """Run Python with these arguments: seconds, seconds of processor, and the peak in MB. Raises where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    largest: dict[int, int] = {}
    has_ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, largest, has_ended))
    watch.start()
    _, status, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - started
    has_ended.set()
    watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)}: exit {process.returncode}")
    return taken, used.ru_utime + used.ru_stime, (used.ru_maxrss + sum(largest.values())) * 1024 / 1e6


def _watch(parent: int, largest: dict[int, int], has_ended: threading.Event) -> None:
    """Note the largest resident memory, in KiB, of the processes that `parent` starts, until it has ended."""
    while not has_ended.wait(EVERY_S):
        for place in Path("/proc").glob("[0-9]*/status"):
            try:
                told = dict(line.split(":", 1) for line in place.read_text().splitlines())
            except OSError:  # it has just ended
                continue
            if int(told["PPid"]) == parent and "VmHWM" in told:
                largest[int(told["Pid"])] = int(told["VmHWM"].split()[0])


if __name__ == "__main__":
    main()
