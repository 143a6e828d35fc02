"""Files as a stranger may have made them: read where they are regular and no longer than they may be, written where
their folder has them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from cnnlab.errors import UserError


def open_plain(path: Path, *, limit: int) -> IO[bytes]:
    """Open a file for reading if it is a regular one, or a link to one, of at most `limit` bytes.

    What is no such file is not waited for: a pipe would never end, a device would never be full.
    Raises UserError for what is there and is no such file, OSError where there is nothing or it may not be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} is {_kind(status.st_mode)}; expected a regular file: check the path")
        if status.st_size > limit:
            raise UserError(
                f"{path} has {status.st_size:,} bytes; expected at most {limit:,}: it is no file of this kind"
            )
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_plain(path: Path, *, limit: int) -> bytes:
    """What a regular file of at most `limit` bytes holds. Raises as `open_plain` does."""
    with open_plain(path, limit=limit) as file:
        content = file.read(limit + 1)
    if len(content) > limit:  # it grew, or its system does not say how long it is
        raise UserError(f"{path} has more than {limit:,} bytes; expected at most that: it is no file of this kind")
    return content


def place_in(folder: Path, name: str) -> Path:
    """Where the file `name` of a folder is to be written, which may hold a sub-folder: `look/index.html`.

    The folder itself may be a link, which is its owner's own word. Raises UserError where a link inside it leads out
    of it: whoever made the folder would choose which file of the user's is written.
    """
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise UserError(
            f"{path} is a link that leads out of {folder}; expected files of that folder alone to be written: remove "
            "the link, or write elsewhere with --out"
        )
    return path


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "no file")
