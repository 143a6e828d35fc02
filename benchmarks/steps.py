"""Steps of training with and without loops that fuse layers, and beside busy neighbours; writes results/steps.json.

    .venv/bin/python -m benchmarks.steps [--rounds N] [--neighbours N …] [--out FILE]

Neighbours are loops in Python that want a core each: none, one, and four times the cores. Each way to wait gets a
process of its own in every round, the ways by turns: as OpenMP has it (spinning), passive, and as the command line
chooses it (`cnnlab.cli.sharing`); beside none, once more without Numba, as where it is not installed. Measured are
steps of SimpleCNN and LeNet-5 at batches of 64 and 256, after loops are compiled.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from cnnlab.cli.sharing import share_processor
from cnnlab.whole_files import write_whole

RESULTS = Path(__file__).parent.parent / "results" / "steps.json"

#: Seconds that a net's steps are repeated for, and steps that come before.
SECONDS, BEFORE = 1.0, 3

WAYS, WITHOUT = ("spinning", "passive", "chosen"), "without numba"
NETS = (("simple-cnn", 64), ("simple-cnn", 256), ("lenet5", 64), ("lenet5", 256))

NEIGHBOUR = "while True: pass"


def main() -> None:
    """Measure all ways beside all neighbours, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    cores = os.cpu_count() or 1
    parser.add_argument("--neighbours", type=int, nargs="+", default=[0, 1, 4 * cores])
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--way", choices=(*WAYS, WITHOUT), help="measure it in this process, and print the steps' times"
    )
    given = parser.parse_args()
    if given.way:
        if given.way not in ("spinning", "passive"):
            share_processor()
        if given.way == WITHOUT:
            from cnnlab.training import fused

            fused.loops = lambda: None  # ty: ignore[invalid-assignment]
        print(json.dumps(_steps()))
        return
    rows = []
    for neighbours in given.neighbours:
        busy = [subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) for _ in range(neighbours)]
        try:
            time.sleep(1.0)
            ways = WAYS if neighbours else (*WAYS, WITHOUT)
            found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
            for _ in range(given.rounds):
                for way in ways:
                    found[way].append(_in_a_process(way))
        finally:
            for each in busy:
                each.kill()
                each.wait()
        for net, batch in NETS:
            name = f"{net}, batches of {batch}"
            times = {way: [run["ms"][name] for run in found[way]] for way in ways}
            middle = {way: median(times[way]) for way in ways}
            rows.append(
                {"neighbours": neighbours, "net": net, "batch_size": batch, "step_ms": middle, "rounds": times}
                | {"chosen_by": {way: _paired(times["chosen"], times[way]) for way in ways if way != "chosen"}}
            )
            print(neighbours, name, {way: round(value, 1) for way, value in middle.items()}, flush=True)
    environment = found["chosen"][0]["environment"]
    record = {
        "command": "python -m benchmarks.steps",
        "environment": environment,
        "seconds": SECONDS,
        "rounds": given.rounds,
        "rows": rows,
    }
    write_whole(given.out, (json.dumps(record, indent=1) + "\n").encode())


def _paired(ours: list[float], theirs: list[float]) -> float:
    """Ours over theirs, the median of the rounds' own ratios."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))


def _in_a_process(way: str) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    if way == "passive":
        environment |= {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
    command = [sys.executable, "-m", "benchmarks.steps", "--way", way]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def _steps() -> dict[str, Any]:
    import torch
    from torch.nn.functional import cross_entropy

    from cnnlab.config import NetSpec
    from cnnlab.nets import build_net
    from cnnlab.runs.environment import environment
    from cnnlab.training.execution import quick_view
    from cnnlab.training.machine import keep_freed_memory, resolve_device, resolve_precision
    from cnnlab.training.state import lay_out

    keep_freed_memory()
    device = resolve_device("cpu")
    dtype = resolve_precision("auto", device)
    found = {}
    for name, batch in NETS:
        net = build_net(NetSpec(name=name), image_shape=(1, 28, 28), num_classes=10, seed=0)
        lay_out(net, torch.channels_last)
        view = quick_view(net).train()
        optimizer = torch.optim.Adam(net.parameters(), fused=True)
        x, y = torch.randn(batch, 1, 28, 28), torch.randint(0, 10, (batch,))
        times: list[float] = []
        started = time.perf_counter()
        while len(times) < BEFORE + 5 or time.perf_counter() - started < SECONDS:
            before = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                answers = view(x)
            optimizer.zero_grad()
            cross_entropy(answers.float(), y).backward()
            optimizer.step()
            times.append(1e3 * (time.perf_counter() - before))
        found[f"{name}, batches of {batch}"] = median(times[BEFORE:])
    return {"ms": found, "environment": environment(device, dtype).to_json(of_a_run=False)}


if __name__ == "__main__":
    main()
