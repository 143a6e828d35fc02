"""Runs in folders that may only be read, as a teacher's share: what a command does without writing into them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.cli.terminal import notice
from cnnlab.errors import UserError
from cnnlab.plain_files import place_in

if TYPE_CHECKING:
    from cnnlab.runs import Run


def default_out(run: Run, given: Path, name: str) -> Path:
    """Where a command writes without --out: `name` in the run's folder.

    given: the path that the run was opened by. Raises UserError where nothing can be kept there, and where a link leads
    out of it.
    """
    is_kept = given.is_dir() or run.path == given.with_suffix("")
    if not is_kept or not os.access(run.path, os.W_OK):
        raise UserError(
            f"{given}: {name} has its place in the run's folder, which cannot be written to; expected another place: "
            "name one with --out"
        )
    return place_in(run.path, name)


def note_test_opening(run: Run, by: str) -> None:
    """Write down in the run's folder that its test split is about to be measured, and say so where that cannot be."""
    from cnnlab.whole_files import DiskError

    try:
        run.note_test_opening(by)
    except DiskError as error:
        notice(f"note: this look at the test images is not written down in the run ({error})")
