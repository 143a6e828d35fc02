"""Folders that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from cnnlab.one_writer import has_writer, one_writer
from cnnlab.whole_files import disk_error


@contextmanager
def whole_folder(path: Path, *, is_new: bool) -> Generator[Path]:
    """A folder beside `path`, for its owner alone, that takes the name only when the block ends well.

    is_new: only where nothing is there; else it takes the place of the folder that is. What killed writers of `path`
    left beside it is deleted. Raises UserError when the disk refuses; what was there stays then.
    """
    _sweep(path)
    made = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        with _refusals_of(path):
            made.mkdir(mode=0o700)
        with one_writer(made, being="written"):
            yield made
        with _refusals_of(path):
            _put(made, path, is_new)
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _refusals_of(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def _put(made: Path, path: Path, is_new: bool) -> None:
    if is_new and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if not path.is_dir():
        os.rename(made, path)
        return
    before = path.with_name(f".{path.name}.{uuid4().hex}.part")
    os.rename(path, before)
    try:
        os.rename(made, path)
    except BaseException:
        os.rename(before, path)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Delete the folders that killed writers of this one left beside it; what a living process writes stays."""
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}\.part", re.DOTALL)
    with suppress(OSError):
        for entry in [each for each in os.scandir(path.parent) if left.fullmatch(each.name)]:
            if entry.is_dir(follow_symlinks=False) and not has_writer(Path(entry.path)):
                shutil.rmtree(entry.path, ignore_errors=True)
