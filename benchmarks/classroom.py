"""How long a class takes to collect and mark; writes results/classroom.json.

    .venv/bin/python -m benchmarks.classroom [--rounds N]

The class of sixty is the one of the tests (`tests/classroom/class_of_sixty.py`): right, wrong, edited, doubled, late
and hostile hand-ins in one zip, with small nets measured on 400 images. In the other each of sixty students hands in a
SimpleCNN of their own, measured on 2,000 of MNIST's test images ($CNNLAB_DATA, or the cache). Time is that of `cnnlab
class collect` as a process, PyTorch's import in it; peak: its largest resident memory, in MB of 10^6 bytes. A class is
collected twice, and what the two wrote is compared byte for byte.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tests.classroom.class_of_sixty import DUE, SECRET, STUDENTS, Download, content, hand_in, key_of, make, saved

from cnnlab.nets import SimpleCNN
from cnnlab.runs.environment import environment
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "classroom.json"


def main() -> None:
    """Measure both classes and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    rows: dict[str, Any] = {}
    with TemporaryDirectory() as place:
        made = make(Path(place))
        with_nets = _with_nets(Path(place), made.folder)
        for name, folder, download in (
            ("a class of sixty", made.folder, made.download),
            ("a SimpleCNN from each", with_nets, with_nets.with_suffix(".zip")),
        ):
            found = [_collected(folder, download) for _ in range(rounds)]
            results = json.loads((folder / "collected" / "results.json").read_text())["results"]
            rows[name] = {
                "students": sum(bool(one["file"]) for one in results),
                "hand_ins": sum(one["tries"] for one in results),
                "nets_measured": sum(net["accuracy"] is not None for one in results for net in one["nets"]),
                "time_s": [round(time_s, 2) for time_s, _ in found],
                "peak_mb": max(peak for _, peak in found),
                "same_bytes": _is_same_again(folder, download),
            }
            print(name, rows[name], flush=True)
    record = {
        "command": f"python -m benchmarks.classroom --rounds {rounds}",
        "environment": environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False),
        "rows": rows,
    }
    write_whole(RESULTS, (json.dumps(record, indent=2) + "\n").encode())


def _with_nets(place: Path, like: Path) -> Path:
    """A class beside another, and in a zip a hand-in of each student with a SimpleCNN of their own."""
    folder = place / "with-nets"
    shutil.copytree(like, folder)
    shutil.rmtree(folder / "marks")
    settings = json.loads((folder / "class.json").read_text())
    (folder / "class.json").write_text(json.dumps(settings | {"withheld": {"data": "mnist", "images": 2000}}))
    download = Download()
    for student in range(STUDENTS):
        torch.manual_seed(student)
        file = saved(SimpleCNN().state_dict(), net="simple-cnn", options={}, settings={"net": "simple-cnn"})
        weights = [{"name": "mine.safetensors", "base64": base64.b64encode(file).decode()}]
        holds = content(student={"id": f"s{1000 + student}", "name": ""}, weights=weights)
        download.add("student", student, f"{student}.json", hand_in(holds, key_of(SECRET)), DUE - timedelta(days=1))
    download.write(folder.with_suffix(".zip"))
    return folder


def _collected(folder: Path, download: Path) -> tuple[float, int]:
    """Seconds, and the peak in MB, of a first collection."""
    for name in ("handed-in", "collected"):
        shutil.rmtree(folder / name, ignore_errors=True)
    command = [sys.executable, "-m", "cnnlab", "class", "collect", "--class", str(folder), str(download)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    return time.perf_counter() - started, round(used.ru_maxrss * 1024 / 1e6)


def _is_same_again(folder: Path, download: Path) -> bool:
    def written() -> dict[str, bytes]:
        there = folder / "collected"
        return {str(path.relative_to(there)): path.read_bytes() for path in there.rglob("*") if path.is_file()}

    first = written()
    _collected(folder, download)
    return first == written()


if __name__ == "__main__":
    main()
