"""Commands in forked processes: torch is loaded once, and each may be cut short at a call of its disk."""

from __future__ import annotations

import json
import os
import signal
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.trust.disk import Cut, Disk
from tests.trust.in_process import command

#: Seconds after which a command is taken for one that hangs.
LONGEST_S = 60


class Ended(NamedTuple):
    """How a forked command ended. code: -9 where it was killed, -14 where it hung. calls: of its disk."""

    code: int
    out: str
    err: str
    calls: tuple[str, ...]
    is_typed: bool

    @property
    def says(self) -> str:
        """Its last line; of a bug the exception's."""
        lines = self.err.strip().splitlines() or [""]
        return lines[-2 if self.code == 70 and len(lines) > 1 else -1][:300]


def forked(line: Sequence[object], folder: Path, cut: Cut | None = None) -> Ended:
    """Run a command with `folder` as its working folder."""
    note = folder.with_name(f"{folder.name}.ended")
    note.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        _run(line, folder, cut, note)
    code = _wait(child)
    if note.exists() and note.stat().st_size:
        told: dict[str, Any] = json.loads(note.read_text())
        return Ended(code, told["out"], told["err"], tuple(told["calls"]), told["is_typed"])
    return Ended(code, "", "", (), False)


def _run(line: Sequence[object], folder: Path, cut: Cut | None, note: Path) -> None:
    """In the child: never returns."""
    code = 99
    try:
        signal.alarm(LONGEST_S)
        os.chdir(folder)
        handle = os.open(note, os.O_WRONLY | os.O_CREAT)
        disk = Disk(folder, cut)
        ending = command(*line)
        err = ending.err
        if ending.raised is not None:
            err += "".join(traceback.format_exception(ending.raised))
        code = 98 if ending.code is None else ending.code
        says = {"out": ending.out, "err": err, "calls": disk.calls, "is_typed": ending.is_typed}
        os.write(handle, json.dumps(says).encode())
    finally:
        os._exit(code)


def _wait(child: int) -> int:
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
