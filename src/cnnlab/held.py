"""Open files that one living process holds: the system lets go of them when it ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    #: A byte of the file that nobody reads: here what is held cannot be read.
    _FAR = 1 << 30

    def hold(handle: int) -> bool | None:
        """Hold an open file until it is closed: True. False where another process holds it."""
        os.lseek(handle, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True
else:
    import fcntl

    def hold(handle: int) -> bool | None:
        """Hold an open file until it is closed: True. False where another does; None where its disk cannot tell."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True


def is_at(path: Path, handle: int) -> bool:
    """Whether an open file is the one that lies at a path, which may have been deleted or replaced since."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError:
        return False
