"""A run in a folder that may only be read is measured and shown; what cannot be kept is said."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from tests.new_runs import make_run

import cnnlab.whole_files as whole_files
from cnnlab.data import load
from cnnlab.data.cache import cache_folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from cnnlab.runs import execute
    from cnnlab.runs.folder import Run

    data = load("mnist-5k@100")
    made, net = make_run(tmp_path_factory.mktemp("share") / "run", data, net="mlp", epochs=1)
    assert isinstance(made, Run)
    execute(made, net, data, on_step=lambda _: None, on_epoch=lambda _: None, should_stop=lambda: False)
    return made.path


@pytest.fixture
def read_only(run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run, with every way to write into its folder refused as a read-only file system does, to root too."""
    real_open, real_access, real_mkdir = os.open, os.access, os.mkdir

    def is_inside(path: Any) -> bool:
        return isinstance(path, str | Path) and Path(os.path.abspath(path)).is_relative_to(run.parent)

    def refused(path: Any) -> OSError:
        return OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if is_inside(path) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise refused(path)
        return real_open(path, flags, *rest, **more)

    def may(path: Any, mode: int, **how: Any) -> bool:
        return not (mode & os.W_OK and is_inside(path)) and real_access(path, mode, **how)

    def made(path: Any, *rest: Any, **more: Any) -> None:
        if is_inside(path):
            raise refused(path)
        real_mkdir(path, *rest, **more)

    def opened_text(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if is_inside(file) and set(mode) & set("wax+"):
            raise refused(file)
        return real_text(file, mode, *rest, **more)

    real_text = io.open
    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "access", may)
    monkeypatch.setattr(os, "mkdir", made)
    monkeypatch.setattr(io, "open", opened_text)
    return run


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_evaluated_with_a_note_that_the_look_is_not_kept(read_only: Path, cnnlab: Any) -> None:
    before = snapshot(read_only)
    ran = cnnlab("evaluate", read_only, "--json")
    assert ran.result["images"] == 500
    assert "note: this look at the test images is not written down in the run (cannot write" in ran.err
    assert snapshot(read_only) == before


def test_with_out_it_is_exported(read_only: Path, cnnlab: Any, tmp_path: Path) -> None:
    ran = cnnlab("export", read_only, "--to", "safetensors", "--out", tmp_path / "w.safetensors")
    assert ran.code == 0, ran.err
    assert (tmp_path / "w.safetensors").stat().st_size > 100_000


@pytest.mark.parametrize("command", [["look"], ["export", "--to", "safetensors"], ["explore", "--no-open"]])
def test_without_out_the_way_out_is_said(read_only: Path, cnnlab: Any, command: list[str]) -> None:
    before = snapshot(read_only)
    name, *more = command
    ran = cnnlab(name, read_only, *more)
    assert ran.code == 2
    assert "cannot be written to; expected another place: name one with --out" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert snapshot(read_only) == before


def test_a_cache_that_refuses_costs_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(12):
            Image.new("L", (8, 8), number * 9 + (label == "a")).save(tmp_path / "set" / label / f"{number}.png")
    (tmp_path / "file").touch()
    places = {"a file where the cache would be": tmp_path / "file", "below one": tmp_path / "file" / "cache"}
    for what, place in places.items():
        assert len(load(f"folder:{tmp_path / 'set'}", cache=place).train) > 0, what

    def full(path: Path) -> Any:
        raise OSError(errno.ENOSPC, "no space left", str(path))

    monkeypatch.setattr("cnnlab.data.folder.whole_file", full)
    assert len(load(f"folder:{tmp_path / 'set'}", cache=tmp_path / "new").train) > 0


def test_a_line_that_cannot_be_added_is_the_disks_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    (tmp_path / "lines").write_text("a\n")
    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(os, "truncate", refuse)
    with pytest.raises(whole_files.DiskError, match="read-only"):
        whole_files.append_line(tmp_path / "lines", "b")


def test_a_set_that_cannot_be_kept_is_fetched_for_the_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import cnnlab.data.loading as loading

    places = []
    monkeypatch.setattr(loading, "fetch_files", lambda known, folder, progress: places.append(folder))
    monkeypatch.delenv("CNNLAB_DATA", raising=False)
    (tmp_path / "file").touch()
    with pytest.raises(loading.UserError, match="is not on this machine"):
        load("kmnist", cache=tmp_path / "file")
    assert not places[0].is_relative_to(tmp_path / "file")
    assert not places[0].exists()
    assert cache_folder(tmp_path) == tmp_path
