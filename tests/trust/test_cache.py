"""The cache has a bound, and is emptied of what it made itself, of nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cnnlab.data import load
from cnnlab.data.cache import decoded_files


def folder_of_images(folder: Path, shade: int) -> Path:
    for label in ("a", "b"):
        (folder / label).mkdir(parents=True)
        for number in range(12):
            image = Image.new("L", (16, 16), shade + number * 9 + (label == "a"))
            image.save(folder / label / f"{number}.png")
    return folder


def test_the_folders_used_longest_ago_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    sets = [folder_of_images(tmp_path / name, 3 * i) for i, name in enumerate("xyz")]
    load(f"folder:{sets[0]}", cache=cache)
    [first] = decoded_files(cache)
    monkeypatch.setattr("cnnlab.data.cache.MOST_DECODED", int(2.5 * first.stat().st_size))
    load(f"folder:{sets[1]}", cache=cache)
    [second] = set(decoded_files(cache)) - {first}
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    load(f"folder:{sets[0]}", cache=cache)  # used again: now the second is the older
    load(f"folder:{sets[2]}", cache=cache)
    kept = decoded_files(cache)
    assert first in kept
    assert second not in kept
    assert len(kept) == 2


def test_a_folder_beyond_the_bound_is_loaded_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnnlab.data.cache.MOST_DECODED", 100)
    assert len(load(f"folder:{folder_of_images(tmp_path / 'x', 0)}", cache=tmp_path / "cache").train) == 20
    assert not decoded_files(tmp_path / "cache")


def test_a_pipe_in_the_cache_is_not_waited_for(tmp_path: Path) -> None:
    folder, cache = folder_of_images(tmp_path / "x", 0), tmp_path / "cache"
    load(f"folder:{folder}", cache=cache)
    [place] = decoded_files(cache)
    place.unlink()
    os.mkfifo(place)
    assert len(load(f"folder:{folder}", cache=cache).train) == 20


def test_clear_removes_what_the_cache_made_and_nothing_else(
    tmp_path: Path, cnnlab: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, mine = tmp_path / "cache", tmp_path / "mine"
    monkeypatch.setenv("CNNLAB_CACHE", str(cache))
    monkeypatch.delenv("CNNLAB_DATA", raising=False)
    load(f"folder:{folder_of_images(tmp_path / 'x', 0)}", cache=cache)
    raw = cache / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (mine / "raw").mkdir(parents=True)
    digits = "0" * 32
    kept = [
        cache / "notes.txt",
        cache / "folder" / "thesis.npz",
        raw / "train-images-idx3-ubyte",  # unpacked: the user's own
        mine / "raw" / "train-images-idx3-ubyte.gz",
        mine / f"{digits}.npz",
    ]
    gone = [
        raw / "train-images-idx3-ubyte.gz",
        raw / f".train-labels-idx1-ubyte.gz.{digits}.part",
        cache / "folder" / f".{digits}.npz.{digits}.part",
    ]
    for path in (*kept, *gone):
        path.write_bytes(b"1234567890")
    (cache / "FashionMNIST").symlink_to(mine)
    (cache / "folder" / f"{'1' * 32}.npz").symlink_to(mine / f"{digits}.npz")
    found = cnnlab("data", "--clear", "--json").result
    assert (found["decoded"], found["fetched"], found["fetched_bytes"]) == (2, 2, 20)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert not decoded_files(cache)
    again = cnnlab("data", "--clear")
    assert "removed  0 decoded folders, 0.0 MB" in again.out
