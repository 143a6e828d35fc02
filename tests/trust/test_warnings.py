"""The main commands with every warning an error: none is cnnlab's, and none of a library's reaches the user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_COMMANDS = """
import sys
from tests.trust.in_process import command
tiny = ["conv-net", "--widths", "2", "--hidden", "4", "--data", "mnist-5k@200", "--epochs", "1"]
for line in (
    ["train", *tiny, "--out", "run"],
    ["train", "conv-net", "--out", "run", "--resume"],
    ["evaluate", "run"],
    ["predict", "run", "photo.png"],
    ["explore", "run", "--no-open"],
    ["export", "run", "--to", "safetensors"],
    ["export", "run", "--to", "pt2"],
    ["describe", "lenet5"],
    ["data"],
    ["compare", "--net", *tiny, "--seeds", "1", "--set", "learning-rate=0.02", "--engine", "here"],
):
    ending = command(*line)
    print(line, ending.code, ending.err[-2000:], ending.raised)
    if ending.code != 0:
        sys.exit(1)
"""


@pytest.mark.slow
def test_no_command_warns(tmp_path: Path) -> None:
    from tests.trust.hostile_folders import write_photo

    write_photo(tmp_path / "photo.png")
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _COMMANDS],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Exception ignored" not in done.stderr  # a file that nobody closed
    assert "Warning" not in done.stderr
