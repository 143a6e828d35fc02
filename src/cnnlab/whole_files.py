"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from cnnlab.errors import UserError
from cnnlab.held import hold, is_at

#: How a file is opened whose name a stranger may have made a link.
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def whole_file(path: Path, *, makes_folders: bool = True, is_new: bool = False) -> Generator[IO[bytes]]:
    """Write `path` through a file beside it that takes the name only when the block ends well.

    The file is open for writing and reading, so that the block can check what it wrote. What killed writers of `path`
    left beside it is deleted. makes_folders: make those that it lies in. is_new: only where nothing is there.
    Raises OSError when the disk refuses, FileExistsError where it is to be new and something is there; nothing is left
    behind then.
    """
    if not path.name:  # "", "." or "/"
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if makes_folders:
        path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    partial, handle = _partial(path)
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        (_rename_to_new if is_new else os.replace)(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    finally:
        if handle is not None:
            os.close(handle)


def sweep(folder: Path, name: str | None = None) -> None:
    """Delete what killed writers of a file left in a folder, or of any file; what a living process writes stays."""
    if sys.platform == "win32":  # where an open file has its name for as long as it is open
        return
    left = re.compile(rf"\.{'.+' if name is None else re.escape(name)}\.[0-9a-f]{{32}}\.part", re.DOTALL)
    with suppress(OSError):
        for entry in [each for each in os.scandir(folder) if left.fullmatch(each.name)]:
            _delete_if_left(entry.path)


def _delete_if_left(partial: str) -> None:
    with suppress(OSError):
        handle = os.open(partial, os.O_RDWR | _PLAIN)
        try:
            if hold(handle):
                os.unlink(partial)
        finally:
            os.close(handle)


def _partial(path: Path) -> tuple[Path, int | None]:
    """A new file beside a path, and the handle by which it is held, so that no other process sweeps it."""
    while True:
        partial = path.with_name(f".{path.name}.{uuid4().hex}.part")
        if sys.platform == "win32":
            return partial, None
        handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | _PLAIN, 0o666)
        if hold(handle) is not False and is_at(partial, handle):
            return partial, handle
        os.close(handle)  # swept before it was held


def _rename_to_new(partial: Path, path: Path) -> None:
    """Rename a file if nothing has the name yet. Raises FileExistsError."""
    if sys.platform == "win32":
        partial.rename(path)
        return
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a disk without such links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        partial.replace(path)
    else:
        partial.unlink()


def write_whole(path: Path, content: bytes, *, makes_folders: bool = True) -> None:
    """Write a file so that a reader sees the old one or the new one, whatever happens.

    makes_folders: as in `whole_file`. Raises UserError when the disk is full or may not be written to.
    """
    try:
        with whole_file(path, makes_folders=makes_folders) as file:
            file.write(content)
    except OSError as error:
        raise disk_error(path, error) from error


def append_line(path: Path, line: str) -> None:
    """Add one line to a file and sync it; after a failure the file is as long as before.

    It begins a line of its own even where the last one was cut short. A file that has another name elsewhere, such as
    a back-up's, is written anew instead of being lengthened there, too. Raises UserError when the disk refuses.
    """
    content = f"{line}\n".encode()
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | _PLAIN, 0o666)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            length = status.st_size
            if length:
                file.seek(-1, os.SEEK_END)
                content = content if file.read(1) == b"\n" else b"\n" + content
            if status.st_nlink == 1:
                _append(handle, content, length)
                return
            file.seek(0)
            content = file.read() + content
    except OSError as error:
        raise disk_error(path, error) from error
    write_whole(path, content, makes_folders=False)


def _append(handle: int, content: bytes, length: int) -> None:
    written = 0
    try:
        written = os.write(handle, content)
        if written < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    except BaseException:
        if os.fstat(handle).st_size == length + written:  # nobody has added a line since
            os.ftruncate(handle, length)
        raise


class DiskError(UserError):
    """The disk refused to be written to."""


def disk_error(path: Path, error: OSError) -> DiskError:
    """What to tell a user whose disk refused."""
    mend = {
        errno.ENOSPC: "free some space or write elsewhere",
        errno.EDQUOT: "free some space or write elsewhere",
        errno.EROFS: "write to a place that is not read-only",
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
    }.get(error.errno or 0, "check the path and the disk")
    return DiskError(f"cannot write {path}: {os.strerror(error.errno or 0).lower()}; {mend}")
