"""Emptying the cache of what it made itself, which all can be had again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cnnlab.data.cache import cache_folder, decoded_files, own_files
from cnnlab.data.known import KNOWN
from cnnlab.data.places import cached_set
from cnnlab.whole_files import disk_error


@dataclass(frozen=True)
class Cleared:
    """What was removed from a cache: decoded folders and fetched archives, in files and bytes."""

    cache: Path
    decoded: int
    decoded_bytes: int
    fetched: int
    fetched_bytes: int


def clear_cache(cache: str | Path | None = None) -> Cleared:
    """Remove decoded folders, fetched archives and what a kill left of them; nothing else, and nothing behind a link.

    cache: as for `load`. Raises UserError where a file cannot be removed.
    """
    folder = cache_folder(cache)
    places = {cached_set(known, cache): known for known in KNOWN.values()}
    decoded = [*decoded_files(cache), *_parts(folder / "folder", r"[0-9a-f]{32}\.(npz|txt)")]
    decoded += [path for path in own_files(folder / "folder") if re.fullmatch(r"[0-9a-f]{32}\.txt", path.name)]
    fetched: list[Path] = []
    for place, known in places.items():
        if not place.parent.is_symlink():
            archives = "|".join(re.escape(f"{file.name}.gz") for file in known.files)
            fetched += [path for path in own_files(place) if re.fullmatch(archives, path.name)] + _parts(
                place, archives
            )
    cleared = Cleared(folder, len(decoded), _remove(decoded), len(fetched), _remove(fetched))
    for emptied in (folder / "folder", *places, *(place.parent for place in places)):
        with suppress(OSError):  # others' files are in it, or it is not there
            emptied.rmdir()
    return cleared


def _parts(folder: Path, name: str) -> list[Path]:
    """What kills left of files of that name, a regular expression: `.NAME.DIGITS.part`."""
    return [path for path in own_files(folder) if re.fullmatch(rf"\.({name})\.[0-9a-f]{{32}}\.part", path.name)]


def _remove(paths: Iterable[Path]) -> int:
    """Remove files; returns their bytes."""
    total = 0
    for path in paths:
        try:
            size = path.lstat().st_size
            path.unlink(missing_ok=True)
        except FileNotFoundError:  # another process was quicker
            continue
        except OSError as error:
            raise disk_error(path, error) from error
        total += size
    return total
