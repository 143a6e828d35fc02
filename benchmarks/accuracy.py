"""Measure what the recipes `fast` and `best` reach, and write it to results/accuracy.json.

    CNNLAB_DATA=ROOT .venv/bin/python benchmarks/accuracy.py [--seeds N] [--recipe NAME] [--data NAME]

Every cell is what a user would type: `cnnlab train NET --data D --recipe R --epochs E --seed S`. A run in
benchmarks/runs/ that is already finished is not trained again; cells that --recipe and --data leave out stay.
The test split is opened once a run, at its end. The record is written after every cell.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

from cnnlab.whole_files import write_whole

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "accuracy.json"

#: net, data, recipe, epochs (None: the recipe's), seeds
CELLS: list[tuple[str, str, str, float | None, int]] = [
    ("simple-cnn", "mnist", "fast", 3, 5),
    ("simple-cnn", "mnist", "fast", 1, 5),
    ("lenet5", "mnist", "fast", 4, 5),
    ("lenet5", "mnist", "fast", 1, 5),
    ("mlp", "mnist", "fast", 4, 5),
    ("lenet5-1998", "mnist", "fast", 4, 1),
    ("simple-cnn", "mnist-5k", "fast", None, 5),
    ("lenet5", "mnist-5k", "fast", None, 5),
    ("simple-cnn", "fashion-mnist", "fast", 2, 5),
    ("simple-cnn", "fashion-mnist", "fast", None, 5),
    ("simple-cnn", "mnist", "best", None, 5),
    ("simple-cnn", "fashion-mnist", "best", None, 5),
]


def main() -> None:
    """Run all cells and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="of each cell, at most")
    parser.add_argument("--recipe", choices=sorted({cell[2] for cell in CELLS}), help="alone; by default all")
    parser.add_argument("--data", choices=sorted({cell[1] for cell in CELLS}), help="alone; by default all")
    given = parser.parse_args()
    most = given.seeds

    def is_asked(recipe: str, data: str) -> bool:
        return given.recipe in (None, recipe) and given.data in (None, data)

    before = json.loads(RESULTS.read_text())["cells"] if RESULTS.exists() else []
    cells = [cell for cell in before if not is_asked(cell["recipe"], cell["data"])]
    for net, data, recipe, epochs, seeds in CELLS:
        if not is_asked(recipe, data):
            continue
        runs = [_run(net, data, recipe, epochs, seed) for seed in range(min(seeds, most))]
        accuracies = [run["test"]["accuracy"] for run in runs]
        times = [run["train_time_s"] for run in runs]
        cells.append(
            {
                "net": net,
                "data": data,
                "recipe": recipe,
                "epochs": runs[0]["epochs_run"],
                "parameters": runs[0]["parameters"],
                "test_images": runs[0]["test"]["images"],
                "test_accuracy": accuracies,
                "validation_accuracy": [run["validation"]["accuracy"] for run in runs],
                "train_time_s": times,
            }
        )
        print(
            f"{net} on {data} by {recipe}: test {mean(accuracies):.2%} (lowest {min(accuracies):.2%}), "
            f"{mean(times):.1f} s",
            flush=True,
        )
        environment = json.loads(next((HERE / "runs").glob("*/environment.json")).read_text())
        record = {"command": "python benchmarks/accuracy.py", "cells": cells, "environment": environment}
        write_whole(RESULTS, (json.dumps(record, indent=2) + "\n").encode())


def _run(net: str, data: str, recipe: str, epochs: float | None, seed: int) -> dict[str, Any]:
    out = HERE / "runs" / f"{net}-{data}-{recipe}-{epochs or 'default'}-{seed}"
    command = [sys.executable, "-m", "cnnlab", "train", net, "--data", data, "--recipe", recipe, "--seed", str(seed)]
    command += ["--epochs", str(epochs)] if epochs is not None else []
    command += ["--out", str(out), "--json", *(["--resume"] if out.exists() else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
