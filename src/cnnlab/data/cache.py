"""The cache folder: what can be had again."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from cnnlab.plain_files import open_plain
from cnnlab.whole_files import whole_file

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


def kept_arrays(place: Path, key: str) -> dict[str, np.ndarray] | None:
    """What `keep_arrays` wrote there with the same key, or None. Never unpickled; using it makes it the last to go."""
    try:
        with open_plain(place, limit=MOST_DECODED) as file, np.load(file, allow_pickle=False) as arrays:
            found = dict(arrays)
    except Exception:  # a damaged zip raises many kinds; whatever it is, reading again mends it
        return None
    if str(found.pop("key", "")) != key:
        return None
    with suppress(OSError):
        os.utime(place)
    return found


def keep_arrays(place: Path, key: str, cache: str | Path | None = None, **arrays: np.ndarray) -> None:
    """Write arrays to a place of the cache, if there is room; it only saves time."""
    with suppress(OSError):
        if make_room(sum(array.nbytes for array in arrays.values()), place, cache):
            with whole_file(place) as file:
                np.savez(file, allow_pickle=False, key=np.array(key), **arrays)


def state_of(status: os.stat_result) -> str:
    """What changes when a file does, even where its length and its time of change stay: its inode's time, too."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


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
