"""A set's files that are read ahead: the same arrays and errors, once, and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from cnnlab.data import ahead
from cnnlab.data.known import MNIST
from cnnlab.data.places import Search
from cnnlab.errors import UserError
from cnnlab.runs.reading_ahead import read_images_ahead


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """The roots that were searched; what is begun for one waits for nobody."""
    roots: list[Path | None] = []

    def search(known: object, *, root: Path | None = None, cache: Path | None = None) -> Search:
        roots.append(root)
        return Search(None, f"{root}")

    monkeypatch.setattr(ahead, "search", search)
    return roots


def test_what_was_read_ahead_serves_once_and_only_where_it_was_asked_for(searches, tmp_path):
    ahead.read_ahead("mnist@500+shuffled-labels", root=tmp_path)
    assert ahead.searched(MNIST, root=tmp_path / "other").problem == str(tmp_path / "other")
    assert ahead.searched(MNIST, root=tmp_path).problem == str(tmp_path)
    assert sorted(map(str, searches)) == sorted(map(str, [tmp_path / "other", tmp_path]))
    ahead.searched(MNIST, root=tmp_path)
    assert len(searches) == 3


def test_a_search_that_still_runs_is_waited_for(monkeypatch, tmp_path):
    may_end, begun = Event(), Event()

    def search(known: object, **_: object) -> Search:
        begun.set()
        may_end.wait(10)
        return Search(None, "done")

    monkeypatch.setattr(ahead, "search", search)
    ahead.read_ahead("mnist", root=tmp_path)
    assert begun.wait(10)
    may_end.set()
    assert ahead.searched(MNIST, root=tmp_path).problem == "done"


def test_an_error_is_raised_for_the_one_who_asks(tmp_path):
    ahead.read_ahead("mnist", root=tmp_path / "absent")
    with pytest.raises(UserError, match="no such folder"):
        ahead.searched(MNIST, root=tmp_path / "absent")


def test_what_is_not_a_known_set_is_not_read(searches):
    for name in ("mnist-5k", "folder:mnist", "kuzushiji", ""):
        ahead.read_ahead(name)
    assert not ahead._begun
    assert not searches


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", '{"data": []}', '{"data": {"name": 3}}', '{"data": {"name": "mine"}}']
)
def test_a_damaged_record_is_left_to_the_one_who_opens_the_run(searches, tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    read_images_ahead(tmp_path, data_root=tmp_path)
    assert not searches


def test_a_run_s_images_are_read_without_torch(tmp_path):
    (tmp_path / "config.json").write_text('{"data": {"name": "mnist"}}')
    script = (
        "import sys\n"
        "from cnnlab.runs.reading_ahead import read_images_ahead\n"
        f"read_images_ahead({str(tmp_path)!r}, data_root={str(tmp_path / 'absent')!r})\n"
        "from cnnlab.data import ahead\n"
        "(begun,) = ahead._begun.values()\n"
        "print(begun.exception(), 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "no such folder" in done.stdout
    assert done.stdout.strip().endswith("False")
