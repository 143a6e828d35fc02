"""Starting Python processes that import nothing from the folder where a command is given."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def safe_path(**variables: str) -> Generator[None]:
    """What is spawned in here does not look for modules in the current folder first, as `python -c` does.

    A file of somebody's there with the name of a standard module, random.py say, would be run by every worker. Once a
    worker runs it gets its parent's `sys.path`, whatever is in that. variables: more that it finds in its environment.
    """
    wanted = {"PYTHONSAFEPATH": "1", **variables}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
