"""Time `cnnlab predict` on 100 pictures, and write results/predict.json.

    .venv/bin/python -m benchmarks.predict

A LeNet-5 is trained on `mnist-5k` for 20 epochs, seed 0. Two folders of 100 pictures are made from seeds: digits of
that set's test split as 20 photographs each of five kinds of `benchmarks/photographs.py`, and 100 digits as they are
stored, of 28×28 pixels. `cnnlab predict RUN FILE…` is run on each as a user runs it, a new process each time that finds
its modules compiled, by turns with one that imports PyTorch alone; what is kept is the wall time, of which the median
counts, and the processor time, that of all its processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from benchmarks.photographs import KINDS, commit

import cnnlab
from cnnlab.data.imageset import ImageSet
from cnnlab.runs.environment import environment
from cnnlab.training.machine import resolve_device, resolve_precision

RESULTS = Path(__file__).parent.parent / "results" / "predict.json"
ROUNDS, COUNT, EPOCHS = 7, 100, 20

#: What a phone or a scanner gives, 20 pictures each.
PHOTOGRAPHED = (
    "plain paper",
    "squared paper",
    "small on a large photograph",
    "sheet on a desk, tilted by 6°",
    "box, 400 pixels",
)
STORED = ("MNIST's own image",)

COMMAND = [sys.executable, "-m", "cnnlab"]


def main() -> None:
    """Train, make the pictures, time the command and write the record."""
    data = cnnlab.load("mnist-5k")
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder, "lenet"))
        _seconds([*COMMAND, "train", "lenet5", "--data", "mnist-5k", "--epochs", str(EPOCHS), "--out", run])
        pictures = {
            name: _pictures(data, kinds, Path(folder, name))
            for name, kinds in (("photographs", PHOTOGRAPHED), ("stored", STORED))
        }
        programs = {name: [*COMMAND, "predict", run, *files] for name, (files, _) in pictures.items()}
        programs["import torch"] = [sys.executable, "-c", "import torch"]
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for number in range(ROUNDS + 1):
            for name, program in programs.items():
                took = _seconds(program)
                if number:  # the first reads from the disk what the others find in memory
                    times[name].append(took)
        right = {name: _right(programs[name], labels) for name, (_, labels) in pictures.items()}
    device = resolve_device("auto")
    record: dict[str, Any] = {
        "command": "python -m benchmarks.predict",
        "commit": commit(),
        "environment": environment(device, resolve_precision("auto", device)).to_json(of_a_run=False),
        "n": COUNT,
        "rounds": ROUNDS,
        "net": f"lenet5 on mnist-5k, {EPOCHS} epochs, seed 0",
        "kinds": {"photographs": PHOTOGRAPHED, "stored": STORED},
        "rows": {
            name: {
                "wall_s": median(wall for wall, _ in of_name),
                "smallest_s": min(wall for wall, _ in of_name),
                "largest_s": max(wall for wall, _ in of_name),
                "processor_s": median(processor for _, processor in of_name),
                "right": right.get(name),
            }
            for name, of_name in times.items()
        },
    }
    for name, row in record["rows"].items():
        print(name, row)
    RESULTS.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def _pictures(data: ImageSet, kinds: Sequence[str], folder: Path) -> tuple[list[str], list[str]]:
    """Files of test digits, as many of each kind, and what they show."""
    folder.mkdir()
    files = []
    for i in range(COUNT):
        kind = kinds[i * len(kinds) // COUNT]
        image, how = KINDS[kind](data.test.images[i, 0].numpy(), np.random.default_rng(i))
        files.append(str(folder / f"{i}.{'jpg' if how.get('format') == 'JPEG' else 'png'}"))
        image.save(files[-1], **how)
    return files, [data.classes[int(label)] for label in data.test.labels[:COUNT]]


def _seconds(program: Sequence[str]) -> tuple[float, float]:
    """Wall and processor seconds of a program, its start included."""
    as_installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, started = os.times(), time.perf_counter()
    subprocess.run(program, check=True, capture_output=True, env=as_installed)
    took, after = time.perf_counter() - started, os.times()
    return took, sum(after[2:4]) - sum(before[2:4])


def _right(program: Sequence[str], labels: Sequence[str]) -> int:
    found = subprocess.run([*program, "--json"], check=True, capture_output=True)
    answers = json.loads(found.stdout)
    return sum(answer["label"] == label for answer, label in zip(answers, labels, strict=True))


if __name__ == "__main__":
    main()
