"""Starting Python processes that import nothing from the folder where a command is given."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

_VARIABLE = "PYTHONSAFEPATH"


@contextmanager
def safe_path() -> Generator[None]:
    """What is spawned in here does not look for modules in the current folder first, as `python -c` does.

    A file of somebody's there with the name of a standard module, random.py say, would be run by every worker. Once a
    worker runs it gets its parent's `sys.path`, whatever is in that.
    """
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
