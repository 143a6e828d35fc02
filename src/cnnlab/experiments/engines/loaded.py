"""What a process loads that workers are forked from: all that trains, and nothing that starts a thread.

Done where that process imports this, before it forks for the first time. It ends here where it has threads all the
same, as they would not live on in a fork; and with its parent, which may end before everything is loaded.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
from contextlib import suppress
from importlib import import_module

#: In the order in which they are loaded; what cannot be imported is left to whoever needs it.
MODULES = ("torch", "cnnlab.training.compiled", "cnnlab.experiments.train_job")

#: The variable that says which process the parent is, and that this is the process to load in.
PARENT = "CNNLAB_LOADED_FOR"

#: prctl's option, of Linux, which says what signal a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


def load() -> None:
    """Import the modules and what Numba makes ready before it first runs a loop. Ctrl-C is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with_parent(signal.SIGKILL)
    if str(os.getppid()) != os.environ.get(PARENT):  # it has ended before that was said
        os._exit(1)
    for name in MODULES:
        with suppress(Exception):
            import_module(name)
    with suppress(Exception):
        target = import_module("numba.core.registry").cpu_target
        target.typing_context.refresh()
        target.target_context.refresh()
    if len(os.listdir("/proc/self/task")) > 1:
        os._exit(1)
    gc.freeze()  # or every worker's first search for garbage copies all of it
    _end_with_parent(0)  # from now on the server sees for itself that nobody is left
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_with_parent(number: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


if PARENT in os.environ:
    load()
