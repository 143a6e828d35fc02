"""Many image files are prepared by several processes: by this one, and by others beside it that do nothing else.

    with SideBySide(len(files)) as all_of_us:                                # starts them
        all_of_us.begin(files, preparation="digit", shape=(1, 28, 28))       # do something else meanwhile
        found = all_of_us.prepared(files, preparation="digit", shape=(1, 28, 28))

Whatever goes wrong in a process beside this one, this process does the task.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from math import prod
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from cnnlab.cores import available_cores
from cnnlab.errors import UserError
from cnnlab.prepare.reading import open_image, read_image
from cnnlab.prepare.several import prepared_and_counted
from cnnlab.spawned import safe_path

#: A process takes as long to start as so many photographs take to prepare.
WORTH_A_PROCESS = 25

#: Processes beside this one, at most.
MOST_BESIDE = 3

#: Images of more pixels are prepared by this process alone: one after another, they need the memory of one.
MOST_PIXELS = 13_000_000

#: Numbers that what is begun ahead may come to, in all.
MOST_AHEAD = 16_000_000

#: A file's pixels, uint8 (C, H, W), and how many characters of like size it holds; or why there are none.
Prepared = tuple[np.ndarray, int | None] | UserError


class SideBySide:
    """The processes that prepare; none beside this one where files are few or there is one core."""

    def __init__(self, count: int) -> None:
        """Start them for so many files."""
        self.beside = min(count // WORTH_A_PROCESS, available_cores() - 1, MOST_BESIDE)
        self._pool: ProcessPoolExecutor | None = None
        self._begun: deque[tuple[str, dict[str, Any], Future[Any] | None]] = deque()
        if self.beside > 0:
            self._pool = ProcessPoolExecutor(self.beside, get_context("spawn"), _ignore_interrupts)
            for _ in range(self.beside):
                self._give(os.getpid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def begin(
        self,
        files: Sequence[str],
        *,
        preparation: str,
        shape: tuple[int, int, int],
        unpadded: tuple[int, int] | None = None,
    ) -> None:
        """Let the processes beside this one begin with files that `prepared` will be asked for, in this order.

        What it is asked for in another order or another way is prepared then.
        """
        how = {"preparation": preparation, "shape": shape, "unpadded": unpadded}
        if self.beside > 0:
            for file in files[: MOST_AHEAD // prod(shape)]:
                self._begun.append((file, how, self._give_file(file, how)))

    def prepared(
        self,
        files: Sequence[str],
        *,
        preparation: str,
        shape: tuple[int, int, int],
        unpadded: tuple[int, int] | None = None,
    ) -> list[Prepared]:
        """What `prepared_and_counted` makes of each file, in their order, or the UserError that it raised."""
        how = {"preparation": preparation, "shape": shape, "unpadded": unpadded}
        given = [self._begun_or_given(file, how) for file in files]
        found: dict[int, Prepared] = {}
        for number in reversed(range(len(files))):  # from the end, as the others take the first
            future = given[number]
            if future is None or future.cancel():
                found[number] = _prepared(files[number], how)
        for number, future in enumerate(given):
            if number not in found and future is not None:
                try:
                    found[number] = self._result(future)
                except Exception:  # it died, or what it made did not get here
                    found[number] = _prepared(files[number], how)
        return [found[number] for number in range(len(files))]

    def _result(self, future: Future[Any]) -> Any:
        """What a task came to. When a process dies, Python 3.11 forgets futures that stand after a cancelled one."""
        while not wait([future], timeout=1).done:
            if self._give(os.getpid) is None:
                raise BrokenProcessPool
        return future.result()

    def _begun_or_given(self, file: str, how: dict[str, Any]) -> Future[Any] | None:
        if self._begun:
            begun, begun_how, future = self._begun.popleft()
            if (begun, begun_how) == (file, how):
                return future
            for _, _, each in [(begun, begun_how, future), *self._begun]:
                if each is not None:
                    each.cancel()
            self._begun.clear()
        return self._give_file(file, how)

    def _give_file(self, file: str, how: dict[str, Any]) -> Future[Any] | None:
        """A file for the processes; None where this process is to prepare it."""
        return self._give(_prepared, file, how) if self.beside > 0 and not _is_large(file) else None

    def _give(self, task: Callable[..., Any], *values: Any) -> Future[Any] | None:
        """A task for the processes; None where there are none any more."""
        if self._pool is None:
            return None
        try:
            with safe_path():
                return self._pool.submit(task, *values)
        except (BrokenProcessPool, OSError):  # one died, or the system starts no more
            return None


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all; the first process ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _is_large(file: str) -> bool:
    try:
        with open_image(Path(file)) as image:
            return image.width * image.height > MOST_PIXELS
    except Exception:  # whatever Pillow raises; `read_image` says it in words
        return False


def _prepared(file: str, how: dict[str, Any]) -> Prepared:
    try:
        return prepared_and_counted(read_image(file), **how)
    except UserError as error:
        return error
