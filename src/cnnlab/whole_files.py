"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

from cnnlab.errors import UserError


@contextmanager
def whole_file(path: Path) -> Generator[IO[bytes]]:
    """Write `path` through a file beside it that takes the name only when the block ends well.

    The file is open for writing and reading, so that the block can check what it wrote. Folders are made.
    Raises OSError when the disk refuses; nothing is left behind then.
    """
    if not path.name:  # "", "." or "/"
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, whatever happens.

    Raises UserError when the disk is full or may not be written to.
    """
    try:
        with whole_file(path) as file:
            file.write(content)
    except OSError as error:
        raise disk_error(path, error) from error


def append_line(path: Path, line: str) -> None:
    """Add one line to a file and sync it; after a failure the file is as long as before."""
    length = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            os.truncate(path, length)
        raise disk_error(path, error) from error


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
