"""Measure each command's peak memory on many images, and write results/memory.json.

    .venv/bin/python -m benchmarks.memory [--images 300000] [command …]

Without a command all are measured; with some, the others stay in the record as they were, if it is of as many images.
It needs Linux and no network: the images are those of mnist-5k, each moved by up to two pixels, with noise, drawn with
a fixed seed, so that hardly two are equal. They stand in an .npz file of uint8, and, for `train folder:`, a fifth of
them as PNG files. Numba's loops are compiled before: that takes some 350 MB more, whatever the images, and once.

main: the largest resident memory of the command's own process (VmHWM). with workers: the largest sum over that process
and all below it of what each holds for itself, what copies of a process share counted once (Pss_Anon), and once the
pages of files that the one with most of them holds (RssFile, RssShmem), looked at every 0.1 s. Both in MB of 10^6
bytes. Python and PyTorch alone take what `describe` takes. Trainings are short: what a step takes depends on the batch,
what an epoch takes on the split that it measures, and neither on their number.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from cnnlab.data.embedded import read_embedded
from cnnlab.runs.environment import environment

RESULTS = Path(__file__).parent.parent / "results" / "memory.json"

#: What no command may exceed, in MB.
BOUND = 1500

#: Name → arguments, in the order in which they need each other's runs. Words in braces are this program's.
COMMANDS: dict[str, str] = {
    "train": "train lenet5 --data {npz} --epochs 0.02 --out lenet",
    "train simple-cnn": "train simple-cnn --data {npz} --epochs 0.02 --out cnn",
    "train, moved images": "train simple-cnn --data {npz} --epochs 0.02 --shift 2 --rotate-degrees 5 --out moved",
    "train --resume": "train lenet5 --data {npz} --epochs 0.02 --out lenet --resume",
    "train folder:": "train lenet5 --data folder:{folder} --epochs 0.1 --out of-folder",
    "train folder: again": "train lenet5 --data folder:{folder} --epochs 0.1 --out of-folder-again",
    "train, part of permuted images": "train lenet5 --data {npz}@200000+permuted-pixels --epochs 0.02 --out permuted",
    "evaluate --split test": "evaluate lenet --split test",
    "evaluate --split validation": "evaluate lenet --split validation",
    "evaluate --split train": "evaluate lenet --split train",
    "predict": "predict cnn {picture}",
    "look": "look cnn --out look",
    "look --layer": "look cnn --layer features.0 --out look-layer",
    "explore": "explore cnn --no-open",
    "export --to onnx": "export cnn --to onnx",
    "export --to pt2": "export cnn --to pt2",
    "export --to safetensors": "export cnn --to safetensors",
    "compare": "compare --data {npz} --net lenet5 --set learning-rate=0.002 --seeds 1 --epochs 0.01 --out compare",
    "compare --engine batched":
        "compare --data {npz} --net lenet5 --set learning-rate=0.002 --seeds 2 --epochs 0.002 --engine batched"
        " --out batched",
    "sweep": "sweep --data {npz} --widths 4 4,8 --seeds 1 --epochs 0.01 --out sweep",
    "find-lr": "find-lr lenet5 --data {npz}",
    "playground": "playground lenet5 --data {npz} --no-open",
    "data": "data",
    "data --check": "data {npz} --check --out check",
    "describe": "describe simple-cnn",
    "bench": "bench --data {npz} --rounds 1 --seconds 1",
    "claims --quick": "claims dropout-mean --quick",
}  # fmt: skip


@dataclass(frozen=True)
class Peak:
    """A command's peak memory in MB: of its own process, and of that with all that it started. time_s: how long."""

    main: float
    with_workers: float
    time_s: float


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", metavar="command", help=f"some of: {', '.join(COMMANDS)}")
    parser.add_argument("--images", type=int, default=300_000)
    parser.add_argument("--out", type=Path, default=RESULTS, help="the record")
    chosen = parser.parse_args()
    if unknown := set(chosen.commands) - set(COMMANDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; expected some of: {', '.join(COMMANDS)}")
    rows = _kept_rows(chosen.out, chosen.images)
    with TemporaryDirectory() as folder:
        names = chosen.commands or list(COMMANDS)
        with_pictures = any("{folder}" in COMMANDS[name] for name in names)
        places = make_images(Path(folder), chosen.images, with_pictures=with_pictures)
        compile_loops(Path(folder))
        for name in names:
            run = _run_of(name)
            if run is not None and not (Path(folder) / run).exists():
                peak_of(_arguments(next(one for one in COMMANDS if _made_by(one) == run), places), Path(folder))
            peak = peak_of(_arguments(name, places), Path(folder))
            rows[name] = {
                "command": COMMANDS[name].format(npz="npz:FILE", folder="PATH", picture="PICTURE"),
                "main_mb": round(peak.main),
                "with_workers_mb": round(peak.with_workers),
            }
            print(f"{name:32}{peak.main:8.0f}{peak.with_workers:8.0f} MB{peak.time_s:8.1f} s", flush=True)
            _write(chosen.out, chosen.images, rows)


def make_images(folder: Path, count: int, *, with_pictures: bool = True) -> dict[str, str]:
    """Write `count` images as images.npz, one as picture.png and, with pictures, a fifth as PNG files; the places."""
    images, labels = many_images(count)
    np.savez(folder / "images.npz", images=images, labels=labels)
    Image.fromarray(255 - images[0]).save(folder / "picture.png")
    for label in range(10):
        (folder / "pictures" / str(label)).mkdir(parents=True)
    for i in range(count // 5 if with_pictures else 0):
        Image.fromarray(images[i]).save(folder / "pictures" / str(labels[i]) / f"{i}.png")
    return {
        "npz": f"npz:{folder / 'images.npz'}",
        "folder": str(folder / "pictures"),
        "picture": str(folder / "picture.png"),
    }


def many_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (count, 28, 28) that look like MNIST's, hardly two of them equal, and labels int64 (count,)."""
    images, labels = read_embedded()
    random = np.random.default_rng(0)
    which = random.integers(0, len(images), count)
    moves = random.integers(-2, 3, (count, 2))
    made = np.empty((count, 28, 28), dtype=np.uint8)
    for i, (source, move) in enumerate(zip(which, moves, strict=True)):
        made[i] = np.roll(images[source], tuple(move), axis=(0, 1))
    for part in np.array_split(made, max(1, count // 10_000)):
        np.maximum(part, random.integers(0, 16, part.shape, dtype=np.uint8), out=part)
    return made, labels[which]


def compile_loops(folder: Path) -> None:
    """Have each net's loops compiled and kept by a short training in `folder`, where Numba is and they were not yet."""
    for net in ("lenet5", "simple-cnn"):
        peak_of(["train", net, "--data", "mnist-5k@500", "--epochs", "0.1", "--out", f"compiled-{net}"], folder)


def peak_of(arguments: list[str], folder: Path) -> Peak:
    """Run `cnnlab` with these arguments in `folder` and watch its memory. Raises RuntimeError where it fails."""
    started = time.perf_counter()
    largest = summed = 0
    with (folder / "output.txt").open("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cnnlab", *arguments], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        while process.poll() is None:
            held = [_kilobytes(pid) for pid in _family(process.pid)]
            largest = max(largest, held[0]["VmHWM"] if held else 0)
            summed = max(
                summed,
                sum(one["Pss_Anon"] for one in held) + max(one["RssFile"] + one["RssShmem"] for one in held)
                if held
                else 0,
            )
            time.sleep(0.1)
        if process.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"cnnlab {' '.join(arguments)}: exit {process.returncode}\n{output.read()[-2000:]}")
    return Peak(largest * 1024 / 1e6, summed * 1024 / 1e6, time.perf_counter() - started)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has ended meanwhile
        return []
    return [pid, *(one for child in children for one in _family(child))]


def _kilobytes(pid: int) -> Counter[str]:
    try:
        lines = [
            line for file in ("status", "smaps_rollup") for line in Path(f"/proc/{pid}/{file}").read_text().splitlines()
        ]
    except OSError:  # it has ended meanwhile
        return Counter()
    return Counter({line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")})


def _arguments(name: str, places: dict[str, str]) -> list[str]:
    return COMMANDS[name].format(**places).split()


def _run_of(name: str) -> str | None:
    """The run that a command is about, which another one makes."""
    words = COMMANDS[name].split()
    if "--resume" in words:
        return words[words.index("--out") + 1]
    return words[1] if words[0] in ("evaluate", "predict", "look", "explore", "export") else None


def _made_by(name: str) -> str | None:
    words = COMMANDS[name].split()
    return words[words.index("--out") + 1] if words[0] == "train" and "--resume" not in words else None


def _kept_rows(path: Path, images: int) -> dict[str, Any]:
    if not path.exists():
        return {}
    record = json.loads(path.read_text())
    return record["rows"] if record["images"] == images else {}


def _write(path: Path, images: int, rows: dict[str, Any]) -> None:
    record = {
        "command": f"python -m benchmarks.memory --images {images}",
        "images": images,
        "shape": [1, 28, 28],
        "bound_mb": BOUND,
        "environment": environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False),
        "rows": {name: rows[name] for name in COMMANDS if name in rows},
    }
    path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
