"""Ctrl-C: the first ends cleanly, the second within a second, without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_ends_a_comparison_at_once_with_all_its_workers(tmp_path: Path, number: signal.Signals) -> None:
    command = ["compare", "--variants", "no-dropout", "--seeds", "2", "--epochs", "500", "--out", "c"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnlab", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
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
    time.sleep(0.2)
    with pytest.raises(ProcessLookupError):  # nobody of its session is left
        os.killpg(process.pid, 0)
