"""Run the tutorial's commands in an empty folder and keep what they print, in results/first-hour.json.

    .venv/bin/python -m benchmarks.first_hour

`docs/generate.py` writes it into docs/tutorial/first-hour.md, between the marks that name the commands.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cnnlab.runs import open_run

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "docs" / "tutorial" / "first-hour.md"
RESULTS = ROOT / "results" / "first-hour.json"


def main() -> None:
    """Run all commands and write the record."""
    with TemporaryDirectory() as folder:
        steps = run_all(tutorial_commands(), Path(folder))
        where = open_run(Path(folder) / "runs" / "simple-cnn-mnist-5k-1").environment()
    record = {"command": "python -m benchmarks.first_hour", "environment": where.to_json(), "steps": steps}
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")


def tutorial_commands() -> list[str]:
    """The commands that the tutorial shows, in its order."""
    return re.findall(r"<!-- run: (.+?) -->", TUTORIAL.read_text())


def run_all(commands: list[str], folder: Path) -> list[dict[str, Any]]:
    """Run `cnnlab …` lines in a folder, one after another: what each printed, both streams together, and its time.

    Raises RuntimeError with what the first said that failed.
    """
    steps = []
    for command in commands:
        arguments = shlex.split(command, comments=True)[1:]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "cnnlab", *arguments],
            cwd=folder,
            env=os.environ | {"COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command}: exit code {done.returncode}\n{done.stdout}")
        steps.append({"command": command, "time_s": time.perf_counter() - started, "output": done.stdout})
        print(f"{steps[-1]['time_s']:6.1f} s  {command}", file=sys.stderr)
    return steps


if __name__ == "__main__":
    main()
