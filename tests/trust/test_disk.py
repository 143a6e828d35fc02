"""What stands between a forked process and its disk counts every call, and cuts short the one that it is told to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.trust.disk import Cut, Disk

from cnnlab.errors import UserError
from cnnlab.whole_files import append_line, write_whole

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")


def in_a_fork(work: Callable[[], None], folder: Path, cut: Cut | None = None) -> tuple[int, list[str]]:
    """How it ended, 2 for a UserError, and the kinds of its calls."""
    note = folder.with_name("calls")
    handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            disk = Disk(folder, cut)
            try:
                work()
                code = 0
            except UserError:
                code = 2
            os.write(handle, " ".join(call.split()[0] for call in disk.calls).encode())
        finally:
            os._exit(code)
    os.close(handle)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), note.read_text().split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "place"
    place.mkdir()
    (place / "a").write_text("old")
    return place


def whole(folder: Path) -> tuple[Callable[[], None], dict[str, int]]:
    """Writing a whole file, and the number of its calls by kind."""

    def work() -> None:
        write_whole(folder / "a", b"newer")

    _, calls = in_a_fork(work, folder)
    (folder / "a").write_text("old")
    return work, {kind: calls.index(kind) for kind in calls}


def test_calls_are_counted(folder: Path) -> None:
    _, calls = whole(folder)
    assert {"open", "write", "fsync", "replace"} <= calls.keys()
    assert calls["write"] < calls["fsync"] < calls["replace"]


@pytest.mark.parametrize(
    ("kind", "how", "left"),
    [
        ("write", "half", b"ne"),
        ("fsync", "before", b"newer"),
        ("replace", "before", b"newer"),
        ("replace", "after", None),
    ],
)
def test_a_kill_beside_a_call_leaves_what_was_written_until_then(
    folder: Path, kind: str, how: str, left: bytes | None
) -> None:
    work, calls = whole(folder)
    code, _ = in_a_fork(work, folder, Cut(calls[kind], how))
    assert code == -signal.SIGKILL
    assert (folder / "a").read_text() == ("newer" if left is None else "old")
    parts = [path.read_bytes() for path in folder.iterdir() if path.name != "a"]
    assert parts == ([] if left is None else [left])


@pytest.mark.parametrize("refusal", ["ENOSPC", "EIO", "EACCES", "EROFS", "ENOSPC-on"])
@pytest.mark.parametrize("kind", ["open", "write", "fsync", "replace"])
def test_a_refusal_is_the_users_error_and_leaves_nothing(folder: Path, kind: str, refusal: str) -> None:
    work, calls = whole(folder)
    code, _ = in_a_fork(work, folder, Cut(calls[kind], refusal))
    assert code == 2
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert (folder / "a").read_text() == "old"


@pytest.mark.parametrize("kind", ["write", "fsync"])
def test_a_line_that_a_disk_refused_is_taken_back(folder: Path, kind: str) -> None:
    def work() -> None:
        append_line(folder / "a", "new")

    (folder / "a").write_text("old\n")
    _, calls = in_a_fork(work, folder)
    (folder / "a").write_text("old\n")
    code, _ = in_a_fork(work, folder, Cut(calls.index(kind), "ENOSPC-on"))
    assert code == 2
    assert (folder / "a").read_text() == "old\n"


def test_what_lies_elsewhere_is_not_counted(folder: Path, tmp_path: Path) -> None:
    code, calls = in_a_fork(lambda: write_whole(tmp_path / "b", b"1"), folder)
    assert (code, calls) == (0, [])
