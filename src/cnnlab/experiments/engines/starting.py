"""How a worker's process starts: as a copy of one that has loaded everything, on Linux; elsewhere anew.

A new process takes seconds, most of them for PyTorch. multiprocessing's fork server loads it once, beside this process,
and has one thread and no device's memory: what it forks is as good as new.
"""

from __future__ import annotations

import importlib.machinery
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context, set_start_method
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from cnnlab.experiments.engines.loaded import PARENT
from cnnlab.spawned import safe_path

#: NumPy's threads, one a core as it is loaded: workers have one each, and a process with threads cannot be forked.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}

_has_failed = False


def load_ahead() -> None:
    """Let the server that workers are forked from start and load, while this process goes on."""
    if is_served():
        try:
            _ensure_server()
        except OSError:
            _give_up()


def start(target: Callable[..., None], *args: Any, name: str) -> BaseProcess:
    """Start a daemon that calls `target(*args)`, forked or anew: a function that can be imported, args pickled.

    Its environment is this process's as it is now. It imports nothing from the current folder before it has this
    process's `sys.path`.
    """
    if is_served():
        try:
            _ensure_server()
            process = get_context("forkserver").Process(
                target=_run, args=(dict(os.environ), target, args), name=name, daemon=True
            )
            process.start()
        except (OSError, EOFError):  # the server was killed, or would not have been fit to be forked
            _give_up()
        else:
            return process
    process = get_context("spawn").Process(target=target, args=args, name=name, daemon=True)
    with safe_path():
        process.start()
    return process


def is_served() -> bool:
    """Whether workers are forked: on Linux, as long as that works and the server would find this same cnnlab."""
    if sys.platform != "linux" or _has_failed or sys.flags.ignore_environment:
        return False
    found = importlib.machinery.PathFinder.find_spec("cnnlab", _path())
    return found is None or found.origin == str(Path(__file__).parents[2] / "__init__.py")


def _give_up() -> None:
    global _has_failed
    _has_failed = True


def _path() -> list[str]:
    return [place for place in sys.path if place]


def _ensure_server() -> None:
    from multiprocessing import forkserver, resource_tracker

    forkserver.set_forkserver_preload([f"{__package__}.loaded"])
    path = os.pathsep.join(_path())
    with safe_path(PYTHONPATH=path, **_ONE_THREAD, **{PARENT: str(os.getpid())}):
        resource_tracker.ensure_running()  # what the server starts else, and lets Ctrl-C through
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the server ignores it
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(environment: dict[str, str], target: Callable[..., None], args: tuple[Any, ...]) -> None:
    """In a copy of the server: as a new process would find itself, but for what is loaded."""
    set_start_method("spawn", force=True)
    os.environ.clear()
    os.environ.update(environment)
    with suppress(KeyError):
        sys.modules["numpy"].random.seed()  # or the copies would all draw the same
    target(*args)
