"""A process that works when asked, and whose end is never a hang. Modules stand in for pipelines: no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from cnnlab.bench.contender import Contender, ContenderFailed
from cnnlab.config import Augmentation, checked
from cnnlab.errors import UserError

_SCRIPT = """
from importlib import import_module
from cnnlab.bench.contender import Contender

if __name__ == "__main__":
    with Contender("the sleeper", import_module, "time") as sleeper:
        sleeper.ask("time")
        print(sleeper._process.pid, flush=True)
        sleeper.ask("sleep", 60)
"""


def test_it_answers_and_ends() -> None:
    with Contender("the calculator", import_module, "math") as calculator:
        assert calculator.ask("hypot", 3, 4) == 5
        assert calculator.ask("gcd", 12, 18) == 6
        with pytest.raises(ContenderFailed, match=r"(?s)the calculator failed.*math domain|nonnegative"):
            calculator.ask("sqrt", -1)
    assert not calculator._process.is_alive()


@pytest.mark.parametrize(
    ("module", "method", "argument", "says"),
    [("os", "_exit", 3, "exit code 3"), ("signal", "raise_signal", 9, "signal SIGKILL; .* memory")],
)
def test_a_process_that_dies_is_reported(module: str, method: str, argument: int, says: str) -> None:
    with (
        Contender("the stock pipeline", import_module, module) as dying,
        pytest.raises(ContenderFailed, match=f"the stock pipeline ended by itself .{says}"),
    ):
        dying.ask(method, argument)


def test_a_process_that_cannot_start_is_reported() -> None:
    with Contender("cnnlab", int, "no number") as failing, pytest.raises(ContenderFailed, match="no number"):
        failing.ask("bit_length")
    with Contender("cnnlab", os._exit, 4) as failing, pytest.raises(ContenderFailed, match="exit code 4"):
        failing.ask("anything")


def test_a_users_error_stays_one() -> None:
    wrong = {"shfit": 1}
    with (
        Contender("cnnlab", checked, Augmentation, wrong, "options") as failing,
        pytest.raises(UserError, match="unknown key shfit; did you mean shift"),
    ):
        failing.ask("model_dump")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_ends_parent_and_child(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.1)
    os.killpg(parent.pid, signal.SIGINT)  # a terminal sends it to parent and child alike
    _, errors = parent.communicate(timeout=20)
    assert errors.count("Traceback") == 1  # the parent's own
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
