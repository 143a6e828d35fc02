"""Many image files are prepared by several processes: by this one, and by others beside it that do nothing else.

    with SideBySide(len(files)) as all_of_us:      # starts them; do something else meanwhile
        found = all_of_us.prepared(files, preparation="digit", shape=(1, 28, 28))

A process beside this one reads tasks from its standard input, a line of JSON each, and writes what came of them: a line
of JSON and, after it, the pixels. It ends where its input does. Whatever goes wrong there, this process does the task.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import numpy as np

from cnnlab.errors import UserError
from cnnlab.prepare.reading import open_image, read_image
from cnnlab.prepare.several import prepared_and_counted

#: A process takes as long to start as so many photographs take to prepare.
WORTH_A_PROCESS = 25

#: Processes beside this one, at most.
MOST_BESIDE = 3

#: Images of more pixels are prepared by this process alone: one after another, they need the memory of one.
MOST_PIXELS = 13_000_000

#: A file's pixels, uint8 (C, H, W), and how many characters of like size it holds; or why there are none.
Prepared = tuple[np.ndarray, int | None] | UserError


class SideBySide:
    """The processes that prepare; none beside this one where files are few or there is one core."""

    def __init__(self, count: int) -> None:
        """Start them for so many files."""
        beside = min(count // WORTH_A_PROCESS, _cores() - 1, MOST_BESIDE)
        self._beside = [process for _ in range(beside) if (process := _started()) is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._beside:
            _end(process)

    def prepared(
        self,
        files: Sequence[str],
        *,
        preparation: str,
        shape: tuple[int, int, int],
        unpadded: tuple[int, int] | None = None,
    ) -> list[Prepared]:
        """What `prepared_and_counted` makes of each file, in their order, or the UserError that it raised."""
        waiting, kept = deque(enumerate(files)), deque[tuple[int, str]]()
        how = {"preparation": preparation, "shape": shape, "unpadded": unpadded}
        found: dict[int, Prepared] = {}
        threads = [
            Thread(target=self._shared, args=(process, waiting, kept, found, how), daemon=True)
            for process in self._beside
        ]
        for thread in threads:
            thread.start()
        try:
            _work(waiting, found, how)
        finally:
            waiting.clear()
            for thread in threads:
                thread.join()
        _work(kept, found, how)
        return [found[number] for number in range(len(files))]

    def _shared(
        self,
        process: subprocess.Popen[bytes],
        waiting: deque[tuple[int, str]],
        kept: deque[tuple[int, str]],
        found: dict[int, Prepared],
        how: dict[str, Any],
    ) -> None:
        """Let a process take what is waiting; what it leaves is kept, and a process that died gets no more."""
        while waiting:
            try:
                number, file = waiting.popleft()
            except IndexError:  # another was quicker
                return
            try:
                came = _asked(process, {"file": file} | how)
            except (OSError, ValueError):
                kept.append((number, file))
                self._beside.remove(process)
                _end(process)
                return
            if came is None:
                kept.append((number, file))
            else:
                found[number] = came


def _work(waiting: deque[tuple[int, str]], found: dict[int, Prepared], how: dict[str, Any]) -> None:
    while waiting:
        try:
            number, file = waiting.popleft()
        except IndexError:
            return
        try:
            found[number] = prepared_and_counted(read_image(file), **how)
        except UserError as error:
            found[number] = error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _started() -> subprocess.Popen[bytes] | None:
    """A process that prepares; None where the system starts no more."""
    # -P: the folder where the command is given holds whatever it holds, and nothing of it is imported.
    program = [sys.executable, "-P", "-m", "cnnlab.prepare.side_by_side"]
    try:
        return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _asked(process: subprocess.Popen[bytes], task: dict[str, Any]) -> Prepared | None:
    """What came of a task; None where this process should do it. Raises OSError or ValueError where the other died."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(task).encode() + b"\n")
    process.stdin.flush()
    told = json.loads(process.stdout.readline())
    if "error" in told:
        return UserError(told["error"])
    if "form" not in told:
        return None
    form = told["form"]
    pixels = np.frombuffer(process.stdout.read(int(np.prod(form))), dtype=np.uint8).reshape(form)
    return pixels.copy(), told["alike"]


def _is_large(file: str) -> bool:
    try:
        with open_image(Path(file)) as image:
            return image.width * image.height > MOST_PIXELS
    except Exception:  # whatever Pillow raises; `read_image` says it in words
        return False


def _answered(task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if _is_large(task["file"]):
        return {}, b""
    try:
        pixels, alike = prepared_and_counted(
            read_image(task["file"]),
            preparation=task["preparation"],
            shape=tuple(task["shape"]),
            unpadded=tuple(task["unpadded"]) if task["unpadded"] else None,
        )
    except UserError as error:
        return {"error": str(error)}, b""
    return {"form": pixels.shape, "alike": alike}, pixels.tobytes()


def main() -> None:
    """Answer tasks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process ends the others
    for line in sys.stdin.buffer:
        told, pixels = _answered(json.loads(line))
        sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + pixels)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
