"""Paths as a user gives them: what no system takes is said before anything is done with it."""

from __future__ import annotations

import os
from pathlib import Path

from cnnlab.errors import UserError

#: How much of a long name an error repeats, in characters.
_REPEATED = 100


def given_path(text: str | os.PathLike[str], what: str) -> Path:
    """A path that the system takes, whether anything lies there or not.

    what: whose path it is, as the user knows it: `"--out"`, `"RUN"`. Raises UserError for a path that is empty, holds a
    NUL, is too long, leads through a circle of links or through a folder that may not be read.
    """
    try:
        path = os.fspath(text)
    except TypeError:
        raise UserError(f"{what}: got {type(text).__name__}; expected the path of a file or folder") from None
    if not path:
        raise UserError(f"{what}: got an empty path; expected the path of a file or folder: give one")
    try:
        os.lstat(os.path.expanduser(path))
    except (FileNotFoundError, NotADirectoryError):
        pass  # whoever reads or writes there says so
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        cut = path if len(path) <= _REPEATED else f"{path[:_REPEATED]}…"
        raise UserError(
            f"{what}: {cut!r} cannot be read or written ({str(reason).lower()}); expected a path that can be: mend it"
        ) from None
    return Path(path)
