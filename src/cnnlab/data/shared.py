"""A data set that several processes read from one place in memory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

import numpy as np
import torch

from cnnlab.data.imageset import ImageSet, Split
from cnnlab.held import hold
from cnnlab.whole_files import disk_error

_SPLITS = ("train", "validation", "test")

#: How the names of folders for sets begin, and the file in them that the living process holds.
_PREFIX, _HELD = "cnnlab-images-", "held"


class SharingFolder:
    """A folder for sets among the system's temporary ones: gone when it is closed, or, after a kill, with the next."""

    def __init__(self) -> None:
        """Make it, and delete those of processes that were killed. Raises OSError where there is no room."""
        for left in Path(gettempdir()).glob(f"{_PREFIX}*"):
            _delete_if_left(left)
        self.path = Path(mkdtemp(prefix=_PREFIX))
        self._handle = os.open(self.path / _HELD, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        hold(self._handle)

    def share(self, data: ImageSet) -> SharedImages:
        """Write a set into it. Raises OSError where there is no room."""
        return share(data, Path(mkdtemp(dir=self.path)))

    def close(self) -> None:
        """Delete it with all that is in it."""
        os.close(self._handle)
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def in_shared_files(data: ImageSet) -> Generator[SharedImages]:
    """A set as files that other processes map, for as long as the block runs, which need not keep the set itself.

    Raises UserError where the disk for temporary files has no room.
    """
    with ExitStack() as until_the_end:
        try:
            folder = until_the_end.enter_context(closing(SharingFolder()))
            shared = folder.share(data)
        except OSError as error:
            raise disk_error(Path(gettempdir()), error) from error
        del data
        yield shared


def _delete_if_left(folder: Path) -> None:
    with suppress(OSError):
        handle = os.open(folder / _HELD, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            is_left = hold(handle)
        finally:
            os.close(handle)
        if is_left:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class SharedImages:
    """A set in a folder: its images and labels as files, which every process maps and none copies, and all the rest."""

    folder: Path
    rest: dict[str, Any]

    def open(self) -> ImageSet:
        """The set. What is written to its tensors stays in this process. Raises OSError where the files are gone."""
        train, validation, test = (Split(self._map(name, "images"), self._map(name, "labels")) for name in _SPLITS)
        return ImageSet(train=train, validation=validation, test=test, **self.rest)

    def _map(self, split: str, part: str) -> torch.Tensor:
        return torch.from_numpy(np.load(self.folder / f"{split}-{part}.npy", mmap_mode="c"))


def share(data: ImageSet, folder: Path) -> SharedImages:
    """Write a set to a folder made for it. Raises OSError where there is no room."""
    for name in _SPLITS:
        np.save(folder / f"{name}-images.npy", data.split(name).images.numpy())
        np.save(folder / f"{name}-labels.npy", data.split(name).labels.numpy())
    left = (*_SPLITS, "files")  # of many images their names are much to send, and no training asks for them
    return SharedImages(folder, {one.name: getattr(data, one.name) for one in fields(data) if one.name not in left})
