"""A pipeline in a process of its own, which works when asked and otherwise sleeps.

A process each, because what cnnlab asks of its process (`keep_freed_memory`) must not speed up the other pipeline, and
because neither should inherit the other's heap. Between two questions the process blocks in a read: it takes no
processor time (libgomp's threads spin for a few milliseconds after their last work, then sleep too).

Imports no torch, so that a process ignores Ctrl-C from early on; its parent ends it.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection, get_context
from types import TracebackType
from typing import Any

from cnnlab.errors import UserError
from cnnlab.spawned import safe_path

#: Seconds that a process gets to end after it was told to, before it is killed.
GRACE_S = 2.0


class ContenderFailed(RuntimeError):  # noqa: N818 - says what happened
    """A contender's process raised or ended by itself: no figures can come from it."""


class Contender:
    """A spawned process that holds `make(*args)` and calls its methods by name, one at a time.

    make: a function or class that a new process can import by its name. The process starts at once; the first
    `ask` waits for it. As with every spawned process, a script that starts one needs `if __name__ == "__main__":`.
    """

    def __init__(self, name: str, make: Callable[..., Any], *args: Any) -> None:
        self.name = name
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, make, args), name=f"cnnlab bench: {name}", daemon=True
        )
        with safe_path():
            self._process.start()
        theirs.close()
        self._is_ready = False

    def ask(self, method: str, *args: Any) -> Any:
        """Call a method of what `make` made, and wait for what it returns.

        Raises UserError where the process raised one, and ContenderFailed when it raised anything else or ended.
        """
        if not self._is_ready:
            self._answer()
            self._is_ready = True
        try:
            self._connection.send((method, args))
        except OSError:
            raise self._ended() from None
        return self._answer()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._connection.close()
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(GRACE_S)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self) -> Any:
        connection.wait([self._connection, self._process.sentinel])
        try:
            if not self._connection.poll():
                raise self._ended()
            outcome, value = self._connection.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if outcome == "user error":
            raise UserError(value)
        if outcome == "error":
            raise ContenderFailed(f"the process of {self.name} failed:\n{value}")
        return value

    def _ended(self) -> ContenderFailed:
        self._process.join(GRACE_S)
        code = self._process.exitcode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; SIGKILL is often the system's, short of memory" if code == -9 else ""
        return ContenderFailed(
            f"the process of {self.name} ended by itself ({how}{hint}); expected figures from it: "
            "see its messages above, and run the benchmark again"
        )


def _serve(ours: connection.Connection, make: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Answer questions until the parent closes its end, which it also does by dying."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            pipeline = make(*args)
            ours.send(("done", None))
            while True:
                method, given = ours.recv()
                ours.send(("done", getattr(pipeline, method)(*given)))
        except (EOFError, OSError) as error:
            if isinstance(error, EOFError | BrokenPipeError | ConnectionResetError):
                return
            ours.send(("error", traceback.format_exc()))
        except UserError as error:
            ours.send(("user error", str(error)))
        except Exception:
            ours.send(("error", traceback.format_exc()))
