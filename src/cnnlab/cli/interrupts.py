"""Ctrl-C and SIGTERM: the first ends a command cleanly, the second at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_requests: list[int] = []


def was_interrupted() -> bool:
    """Whether the command that runs was asked to end."""
    return bool(_requests)


@contextmanager
def interrupts() -> Generator[None]:
    """Inside, the first request raises KeyboardInterrupt. After one, another ends the process, whatever it is at."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        _count(number)
        raise KeyboardInterrupt

    _requests.clear()
    previous = _handle(interrupt)
    try:
        yield
    finally:
        if not _requests:
            _put_back(previous)


@contextmanager
def stop_requests() -> Generator[Callable[[], bool]]:
    """Take the first request as a wish: what is given says whether the user wants to stop."""

    def ask(number: int, _frame: FrameType | None) -> None:
        _count(number)
        os.write(2, b"\nstopping after this step (Ctrl-C again: at once)\n")  # print may be at work at this moment

    previous = _handle(ask)
    try:
        yield was_interrupted
    finally:
        _put_back(previous)


def _count(number: int) -> None:
    if _requests:
        _end_at_once()
    _requests.append(number)


def _end_at_once() -> None:
    """Take worker processes along, and run nothing more: what is half written goes with the next writer."""
    if "multiprocessing" in sys.modules:
        import multiprocessing

        for process in multiprocessing.active_children():
            process.kill()
    os.write(2, b"\ncnnlab: interrupted\n")
    os._exit(130)


def _handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, object]:
    """Handle the signals, which a job in the background ignores else; gives what was before."""
    return {number: signal.signal(number, handler) for number in _SIGNALS}


def _put_back(previous: dict[int, object]) -> None:
    for number, handler in previous.items():
        signal.signal(number, handler)  # ty: ignore[invalid-argument-type]
