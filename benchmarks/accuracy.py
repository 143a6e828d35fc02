"""Measure what the default recipe reaches, and write it to results/accuracy.json.

    CNNLAB_DATA=ROOT .venv/bin/python benchmarks/accuracy.py

Every cell is what a user would type: `cnnlab train NET --data D --epochs E --seed S`. A run in benchmarks/runs/ that is
already finished is not trained again. The test split is opened once a run, at its end.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "accuracy.json"

#: net, data, epochs (None: the default), seeds
CELLS: list[tuple[str, str, float | None, int]] = [
    ("simple-cnn", "mnist", 3, 5),
    ("simple-cnn", "mnist", 1, 5),
    ("lenet5", "mnist", 4, 5),
    ("mlp", "mnist", 4, 5),
    ("lenet5-1998", "mnist", 4, 1),
    ("simple-cnn", "mnist-5k", None, 5),
    ("lenet5", "mnist-5k", None, 5),
    ("simple-cnn", "fashion-mnist", 3, 1),
]


def main() -> None:
    """Run all cells and write the record."""
    record: dict[str, Any] = {"command": "benchmarks/accuracy.py", "cells": []}
    for net, data, epochs, seeds in CELLS:
        runs = [_run(net, data, epochs, seed) for seed in range(seeds)]
        accuracies = [run["test"]["accuracy"] for run in runs]
        record["cells"].append(
            {
                "net": net,
                "data": data,
                "epochs": runs[0]["epochs_run"],
                "parameters": runs[0]["parameters"],
                "test_images": runs[0]["test"]["images"],
                "test_accuracy": accuracies,
                "validation_accuracy": [run["validation"]["accuracy"] for run in runs],
                "train_time_s": [run["train_time_s"] for run in runs],
            }
        )
        times = record["cells"][-1]["train_time_s"]
        print(
            f"{net} on {data}: test {mean(accuracies):.2%} (lowest {min(accuracies):.2%}), {mean(times):.1f} s",
            flush=True,
        )
    environment = json.loads(next((HERE / "runs").glob("*/environment.json")).read_text())
    record["environment"] = environment | {"python": platform.python_version()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


def _run(net: str, data: str, epochs: float | None, seed: int) -> dict[str, Any]:
    out = HERE / "runs" / f"{net}-{data}-{epochs or 'default'}-{seed}"
    command = [sys.executable, "-m", "cnnlab", "train", net, "--data", data, "--seed", str(seed), "--out", str(out)]
    command += ["--epochs", str(epochs)] if epochs is not None else []
    done = subprocess.run([*command, "--resume", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
