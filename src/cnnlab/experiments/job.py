"""One run of an experiment: a folder that holds its config, trained by whoever opens it.

Imports no torch, so that a worker's process ignores Ctrl-C from early on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    path: its folder, which holds the config already. data_root: where full sets lie. own_code: the user's own net,
    `file.py:ClassName`, if it is one: named on the command line, and so allowed to run.
    """

    path: Path
    data_root: str | None = None
    own_code: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether its result is there."""
        return (self.path / "result.json").exists()
