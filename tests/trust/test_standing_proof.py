"""A part of the cases of `python -m benchmarks.trust`, in a process of its own: none ends in anything but a result or
one line that a user can mend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.trust.soaking import soak

_ROOT = Path(__file__).parents[2]


def measured(folder: Path, part: str, *options: object) -> dict[str, Any]:
    """What the command says of a part."""
    out = folder / "trust.json"
    line = [sys.executable, "-m", "benchmarks.trust", part, *map(str, options), "--out", str(out)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())[part]


# Steps through the cases are primes, so that they meet every command and every way to cut it short.


@pytest.mark.slow
def test_a_killed_or_stopped_command_given_again_comes_to_the_undisturbed_end(tmp_path: Path) -> None:
    found = measured(tmp_path, "kills", "--every", 67)
    assert found["others"] == []
    assert found["cases"] >= 8


@pytest.mark.slow
def test_what_the_disk_refuses_is_one_line_and_costs_nothing(tmp_path: Path) -> None:
    found = measured(tmp_path, "faults", "--every", 127)
    assert found["others"] == []
    assert found["cases"] >= 8


@pytest.mark.slow
def test_a_strangers_run_folder_changes_nothing_outside_and_ends_in_a_result_or_a_line(tmp_path: Path) -> None:
    found = measured(tmp_path, "folders", "--every", 113)
    assert found["others"] == []
    assert found["cases"] >= 8


@pytest.mark.slow
def test_every_reader_takes_or_refuses_what_is_wrong(tmp_path: Path) -> None:
    found = measured(tmp_path, "fuzz", "--inputs", 2000)
    assert found["others"] == []
    assert found["inputs"] >= 2000
    takes_all = {name for name, of in found["readers"].items() if not of.get("UserError")}
    # Openings are lines that are counted, code is hashed or read and not run, what is wrong in the rest is told.
    takers = {"test openings", "a net's code", "a notebook's code", "a platform's download", "marks of a class"}
    assert takes_all == takers
    assert found["peak_mb"] < 1500


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_rounds_of_commands_leave_no_handle_and_no_thread_behind(tmp_path: Path) -> None:
    samples, _, others = soak(tmp_path, time_s=0, rounds=3, leaves_out=("look", "explore", "export"))
    assert others == []
    assert len({(each.handles, each.threads) for each in samples[1:]}) == 1
