"""Many seeds: a process a core with one thread each, against one process with all threads. Writes results/engines.json.

    .venv/bin/python -m benchmarks.engines

The same jobs (SimpleCNN by the lesson's recipe on mnist-5k, two epochs, eight seeds) are trained anew by each
engine in turn, four rounds; the pool is started before the clock is.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from cnnlab.config import NetSpec
from cnnlab.data import load
from cnnlab.experiments.compare import contestants, make_jobs, train_jobs
from cnnlab.experiments.engines import Engine, InProcess, Processes
from cnnlab.experiments.job import Job
from cnnlab.experiments.variants import VARIANTS
from cnnlab.runs.plan import Plan
from cnnlab.training.machine import keep_freed_memory

RESULTS = Path(__file__).parent.parent / "results" / "engines.json"
ROUNDS, SEEDS = 4, 8
PLAN = Plan(net=NetSpec(name="simple-cnn"), data="mnist-5k", epochs=2)


def main() -> None:
    """Measure both engines and write the record."""
    keep_freed_memory()
    engines: dict[str, Engine] = {"process": Processes(), "here": InProcess()}
    times: dict[str, list[float]] = {name: [] for name in engines}
    for round_number in range(ROUNDS + 1):
        for name, engine in engines.items():
            with tempfile.TemporaryDirectory() as folder:
                jobs = _jobs(Path(folder), engine)
                started = time.perf_counter()
                assert train_jobs(jobs, engine) == []
                if round_number:  # the first round starts the pool and loads the images
                    times[name].append(time.perf_counter() - started)
    ratio = median(here / process for here, process in zip(times["here"], times["process"], strict=True))
    record = {
        "command": "python -m benchmarks.engines",
        "data": PLAN.data,
        "epochs": PLAN.epochs,
        "seeds": SEEDS,
        "rounds": ROUNDS,
        "cores": torch.get_num_threads(),
        "seconds": times,
        "ratio": ratio,
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")
    print(f"process {median(times['process']):.1f} s, here {median(times['here']):.1f} s: {ratio:.2f} ×")


def _jobs(folder: Path, engine: Engine) -> list[Job]:
    (found,) = contestants(PLAN, [VARIANTS["baseline"]], range(SEEDS), load)
    return make_jobs([found], folder, engine, data_root=None)["baseline"]


if __name__ == "__main__":
    main()
