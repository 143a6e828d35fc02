"""The idx format of LeCun's MNIST files: a magic number, big-endian sizes, then the values."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cnnlab.data.unread import rows_at_once
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain

_TYPES = {
    0x08: "uint8",
    0x09: "int8",
    0x0B: "int16",
    0x0C: "int32",
    0x0D: "float32",
    0x0E: "float64",
}
_GZIP_MAGIC = b"\x1f\x8b"

#: Of the published sets none has more than three dimensions; NumPy takes up to 64.
_MOST_DIMENSIONS = 8

#: The most members of a gzip file; one is usual.
_MOST_MEMBERS = 1_000


def parse_idx(content: bytes, *, name: str) -> np.ndarray:
    """The array that an idx file holds, a read-only view of `content`.

    content: the whole file, decompressed. name: what error messages call it.
    Returns uint8 of the shape that the header states; other value types, which the format knows, are refused.
    Raises UserError when magic number, value type, sizes or length are not those of an idx file of uint8.
    Source: "THE IDX FILE FORMAT", http://yann.lecun.com/exdb/mnist/.
    """
    shape, dtype, header = _header(content, ("uint8",), name)
    assert dtype == np.uint8
    expected = header + math.prod(shape)
    if len(content) != expected:
        what = "is truncated" if len(content) < expected else "has bytes after its end"
        raise UserError(
            f"{name} {what}: {len(content):,} bytes, expected {expected:,} for the shape {shape} "
            "in its header: replace it by the original"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _header(content: bytes, kinds: Collection[str], name: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, dtype and length in bytes of the header that `content` begins with. kinds: the dtypes that are taken."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or not 0 < content[3] <= _MOST_DIMENSIONS:
        raise UserError(
            f"{name} is not an idx file: it begins with {content[:4].hex(' ') or 'nothing'}; "
            f"expected 00 00 08 and the number of dimensions, 1 to {_MOST_DIMENSIONS}: replace it by the original"
        )
    kind = _TYPES[content[2]]
    if kind not in kinds:
        raise UserError(
            f"{name} holds values of type {kind}; expected {' or '.join(kinds)}: replace it by the original"
        )
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise UserError(
            f"{name} is truncated: {len(content)} bytes, expected a header of {header}: replace it by the original"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, 4))
    return shape, np.dtype(kind).newbyteorder(">"), header


@dataclass(frozen=True)
class IdxArray:
    """An idx file, packed or not, of which only the header was read.

    dtype: as the file has it, the highest byte first.
    """

    file: Path
    limit: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def chunks(self) -> Iterator[np.ndarray]:
        """The rows, in order, some at a time. Raises UserError when they cannot be read, or others follow."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        with _unpacked(self.file, self.limit) as content:
            content.read(4 + 4 * len(self.shape))
            step = rows_at_once(self)
            for start in range(0, self.shape[0], step):
                count = min(step, self.shape[0] - start)
                values = content.read(count * row)
                if len(values) != count * row:
                    got = 4 + 4 * len(self.shape) + start * row + len(values)
                    raise UserError(
                        f"{self.file} is truncated: {got:,} bytes, expected {self.length:,} for the shape {self.shape} "
                        "in its header: replace it by the original"
                    )
                yield np.frombuffer(values, self.dtype).reshape(count, *self.shape[1:])
            if content.read(1):
                raise UserError(
                    f"{self.file} has bytes after its end: more than {self.length:,}, which the shape {self.shape} in "
                    "its header needs: replace it by the original"
                )

    @property
    def length(self) -> int:
        """Bytes of the unpacked file."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape) * self.dtype.itemsize


def open_idx(file: Path, *, kinds: Collection[str], limit: int) -> IdxArray:
    """The header of an idx file, as .gz or not. kinds: the dtypes that are taken. limit: the most bytes, unpacked.

    Raises UserError when it cannot be read, is none, is of another kind, or longer by its header.
    """
    with _unpacked(file, limit) as content:
        shape, dtype, _ = _header(content.read(4 + 4 * _MOST_DIMENSIONS), kinds, str(file))
    opened = IdxArray(file, limit, shape, dtype)
    if opened.length > limit:
        raise UserError(
            f"{file} holds {shape[0]:,} rows, {opened.length:,} bytes; expected at most {limit:,}: take fewer images"
        )
    return opened


@contextmanager
def _unpacked(file: Path, limit: int) -> Generator[IO[bytes]]:
    """What a file holds, unpacked where it is a gzip file, to be read in order."""
    try:
        with open_plain(file, limit=limit + 1_000_000) as plain:
            is_packed = is_gzip(plain.read(2))
            plain.seek(0)
            yield io.BufferedReader(_Gunzipped(plain, str(file)), 1 << 18) if is_packed else plain
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror or error}); expected a readable file: mend its permissions"
        ) from None


class _Gunzipped(io.RawIOBase):
    """A gzip file of one or more members, unpacked as it is read. Raises UserError where it is damaged."""

    def __init__(self, packed: IO[bytes], name: str) -> None:
        super().__init__()
        self._packed, self._name = packed, name
        self._member, self._members, self._waiting = zlib.decompressobj(wbits=31), 1, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, target: memoryview) -> int:  # ty: ignore[incompatible-method-override]
        """Fill as much of `target` as comes at once; 0 at the end of the file."""
        while True:
            try:
                part = self._member.decompress(self._waiting, len(target))
            except zlib.error as error:
                raise UserError(
                    f"{self._name} is a damaged gzip file ({error}); expected an intact one: replace it by the original"
                ) from None
            self._waiting = self._member.unconsumed_tail
            if part:
                target[: len(part)] = part
                return len(part)
            if self._member.eof:
                self._waiting = self._member.unused_data or self._packed.read(1 << 16)
                if not self._waiting:
                    return 0
                self._member, self._members = zlib.decompressobj(wbits=31), self._members + 1
                if self._members > _MOST_MEMBERS:
                    raise UserError(
                        f"{self._name} holds more than {_MOST_MEMBERS:,} gzip members; expected one: replace it by "
                        "the original"
                    )
            elif not self._waiting:
                self._waiting = self._packed.read(1 << 16)
                if not self._waiting:
                    raise UserError(
                        f"{self._name} is a truncated gzip file: it ends before its end mark; expected all of it: "
                        "replace it by the original"
                    )


def is_gzip(data: bytes) -> bool:
    """Whether `data` begins as a gzip file does."""
    return data[:2] == _GZIP_MAGIC


def gunzip(data: bytes, *, name: str, limit: int) -> bytes:
    """What a gzip file of one or more members holds.

    limit: the most bytes that can be right; more is refused before it fills the memory.
    Raises UserError when the file is truncated, damaged (its own CRC decides), too long or followed by other
    bytes.
    """
    parts: list[bytes] = []
    room = limit
    while data:
        if len(parts) == _MOST_MEMBERS:
            raise UserError(
                f"{name} holds more than {_MOST_MEMBERS:,} gzip members; expected one: replace it by the original"
            )
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(data, room + 1)
        except zlib.error as error:
            raise UserError(
                f"{name} is a damaged gzip file ({error}); expected an intact one: replace it by the original"
            ) from None
        room -= len(part)
        if room < 0:
            raise UserError(
                f"{name} holds more than {limit:,} bytes; expected at most that: replace it by the original"
            )
        if not member.eof:
            raise UserError(
                f"{name} is a truncated gzip file: it ends after {len(data):,} bytes before its end mark; "
                "expected all of it: replace it by the original"
            )
        parts.append(part)
        data = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
