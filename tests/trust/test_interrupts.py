"""Ctrl-C: the first ends cleanly, the second within a second, without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_ends_a_comparison_at_once_with_all_its_workers(tmp_path: Path, number: signal.Signals) -> None:
    command = [
        "compare",
        "--out",
        "c",
        "--variants",
        "no-dropout",
        "--train-size",
        "100",
        "--seeds",
        "2",
        "--epochs",
        "9999",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnlab", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        waited_until = time.monotonic() + 90
        while not list(tmp_path.glob("c/runs/*/metrics.jsonl")) and time.monotonic() < waited_until:
            time.sleep(0.1)
        process.send_signal(number)
        time.sleep(0.05)
        process.send_signal(number)
        asked = time.monotonic()
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - asked < 1
        assert process.returncode == 130
        assert "Traceback" not in said
        assert said.strip().endswith("cnnlab: interrupted")
        until = time.monotonic() + 10  # the system's own tidying takes its time
        while living(process.pid) and time.monotonic() < until:
            time.sleep(0.1)
        assert not living(process.pid)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def living(session: int) -> list[str]:
    """What processes of a session that have not ended are called."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            name, _, rest = path.read_text().rpartition(") ")
            state, _, _, its_session = rest.split()[:4]
            if its_session == str(session) and state not in "ZX":
                found.append(name)
    return found
