"""The cache folder: what can be had again."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

#: Bytes that decoded folders may take in the cache, all together; the ones used longest ago go first.
MOST_DECODED = 2_000_000_000

_DECODED = re.compile(r"[0-9a-f]{32}\.npz")


def cache_folder(cache: str | Path | None = None) -> Path:
    """Where to keep what can be had again: `cache`, else $CNNLAB_CACHE, else the user's cache folder."""
    chosen = cache or os.environ.get("CNNLAB_CACHE")
    return Path(os.path.expanduser(chosen)) if chosen else user_cache_path("cnnlab")


def decoded_place(key: str, cache: str | Path | None = None) -> Path:
    """Where the decoded images of a folder are kept. key: 32 hexadecimal digits."""
    return _decoded_folder(cache) / f"{key}.npz"


def make_room(count: int, keep: Path, cache: str | Path | None = None) -> bool:
    """Remove decoded folders, the one used longest ago first, until `count` bytes more are within `MOST_DECODED`.

    keep: the place of the new one, whose old bytes do not count. Returns whether there is room. A folder that another
    process reads goes on being read; where the system does not allow that, it stays.
    """
    others = {path: path.lstat() for path in decoded_files(cache) if path != keep}
    total = count + sum(status.st_size for status in others.values())
    for path, status in sorted(others.items(), key=lambda item: item[1].st_mtime_ns):
        if total <= MOST_DECODED:
            break
        with suppress(OSError):
            path.unlink()
            total -= status.st_size
    return total <= MOST_DECODED


def decoded_files(cache: str | Path | None = None) -> list[Path]:
    """The cache's files of decoded folders."""
    return [path for path in own_files(_decoded_folder(cache)) if _DECODED.fullmatch(path.name)]


def own_files(folder: Path) -> list[Path]:
    """Regular files of a folder of the cache that is no link itself; none where there is no such folder."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            return []
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
    except OSError:
        return []


def _decoded_folder(cache: str | Path | None) -> Path:
    return cache_folder(cache) / "folder"
