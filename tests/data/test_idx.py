from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnnlab.data.idx import gunzip, parse_idx
from cnnlab.errors import UserError


def written(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)))
def test_what_was_written_is_read(array):
    assert np.array_equal(parse_idx(written(array), name="x"), array)


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3, max_side=4)), st.data())
def test_every_truncation_and_every_addition_is_refused(array, data):
    content = written(array)
    kept = data.draw(st.integers(0, len(content) - 1))
    for wrong in (content[:kept], content + b"\0"):
        with pytest.raises(UserError):
            parse_idx(wrong, name="x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG....", "is not an idx file"),
        (b"\0\0\x07\x01\0\0\0\0", "is not an idx file"),
        (b"\0\0\x08\0", "is not an idx file"),
        (b"\0\0\x0d\x01\0\0\0\0", "values of type float32; expected uint8"),
        (b"\0\0\x08\x03\0\0\0\x01", "is truncated: 8 bytes, expected a header of 16"),
        (b"\0\0\x08\x01\0\0\0\x05abc", "is truncated: 11 bytes, expected 13"),
        (b"\0\0\x08\x01\0\0\0\x01abc", "has bytes after its end"),
        # sizes whose product overflows 64 bits
        (b"\0\0\x08\x03" + b"\xff" * 12, "is truncated"),
    ],
)
def test_refuses(content, words, refused):
    text = refused(parse_idx, content, name="the-file")
    assert "the-file" in text
    assert words in text


def test_gunzip_reads_one_and_several_members():
    assert gunzip(gzip.compress(b"abc"), name="x", limit=3) == b"abc"
    assert gunzip(gzip.compress(b"abc") + gzip.compress(b"de"), name="x", limit=5) == b"abcde"


def test_gunzip_refuses_what_is_damaged(refused):
    archive = gzip.compress(bytes(range(256)) * 20)
    flipped = bytearray(archive)
    flipped[-6] ^= 1  # in the CRC
    assert "damaged gzip" in refused(gunzip, bytes(flipped), name="f.gz", limit=10_000)
    assert "truncated gzip" in refused(gunzip, archive[:-20], name="f.gz", limit=10_000)
    assert "truncated gzip" in refused(gunzip, archive[:-1], name="f.gz", limit=10_000)
    assert "damaged gzip" in refused(gunzip, archive + b"rubbish after the end", name="f.gz", limit=10_000)


def test_gunzip_refuses_a_bomb_before_it_fills_the_memory(refused):
    bomb = gzip.compress(bytes(50_000_000))
    assert "more than 1,000 bytes" in refused(gunzip, bomb, name="f.gz", limit=1_000)
