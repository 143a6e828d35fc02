"""Every call that changes the disk below a folder, counted, and one of them cut short: by a kill, a signal or an error.

For use in a forked process that ends afterwards: what is put in place of the system's calls stays.
"""

from __future__ import annotations

import errno
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

#: What a disk refuses with.
REFUSALS = ("ENOSPC", "EIO", "EACCES", "EROFS")

_BY_PATH = ("replace", "rename", "link", "symlink", "unlink", "remove", "rmdir", "truncate", "mkdir")


class Cut(NamedTuple):
    """Which call is cut short, and how.

    call: counted from 0. how: `before` and `after` kill beside it, `half` kills after half of a write; `stop` sends
    SIGTERM; an errno's name raises it, with `-on` after it from that call on.
    """

    call: int
    how: str


class Disk:
    """Stands between this process and what lies below `folder`, relative names counted from the working folder."""

    def __init__(self, folder: Path, cut: Cut | None = None) -> None:
        self.folder = str(folder.resolve())
        self.cut = cut
        self.calls: list[str] = []
        for name in _BY_PATH:
            setattr(os, name, self._of_path(name, getattr(os, name)))
        for name in ("fsync", "write", "ftruncate"):
            setattr(os, name, self._of_handle(name, getattr(os, name)))
        os.open = self._opening(os.open)
        io.open = self._io_open(io.open)
        __builtins__["open"] = io.open  # of this module, a dictionary: the interpreter's own

    def _reach(self, name: str, path: object, half: Callable[[], None] | None = None) -> Callable[[], None]:
        """Count a call and cut it short if its turn has come; what is returned is called after it."""
        number, cut = len(self.calls), self.cut
        self.calls.append(f"{name} {os.path.relpath(str(path), self.folder)}")
        if cut is None:
            return lambda: None
        here = number == cut.call
        if here and cut.how == "stop":
            os.kill(os.getpid(), signal.SIGTERM)
        if here and cut.how == "half" and half is not None:
            half()
        if here and cut.how in ("before", "half"):
            os.kill(os.getpid(), signal.SIGKILL)
        if here and cut.how == "after":
            return lambda: os.kill(os.getpid(), signal.SIGKILL)
        refusal, _, on = cut.how.partition("-")
        # A full disk makes room and shortens; nothing else succeeds on a bad or a read-only one.
        makes_room = refusal == "ENOSPC" and name in ("unlink", "remove", "rmdir", "truncate", "ftruncate")
        if refusal in REFUSALS and not makes_room and (here or (on and number > cut.call)):
            code = getattr(errno, refusal)
            raise OSError(code, os.strerror(code), str(path))
        return lambda: None

    def _is_below(self, path: object) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        whole = os.path.abspath(os.fspath(path))
        return whole == self.folder or whole.startswith(self.folder + os.sep)

    def _of_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *more: Any, **named: Any) -> Any:
            if not self._is_below(path):
                return real(path, *more, **named)
            after = self._reach(name, path)
            done = real(path, *more, **named)
            after()
            return done

        return call

    def _of_handle(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(handle: Any, *more: Any) -> Any:
            path = os.readlink(f"/proc/self/fd/{handle if isinstance(handle, int) else handle.fileno()}")
            if not self._is_below(path):
                return real(handle, *more)
            half = (lambda: real(handle, more[0][: len(more[0]) // 2])) if name == "write" else None
            after = self._reach(name, path, half)
            done = real(handle, *more)
            after()
            return done

        return call

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if not (flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and self._is_below(path)):
                return real(path, flags, *more, **named)
            after = self._reach("open", path)
            handle = real(path, flags, *more, **named)
            after()
            return handle

        return call

    def _io_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            if not (set(mode) & set("wax+") and self._is_below(file)):
                return real(file, mode, *more, **named)
            after = self._reach("open", file)
            opened = real(file, mode, *more, **named)
            after()
            return _Written(opened, self, file)

        return call


class _Written:
    """An open file whose writes are counted."""

    def __init__(self, file: Any, disk: Disk, path: object) -> None:
        self._file, self._disk, self._path = file, disk, path

    def write(self, content: Any) -> int:
        """Write, or half of it, or nothing."""

        def half() -> None:
            self._file.write(content[: len(content) // 2])
            self._file.flush()

        after = self._disk._reach("write", self._path, half)
        done = self._file.write(content)
        after()
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)
