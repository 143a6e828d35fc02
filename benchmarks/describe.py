"""Time `describe` on the ten nets of the tests beside torchinfo, and write results/describe.json.

    .venv/bin/python -m benchmarks.describe

Both take the same net and image in one interleaved run, 15 rounds after one to warm up; medians are kept. torchinfo
gives parameters, shapes and multiply-adds, but neither receptive fields nor functional calls.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torchinfo
from tests.anatomy.ten_nets import TEN_NETS

from cnnlab.anatomy import describe
from cnnlab.anatomy.verify import verify_fields

RESULTS = Path(__file__).parent.parent / "results" / "describe.json"
NETS_FILE = Path(__file__).parent.parent / "tests" / "anatomy" / "ten_nets.py"
ROUNDS = 15

#: The ten nets, and the eleventh at the size that ResNet-18 is known for.
CASES = [*((name, *case) for name, case in TEN_NETS.items()), ("ResNet18", TEN_NETS["ResNet18"][0], (3, 224, 224))]


def main() -> None:
    """Measure all nets and write the record."""
    record: dict[str, Any] = {"command": "python -m benchmarks.describe", "rounds": ROUNDS, "nets": []}
    for name, make, shape in CASES:
        torch.manual_seed(1)
        net = make().eval()
        batch = 2 if name == "Inception" else 1  # its squeeze would drop a batch of one
        times = _interleaved(
            lambda net=net, shape=shape: describe(net, shape),
            lambda net=net, size=(batch, *shape): torchinfo.summary(net, input_size=size, depth=20, verbose=0),
        )
        anatomy = describe(net, shape)
        row = {
            "net": name,
            "input": list(shape),
            "parameters": anatomy.parameters,
            "macs": anatomy.macs,
            "layers": len(anatomy.layers),
            "exact_fields": sum(layer.receptive_field.kind == "exact" for layer in anatomy.layers),
            "describe_s": times[0],
            "torchinfo_s": times[1],
        }
        if shape[1] <= 64:
            checks = verify_fields(net, shape)
            row["fields_checked"] = len(checks)
            row["fields_filled"] = sum(check.is_filled for check in checks)
            row["pixels_outside"] = sum(check.outside for check in checks)
        record["nets"].append(row)
        print(f"{name} {shape}: {1e3 * times[0]:.1f} ms, torchinfo {1e3 * times[1]:.1f} ms", flush=True)
    record["command_s"] = _command()
    record["environment"] = {
        "torch": torch.__version__,
        "torchinfo": torchinfo.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


def _command() -> float:
    """Median wall seconds of `cnnlab describe` for ResNet-18, process start and PyTorch's import included."""
    program = [sys.executable, "-m", "cnnlab", "describe", f"{NETS_FILE}:ResNet18", "--input", "3x224x224", "--json"]
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(program, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return median(times)


def _interleaved(*calls: Callable[[], Any]) -> list[float]:
    """Median seconds of each call, one of each a round."""
    times: list[list[float]] = [[] for _ in calls]
    for round_number in range(ROUNDS + 1):
        for call, kept in zip(calls, times, strict=True):
            started = time.perf_counter()
            call()
            if round_number:
                kept.append(time.perf_counter() - started)
    return [median(kept) for kept in times]


if __name__ == "__main__":
    main()
