"""Many seeds: a process a core with one thread each, against one process with all threads. Writes results/engines.json.

    .venv/bin/python -m benchmarks.engines [starts]

The same jobs (SimpleCNN by the lesson's recipe on mnist-5k, two epochs, eight seeds) are trained anew by each
engine in turn, three rounds; the pool is started before the clock is. Before them, how long two workers take from the
start of their processes until both have loaded all that trains: spawned, forked from a server that is started with
them, and forked from one that has loaded already, as it has where a command comes to its first training. With `starts`
these alone are measured, and the rest of the record stays.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from multiprocessing import Pipe, connection
from pathlib import Path
from statistics import median
from typing import Any

from cnnlab.experiments.engines import Engine, InProcess, Processes, starting
from cnnlab.experiments.engines.loaded import MODULES
from cnnlab.experiments.job import Job

RESULTS = Path(__file__).parent.parent / "results" / "engines.json"
ROUNDS, SEEDS = 3, 8

#: How workers start, in the order in which they are measured.
STARTS = ("spawned", "forked", "forked from a loaded server")


def main() -> None:
    """Measure how workers start, then both engines, and write the record."""
    starts = measure_starts()
    record = measure_engines() | {"start_seconds": starts}
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


def measure_starts() -> dict[str, list[float]]:
    """Seconds of each round, by how workers start."""
    starts: dict[str, list[float]] = {how: [] for how in STARTS}
    for _ in range(ROUNDS):
        for how, found in starts.items():
            command = [sys.executable, "-m", "benchmarks.engines", how]
            found.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(", ".join(f"{how}: {median(found):.2f} s" for how, found in starts.items()))
    return starts


def measure_engines() -> dict[str, Any]:
    """The record of both engines."""
    import torch

    from cnnlab.experiments.compare import train_jobs
    from cnnlab.training.machine import keep_freed_memory

    keep_freed_memory()
    engines: dict[str, Engine] = {"process": Processes(), "here": InProcess()}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for round_number in range(ROUNDS + 1):
        for name, engine in engines.items():
            with tempfile.TemporaryDirectory() as folder:
                jobs = _jobs(Path(folder), engine)
                if not round_number:  # which starts the pool and loads the images
                    jobs = jobs[: torch.get_num_threads()]
                started = time.perf_counter()
                assert train_jobs(jobs, engine) == []
                if round_number:
                    times[name].append(time.perf_counter() - started)
    ratio = median(here / process for here, process in zip(times["here"], times["process"], strict=True))
    print(f"process {median(times['process']):.1f} s, here {median(times['here']):.1f} s: {ratio:.2f} ×")
    return {
        "command": "python -m benchmarks.engines",
        "data": "mnist-5k",
        "epochs": 2.0,
        "seeds": SEEDS,
        "rounds": ROUNDS,
        "cores": torch.get_num_threads(),
        "seconds": times,
        "ratio": ratio,
    }


def _jobs(folder: Path, engine: Engine) -> list[Job]:
    from cnnlab.config import NetSpec
    from cnnlab.data import load
    from cnnlab.experiments.compare import contestants, make_jobs
    from cnnlab.experiments.variants import VARIANTS
    from cnnlab.runs.plan import Plan

    plan = Plan(net=NetSpec(name="simple-cnn"), data="mnist-5k", epochs=2)
    (found,) = contestants(plan, [VARIANTS["baseline"]], range(SEEDS), load)
    return make_jobs([found], folder, engine, data_root=None)["baseline"]


def start(how: str) -> float:
    """Seconds from the start of two workers until both have loaded all that trains. In a process of its own."""
    if how == "spawned":
        starting.is_served = lambda: False  # ty: ignore[invalid-assignment]
    elif how == "forked from a loaded server":
        _start_two()
    started = time.perf_counter()
    _start_two()
    return time.perf_counter() - started


def _start_two() -> None:
    ours = []
    for _ in range(2):
        mine, theirs = Pipe()
        starting.start(say_when_loaded, theirs, name="starts")
        theirs.close()
        ours.append(mine)
    for one in ours:
        assert one.recv() == "loaded"


def say_when_loaded(pipe: connection.Connection) -> None:
    """In a worker: import what a training imports, where it is not there yet."""
    for name in MODULES:
        import_module(name)
    pipe.send("loaded")


if __name__ == "__main__":
    if sys.argv[1:] == ["starts"]:
        kept = json.loads(RESULTS.read_text())
        RESULTS.write_text(json.dumps(kept | {"start_seconds": measure_starts()}, indent=2) + "\n")
    elif len(sys.argv) > 1:
        print(start(sys.argv[1]))
    else:
        main()
