"""One process at a time writes a folder; what a killed one left is no lock, and is swept; nothing else is touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.one_writer import InUse, has_writer, one_writer, one_writer_of_new
from cnnlab.whole_files import append_line, sweep, whole_file, write_whole

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")

HOLDS = """
import sys
from pathlib import Path
from cnnlab.one_writer import one_writer
from cnnlab.whole_files import whole_file
folder = Path(sys.argv[1])
with one_writer(folder, being="trained"), whole_file(folder / "weights") as file:
    file.write(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes the folder, and a file in it."""
    command = [sys.executable, "-c", HOLDS, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_who_comes_second_is_told_who_was_first_and_a_kill_frees_the_folder(tmp_path: Path) -> None:
    with another(tmp_path) as process:
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises(InUse) as refused, one_writer(tmp_path, being="trained"):
            pytest.fail("two write one folder")
        says = f"{tmp_path} is being trained by process {process.pid}; expected one process at a time: wait for it, or "
        assert str(refused.value) == says + "choose another --out"
        assert has_writer(tmp_path)
        write_whole(tmp_path / "weights", b"mine")  # and leaves alone what the other is writing
        sweep(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {*before, "weights"}
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not has_writer(tmp_path)
        with one_writer(tmp_path, being="trained"):
            assert (tmp_path / ".lock").read_text().startswith(f"{os.getpid()} ")
    write_whole(tmp_path / "weights", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_a_start_of_training_sweeps_what_kills_left_of_any_file(tmp_path: Path) -> None:
    for name in (".weights.safetensors.", ".a\nb."):
        (tmp_path / f"{name}{'0a' * 16}.part").write_bytes(b"half")
    (tmp_path / ".notes.part").write_text("the user's own")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".notes.part"]


def test_a_forked_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    read, write = os.pipe()
    with one_writer(tmp_path, being="trained"):
        child = os.fork()
        if child == 0:
            os.read(read, 1)
            os._exit(0)
    try:
        with one_writer(tmp_path, being="trained"):
            pass
    finally:
        os.write(write, b".")
        os.waitpid(child, 0)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_lock_that_is_a_link_writes_nothing_elsewhere(tmp_path: Path, link) -> None:
    mine, folder = tmp_path / "mine", tmp_path / "run"
    mine.write_text("mine")
    folder.mkdir()
    link(mine, folder / ".lock")
    with suppress(UserError), one_writer(folder, being="trained"):
        pass
    assert mine.read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(UserError, match="permission denied; choose a folder"), one_writer(tmp_path, being="trained"):
        pass


def test_a_folder_that_was_deleted_or_made_anew_is_no_longer_ours(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with one_writer(folder, being="trained") as writing:
        writing.require_folder()
        (folder / ".lock").unlink()
        folder.rmdir()
        with pytest.raises(UserError, match="is gone"):
            writing.require_folder()
        folder.mkdir()
        with one_writer(folder, being="trained"), pytest.raises(UserError, match="is gone"):
            writing.require_folder()
    with pytest.raises(UserError, match="is gone"), one_writer(tmp_path / "nothing", being="trained"):
        pass
    assert not (tmp_path / "nothing").exists()


def test_an_experiment_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), one_writer_of_new(tmp_path / "sweep"):
        _ = 1 / 0
    assert not (tmp_path / "sweep").exists()


def test_of_many_who_make_a_file_one_makes_it(tmp_path: Path) -> None:
    path, made, refused = tmp_path / "config.json", [], []

    def make(number: int) -> None:
        try:
            with whole_file(path, is_new=True) as file:
                file.write(b"%d" % number)
            made.append(number)
        except FileExistsError:
            refused.append(number)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(refused) == 7
    assert path.read_bytes() == b"%d" % made[0]
    assert [each.name for each in tmp_path.iterdir()] == ["config.json"]


def test_a_line_is_added_to_this_file_alone(tmp_path: Path) -> None:
    path, copy, outside = tmp_path / "lines", tmp_path / "copy", tmp_path / "outside"
    append_line(path, "one")
    os.link(path, copy)
    append_line(path, "two")
    assert (path.read_text(), copy.read_text()) == ("one\ntwo\n", "one\n")
    path.write_text("one\ncut sho")
    append_line(path, "two")
    assert path.read_text() == "one\ncut sho\ntwo\n"
    outside.write_text("mine\n")
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(UserError, match="symbolic links"):
        append_line(path, "three")
    assert outside.read_text() == "mine\n"


def test_a_file_of_a_folder_that_is_gone_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        write_whole(tmp_path / "gone" / "weights", b"", makes_folders=False)
    assert not list(tmp_path.iterdir())
