"""The idx format of LeCun's MNIST files: a magic number, big-endian sizes, then the values."""

from __future__ import annotations

import math
import zlib

import numpy as np

from cnnlab.errors import UserError

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
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or not 0 < content[3] <= _MOST_DIMENSIONS:
        raise UserError(
            f"{name} is not an idx file: it begins with {content[:4].hex(' ') or 'nothing'}; "
            f"expected 00 00 08 and the number of dimensions, 1 to {_MOST_DIMENSIONS}: replace it by the original"
        )
    if content[2] != 0x08:
        raise UserError(f"{name} holds values of type {_TYPES[content[2]]}; expected uint8: replace it by the original")
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise UserError(
            f"{name} is truncated: {len(content)} bytes, expected a header of {header}: replace it by the original"
        )
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", dimensions, 4))
    expected = header + math.prod(shape)
    if len(content) != expected:
        what = "is truncated" if len(content) < expected else "has bytes after its end"
        raise UserError(
            f"{name} {what}: {len(content):,} bytes, expected {expected:,} for the shape {shape} "
            "in its header: replace it by the original"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


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
