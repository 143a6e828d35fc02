"""One process at a time writes a folder: a file in it that the writer holds, `.lock`, says which.

The system lets go of the file when the process ends, so that what a kill left is no lock. It holds the process's number
and the machine's name. On a disk that knows no such locks everybody may write.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cnnlab.errors import UserError
from cnnlab.held import hold, is_at
from cnnlab.whole_files import disk_error

#: The file's name.
LOCK = ".lock"

#: How often, and how many seconds apart, a held file is tried: who only asks holds it for a moment, too.
_TRIES, _PAUSE_S = 4, 0.03

_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

_held: set[int] = set()


class InUse(UserError):  # noqa: N818 - a state, not a fault
    """Another process writes the folder."""


@dataclass(frozen=True)
class Writing:
    """What `one_writer` gives: the folder, and its lock while it is held."""

    folder: Path
    handle: int

    def require_folder(self) -> None:
        """Raise UserError where the folder that is being written was deleted, moved or made anew since."""
        if not is_at(self.folder / LOCK, self.handle):
            raise gone(self.folder)


@contextmanager
def one_writer(folder: Path, *, being: str, mend: str = "wait for it, or choose another --out") -> Generator[Writing]:
    """Be the one process that writes a folder for as long as the block runs.

    being: what is done with it, such as "trained"; mend: what to do where another process does it. Raises InUse then,
    and UserError where the folder is gone or may not be written to; nothing is written in either case.
    """
    path = folder / LOCK
    try:
        handle = _take(path, being, mend)
    except FileNotFoundError:
        raise gone(folder) from None
    except OSError as error:
        raise disk_error(path, error) from error
    _held.add(handle)
    try:
        yield Writing(folder, handle)
    finally:
        _held.discard(handle)
        with suppress(OSError):
            if is_at(path, handle):
                path.unlink()
        os.close(handle)


@contextmanager
def one_writer_of_new(folder: Path) -> Generator[Writing]:
    """The same for an experiment's folder, which is made where it is not there, and unmade where it stays empty."""
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error
    try:
        with one_writer(folder, being="written") as writing:
            yield writing
    finally:
        if is_new:
            with suppress(OSError):
                folder.rmdir()


def has_writer(folder: Path) -> bool:
    """Whether a process writes the folder now."""
    try:
        handle = os.open(folder / LOCK, os.O_RDONLY | _PLAIN)
    except OSError:
        return False
    try:
        return hold(handle) is False
    finally:
        os.close(handle)


def gone(folder: Path) -> UserError:
    """What to say of a folder that was deleted while it was being written."""
    return UserError(
        f"{folder} is gone: it was deleted or moved while it was being written; expected it to stay: begin again"
    )


def _take(path: Path, being: str, mend: str) -> int:
    tries = 0
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, 0o666)
            is_new = True
        except FileExistsError:
            try:
                handle = os.open(path, (os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY) | _PLAIN)
            except FileNotFoundError:  # let go of since
                continue
            is_new = False
        try:
            if hold(handle) is False:
                tries += 1
                if tries == _TRIES:
                    folder = path.parent
                    raise InUse(
                        f"{folder} is being {being} by {_holder(handle)}; expected one process at a time: {mend}"
                    )
                time.sleep(_PAUSE_S)
            elif is_at(path, handle):
                if is_new or sys.platform == "win32":  # where an open file cannot be deleted
                    os.ftruncate(handle, 0)
                    os.write(handle, f"{os.getpid()} {platform.node()}\n".encode())
                    return handle
                path.unlink(missing_ok=True)  # a killed process left it, or a stranger
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _holder(handle: int) -> str:
    found = re.match(r"(\d{1,10}) ([\w.-]{0,64})\n", os.read(handle, 100).decode(errors="replace"))
    if found is None:
        return "another process"
    return f"process {found[1]}" + ("" if found[2] == platform.node() else f" on {found[2]}")


def _let_go() -> None:
    """In a forked child: what it holds open would keep its parent's lock after the parent's end."""
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
