"""A stranger's zip: what it holds, unpacked no further than its list says and no further than is allowed."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, cast

from cnnlab.errors import UserError

#: The most bytes of one entry, unpacked, and of all entries of all zips that are read together.
ENTRY_BYTES = 64_000_000
BYTES = 2_000_000_000
#: The most bytes and entries of a zip within another: a student's, who is not to use up what is left for the others.
INNER_BYTES, INNER_ENTRIES = 256_000_000, 1_000

#: The longest list of entries, in bytes, that is read at once: of 20,000 names of some 150 letters.
_LONGEST_LIST = 5_000_000
_PIECE = 1_000_000


@dataclass
class Allowance:
    """How many bytes may still be unpacked."""

    left: int

    def take(self, count: int) -> None:
        """Use some of it. Raises UserError when there is not so much left."""
        if count > self.left:
            raise UserError("more than may be unpacked of what lies together; expected less: unpack it yourself")
        self.left -= count


class _Sparing(io.BufferedReader):
    """A file of which little is read at once: the list of a zip's entries is, and may be as long as the file."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _LONGEST_LIST:
            raise ValueError("its list of entries is too long")
        return super().read(size)


@contextmanager
def opened(file: IO[bytes]) -> Generator[zipfile.ZipFile]:
    """The zip in a file. Raises UserError where it is none, or not intact; so does whatever is done inside."""
    try:
        with _Sparing(cast("io.RawIOBase", file)) as sparing, zipfile.ZipFile(cast("IO[bytes]", sparing)) as archive:
            yield archive
    except UserError:
        raise
    except Exception as error:  # zipfile and zlib raise many kinds for a damaged or hostile file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"a zip that is not intact ({reason}); expected a whole one: load it again") from None


def fault_of(entry: zipfile.ZipInfo) -> str:
    """Why an entry is not unpacked, by what the list says of it; "" where it is."""
    path, mode = entry.filename.replace("\\", "/"), entry.external_attr >> 16
    if path.startswith("/") or path[1:3] == ":/" or ".." in path.split("/"):
        return "a name that leads out of the zip; expected one within it"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or a device; expected a file"
    if entry.flag_bits & 0x1:
        return "encrypted; expected a file without a password: unpack it yourself"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed in a way that is not opened; expected an ordinary zip: unpack it yourself"
    if entry.file_size > ENTRY_BYTES:
        return f"{entry.file_size:,} bytes; expected at most {ENTRY_BYTES:,}"
    return ""


def head_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, count: int) -> bytes:
    """The first bytes of an entry. Raises UserError where it cannot be unpacked."""
    with _said(), archive.open(entry) as member:
        return member.read(count)


def unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, into: IO[bytes], allowance: Allowance) -> None:
    """Write an entry into a file. Raises UserError for one longer than its list says, or than is allowed."""
    allowance.take(entry.file_size)
    done = 0
    with _said(), archive.open(entry) as member:
        while piece := member.read(_PIECE):
            done += len(piece)
            if done > entry.file_size:
                raise UserError(f"longer than its zip says ({entry.file_size:,} bytes); expected as much as that")
            into.write(piece)
    if done < entry.file_size:
        raise UserError(f"cut short: {done:,} of {entry.file_size:,} bytes; expected all: load it again")


@contextmanager
def _said() -> Generator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"not to be unpacked ({reason}); expected an intact zip: load it again") from None


def time_of(entry: zipfile.ZipInfo) -> datetime | None:
    """When an entry was last changed, by this machine's clock, as a zip knows no zone; None where it does not say."""
    if entry.date_time <= (1980, 1, 1, 23, 59, 59):
        return None
    try:
        return datetime(*entry.date_time).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
