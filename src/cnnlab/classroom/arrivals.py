"""What an LMS's download gives: folders, files and zips, zips in zips, gone through one file after the other.

All of it is a stranger's. What is no hand-in is named with what it seems to be; nothing is unpacked to the disk by its
name, followed as a link, or waited for.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO
from zipfile import ZipFile, ZipInfo

from cnnlab.classroom.hand_in import BYTES as LONGEST
from cnnlab.classroom.kinds import HEAD, OF_A_RUN, RUN_FOLDER, is_left_behind, is_run_folder, kind_of
from cnnlab.classroom.one_line import one_line
from cnnlab.classroom.zips import (
    BYTES,
    INNER_BYTES,
    INNER_ENTRIES,
    Allowance,
    fault_of,
    head_of,
    opened,
    time_of,
    unpack,
)
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain, read_plain

#: The most entries of folders and zips, together; how many zips may lie in each other, and folders.
ENTRIES = 20_000
ZIPS_DEEP = 3
FOLDERS_DEEP = 20

#: The longest zip that is given, in bytes, and the most letters of a path that are repeated.
ZIP_BYTES = 20_000_000_000
PATH_LETTERS = 400

#: The time that Blackboard puts into the names of an attempt's files.
_ATTEMPT = re.compile(r"_attempt_(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)(?!\d)")


@dataclass(frozen=True)
class Arrival:
    """A file that was found.

    path: within what was given, inside zips too, with `/`. time: when it was handed in, as far as the path says so,
    else when it was last changed; None where that is not known. data: of what may be a hand-in; None for anything else,
    and then `says` tells what it is.
    """

    path: str
    time: datetime | None
    data: bytes | None = None
    says: str = ""


class _Counted:
    """The entries that were gone through so far."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        self.count += 1
        if self.count > ENTRIES:
            raise UserError(
                f"more than {ENTRIES:,} files; expected at most that: what comes after them was not read, give the "
                "folders of single students"
            )


def arrivals(paths: Sequence[Path], *, leave_out: Path | None = None) -> Iterator[Arrival]:
    """Each file in what was given, in the order of their names, one of them in memory at a time.

    paths: folders, zips and files. leave_out: a folder that is not gone through, such as the class's own. Limits: 64 MB
    a file, unpacked; 2 GB of all zips' and 20,000 entries; three zips in each other.
    Raises UserError where a path that was given does not exist; whatever else is wrong is an arrival that says so.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise UserError(f"{path} does not exist; expected hand-ins, in a folder or a zip: check the path")
    counted, allowance = _Counted(), Allowance(BYTES)
    for path in paths:
        try:
            if path.is_dir():
                yield from _folder(path, leave_out, counted, allowance)
            else:
                yield from _file(path, path.name, counted, allowance, is_given=True)
        except UserError as error:
            yield Arrival(_tidy(path.name), None, says=str(error))


def _folder(top: Path, leave_out: Path | None, counted: _Counted, allowance: Allowance) -> Iterator[Arrival]:
    waiting = [(top, 0)] if leave_out is None or not _is_same(top, leave_out) else []
    while waiting:
        folder, depth = waiting.pop()
        within = "" if folder == top else folder.relative_to(top).as_posix()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Arrival(_tidy(within or top.name), None, says=f"not to be read ({_reason(error)}); expected a folder")
            continue
        if is_run := is_run_folder({entry.name for entry in entries}):
            yield Arrival(_tidy(within or top.name), None, says=RUN_FOLDER)
        inner = []
        for entry in entries:
            path = f"{within}/{entry.name}".lstrip("/")
            counted.add()
            if is_left_behind(path) or (is_run and entry.name in OF_A_RUN):
                continue
            if entry.is_symlink():
                yield Arrival(_tidy(path), None, says="a link, which is not followed; expected a file")
            elif not entry.is_dir():
                yield from _file(Path(entry.path), path, counted, allowance)
            elif depth == FOLDERS_DEEP:
                yield Arrival(_tidy(path), None, says=f"more than {FOLDERS_DEEP} folders in each other; expected fewer")
            elif not (leave_out is not None and _is_same(Path(entry.path), leave_out)):
                inner.append((Path(entry.path), depth + 1))
        waiting += reversed(inner)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _file(
    file: Path, path: str, counted: _Counted, allowance: Allowance, *, is_given: bool = False
) -> Iterator[Arrival]:
    """What a file on the disk is. path: within what was given. is_given: it is what was given itself."""
    said, time = _tidy(path), None
    try:
        status = file.stat()
        time = _attempt(path) or datetime.fromtimestamp(int(status.st_mtime), UTC)
        if not stat.S_ISREG(status.st_mode):
            yield Arrival(said, time, says="no file that ends; expected a regular one")
            return
        with open_plain(file, limit=ZIP_BYTES) as plain:
            kind = kind_of(path, plain.read(HEAD))
            if kind == "zip":
                plain.seek(0)
                yield from _zip(plain, said, "" if is_given else f"{path}/", 1, counted, allowance)
                return
        if kind != "json":
            yield Arrival(said, time, says=kind)
        elif status.st_size > LONGEST:
            yield Arrival(said, time, says=_too_long(status.st_size))
        else:
            yield Arrival(said, time, data=read_plain(file, limit=LONGEST))
    except OSError as error:
        yield Arrival(said, time, says=f"not to be read ({_reason(error)}); expected a file that you may read")
    except ValueError as error:  # a name that no system takes, a time that no calendar has
        yield Arrival(said, time, says=f"not to be read ({error}); expected a file that you may read")


def _zip(
    file: IO[bytes], said: str, before: str, depth: int, counted: _Counted, allowance: Allowance
) -> Iterator[Arrival]:
    """What a zip holds. said: its own path. before: what stands before its entries'. depth: in how many zips they lie.

    Raises UserError when there are too many entries in all.
    """
    try:
        with opened(file) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
            if depth > 1 and len(entries) > INNER_ENTRIES:
                raise UserError(f"a zip of {len(entries):,} files; expected at most {INNER_ENTRIES:,}")
            runs = _run_folders(entries)
            for folder in sorted(runs):
                yield Arrival(_tidy(f"{before}{folder}".rstrip("/") or said), None, says=RUN_FOLDER)
            is_empty = True
            for entry in entries:
                counted.add()
                name = entry.filename.replace("\\", "/")
                if name.endswith("/") or is_left_behind(name):
                    continue
                is_empty = False
                if not any(name.startswith(run) and name[len(run) :].split("/")[0] in OF_A_RUN for run in runs):
                    yield from _entry(archive, entry, f"{before}{name}", depth, counted, allowance)
            if is_empty:
                yield Arrival(said, None, says="an empty zip; expected hand-ins in it")
    except UserError as error:
        if counted.count > ENTRIES:
            raise
        yield Arrival(said, None, says=str(error))


def _run_folders(entries: Sequence[ZipInfo]) -> set[str]:
    """The folders among a zip's entries that are runs, each with `/` at its end; "" for the zip as a whole."""
    folders = defaultdict(set)
    for entry in entries:
        folder, slash, name = entry.filename.replace("\\", "/").rpartition("/")
        folders[folder + slash].add(name)
    return {folder for folder, names in folders.items() if is_run_folder(names)}


def _entry(
    archive: ZipFile, entry: ZipInfo, path: str, depth: int, counted: _Counted, allowance: Allowance
) -> Iterator[Arrival]:
    said, time = _tidy(path), _attempt(path) or time_of(entry)
    if fault := fault_of(entry):
        yield Arrival(said, time, says=fault)
        return
    try:
        kind = kind_of(path, head_of(archive, entry, HEAD))
        if kind not in ("json", "zip"):
            yield Arrival(said, time, says=kind)
        elif kind == "json":
            content = BytesIO()
            unpack(archive, entry, content, allowance)
            yield Arrival(said, time, data=content.getvalue())
        elif depth == ZIPS_DEEP:
            yield Arrival(said, time, says=f"a zip in {depth} others; expected at most {ZIPS_DEEP} in each other")
        else:
            with tempfile.TemporaryFile() as inner:
                unpack(archive, entry, inner, allowance)
                inner.seek(0)
                own = Allowance(min(INNER_BYTES, allowance.left))
                before = own.left
                yield from _zip(inner, said, f"{path}/", depth + 1, counted, own)
                allowance.take(before - own.left)
    except UserError as error:
        if counted.count > ENTRIES:
            raise
        yield Arrival(said, time, says=str(error))


def _attempt(path: str) -> datetime | None:
    """The time of an attempt that a path names, by this machine's clock; the innermost one."""
    found = _ATTEMPT.findall(path)
    try:
        return datetime.strptime("-".join(found[-1]), "%Y-%m-%d-%H-%M-%S").astimezone() if found else None
    except (ValueError, OverflowError, OSError):
        return None


def _tidy(path: str) -> str:
    return one_line(path, most=PATH_LETTERS)


def _too_long(size: int) -> str:
    return f"{size:,} bytes; expected at most {LONGEST:,}: it is no hand-in"


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
