"""Put the promises of SECURITY.md to the test in full, and write results/trust.json.

    python -m benchmarks.trust [kills|faults|folders|fuzz|golden|soak …] [--every 1] [--inputs 100000] [--hours 1]

Without a name all are measured; with some, the others stay in the record as they were. The same harness runs in the
tests under tests/trust, on a part of its cases.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import torch
from tests.trust.cutting import cut_all, kills, refusals
from tests.trust.fuzzing import fuzz
from tests.trust.hostile_folders import try_all
from tests.trust.soaking import flatness, kept_by_exports, soak
from tests.trust.test_golden_losses import GOLDEN, TOLERANCE, losses

from cnnlab.data import load
from cnnlab.runs.environment import environment

#: Part → the options that it is measured with.
_OPTIONS = {
    "kills": "--every {every}",
    "faults": "--every {every}",
    "folders": "--every {every}",
    "fuzz": "--inputs {inputs} --seed {seed}",
    "golden": "",
    "soak": "--hours {hours:g}",
}

RESULTS = Path(__file__).parent.parent / "results" / "trust.json"


def main() -> None:
    """Measure what the command line names, and write the record."""
    parts: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
        "kills": _kills,
        "faults": _faults,
        "folders": _folders,
        "fuzz": _fuzz,
        "golden": _golden,
        "soak": _soak,
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trust")
    parser.add_argument("parts", nargs="*", choices=[*parts, []], metavar="|".join(parts))
    parser.add_argument("--hours", type=float, default=1.0, help="of the soak")
    parser.add_argument("--rounds", type=int, help="of the soak, in place of hours")
    parser.add_argument("--inputs", type=int, default=100_000, help="of the fuzzer, over all readers")
    parser.add_argument("--seed", type=int, default=0, help="of the fuzzer")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every Kth kill and fault")
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    record = json.loads(chosen.out.read_text()) if chosen.out.is_file() else {}
    for part in chosen.parts or parts:
        started = monotonic()
        with TemporaryDirectory() as folder:
            found = parts[part](chosen, Path(folder))
        said = f"python -m benchmarks.trust {part} {_OPTIONS[part]}".format(**vars(chosen)).strip()
        record[part] = {"command": said} | found | {"time_s": round(monotonic() - started, 1)}
        record["environment"] = environment(torch.device("cpu"), torch.float32).to_json(of_a_run=False)
        chosen.out.write_text(json.dumps(record, indent=2) + "\n")
        print(part, json.dumps(record[part])[:2000], flush=True)


def _kills(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return cut_all(folder, lambda scene: kills(scene, sampled=60), every=chosen.every)


def _faults(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return cut_all(folder, refusals, every=chosen.every)


def _folders(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return try_all(folder, every=chosen.every)


def _fuzz(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return fuzz(folder, inputs=chosen.inputs, seed=chosen.seed, keep=chosen.out.with_name(f"{chosen.out.stem}-inputs"))


def _golden(_chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """How far losses are from those that the tests hold, by net and number of threads."""
    data = load("mnist-5k@300")
    found: dict[str, Any] = {"tolerance": TOLERANCE, "largest_difference": {}}
    for net, expected in GOLDEN.items():
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            got = losses(folder / f"{net}-{threads}", data, net, epochs=2)
            apart = max(
                abs(a - b) for one, other in zip(got, expected, strict=True) for a, b in zip(one, other, strict=True)
            )
            found["largest_difference"][f"{net}, {threads} thread{'s' * (threads > 1)}"] = apart
    torch.set_num_threads(1)
    return found


def _soak(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    samples, counts, others = soak(folder, time_s=3600 * chosen.hours, rounds=chosen.rounds)
    some = samples[:: max(1, len(samples) // 120)]
    return {
        "hours": chosen.hours,
        "commands": counts,
        "others": others,
        **flatness(samples),
        "kept_mb_an_export_to_pt2": kept_by_exports(folder),
        "samples": [{name: round(value, 3) for name, value in each._asdict().items()} for each in some],
    }


if __name__ == "__main__":
    main()
