from __future__ import annotations

import dataclasses
import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnlab.data.known import MNIST, IdxFile, KnownSet
from cnnlab.errors import UserError


@pytest.fixture(autouse=True)
def no_data_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNLAB_DATA", raising=False)


@pytest.fixture
def refused() -> Callable[..., str]:
    """Call something, expect a UserError of one line, and return its text."""

    def call(function: Callable[..., object], *args: object, **kwargs: object) -> str:
        with pytest.raises(UserError) as caught:
            function(*args, **kwargs)
        text = str(caught.value)
        assert "\n" not in text
        assert text.isprintable()
        return text

    return call


class Tiny:
    """A known set of 30 + 10 images of 4×4, its files' bytes made here by hand."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.arrays = [
            rng.integers(0, 256, (30, 4, 4), dtype=np.uint8),
            np.arange(30, dtype=np.uint8) % 10,
            rng.integers(0, 256, (10, 4, 4), dtype=np.uint8),
            np.arange(10, dtype=np.uint8),
        ]
        self.contents = [struct.pack(f">I{a.ndim}I", 0x0800 + a.ndim, *a.shape) + a.tobytes() for a in self.arrays]
        self.archives = [gzip.compress(content, mtime=0) for content in self.contents]
        self.names = [file.name for file in MNIST.files]

    def known(self, *mirrors: str, by_archive: bool = False) -> KnownSet:
        a, b, c, d = (
            IdxFile(
                name,
                array.shape,
                None if by_archive else hashlib.sha256(content).hexdigest(),
                hashlib.sha256(archive).hexdigest() if by_archive else None,
            )
            for name, array, content, archive in zip(self.names, self.arrays, self.contents, self.archives, strict=True)
        )
        return dataclasses.replace(MNIST, name="tiny", folder="Tiny", mirrors=mirrors, files=(a, b, c, d))

    def write(self, folder: Path, *, packed: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content, archive in zip(self.names, self.contents, self.archives, strict=True):
            (folder / (f"{name}.gz" if packed else name)).write_bytes(archive if packed else content)
        return folder


@pytest.fixture
def tiny() -> Tiny:
    return Tiny()
