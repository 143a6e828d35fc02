"""What is no plain file is refused at once, and what lies elsewhere is not written."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from cnnlab.errors import UserError
from cnnlab.plain_files import place_in, read_plain


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    assert read_plain(tmp_path / "a", limit=3) == read_plain(tmp_path / "link", limit=3) == b"abc"


def test_what_is_longer_than_it_may_be_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(UserError, match=r"1,000,000,000,000 bytes; expected at most 1,000"):
        read_plain(tmp_path / "sparse", limit=1000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_nothing_that_never_ends_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is a named pipe"):
        read_plain(tmp_path / "pipe", limit=1000)
    with pytest.raises(UserError, match="is a device"):
        read_plain(Path("/dev/zero"), limit=1000)
    with pytest.raises(UserError, match="is a folder"):
        read_plain(tmp_path, limit=1000)


def test_what_is_not_there_or_answers_no_one_is_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "nothing", limit=1000)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="socket"):
            read_plain(tmp_path / "socket", limit=1000)


def test_a_place_is_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to("real")  # a user's own link to a larger disk
    (tmp_path / "real" / "kept").mkdir()
    (tmp_path / "real" / "same").symlink_to("kept")
    for name in ("a.json", "look/index.html", "kept/a", "same/a"):
        assert place_in(tmp_path / "run", name) == tmp_path / "run" / name


@pytest.mark.parametrize("name", ["file", "look/index.html", "dangling", "circle", "../a"])
def test_a_place_that_a_link_leads_to_is_refused(tmp_path: Path, name: str) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "file").write_text("mine")
    (folder / "file").symlink_to(outside / "file")
    (folder / "look").symlink_to("../outside")
    (folder / "dangling").symlink_to(outside / "new")
    (folder / "circle").symlink_to("circle")
    with pytest.raises(UserError, match="leads out of"):
        place_in(folder, name)
