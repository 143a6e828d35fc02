"""One run of an experiment: a folder that holds its config, trained by whoever opens it.

Imports no torch, so that a worker's process ignores Ctrl-C from early on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnlab.runs.identity import Identity


@dataclass(frozen=True)
class Job:
    """A run to be trained.

    path: its folder, which holds the config already. identity: with which it is trained, and with no other. data_root:
    where full sets lie. own_code: the user's own net, `file.py:ClassName`, if it is one: named on the command line, and
    so allowed to run. keeps_checkpoints: where it is trained run by run on this machine, the net is kept at a few
    moments on the way, too.
    """

    path: Path
    identity: Identity = field(compare=False, repr=False)
    data_root: str | None = None
    own_code: str | None = None
    keeps_checkpoints: bool = field(default=False, compare=False)

    @property
    def is_finished(self) -> bool:
        """Whether its run is finished: its result is in the folder."""
        return os.path.exists(self.path / "result.json")

    @property
    def has_diverged(self) -> bool:
        """Whether it was trained, and its loss became NaN or infinite."""
        return os.path.exists(self.path / "diverged.json")
