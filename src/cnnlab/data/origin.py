"""Where images came from, without telling the reader of a page how somebody's disk is laid out."""

from __future__ import annotations

import re


def without_folders(text: str) -> str:
    """`data root: /srv/a/MNIST/raw` → `data root: …/MNIST/raw`; of a user's own file or folder only the name stays."""
    kind, colon, path = text.partition(": ")
    if colon and re.match(r"(/|~|[A-Za-z]:[\\/])", path):  # all that follows is one path, spaces and all
        return f"{kind}: {_end(path, keep=1 if kind in ('npz', 'folder', 'csv', 'idx', 'cifar', 'parquet') else 2)}"
    return re.sub(r"(?<![\w.:…])(?:/[^\s/,;]+){2,}", lambda found: _end(found.group(), keep=1), text)


def note_without_folders(note: str, source: str) -> str:
    """A note in which the source's path, and any other absolute one, is cut to its end."""
    kind, _, path = source.partition(": ")
    if path:
        note = note.replace(path, without_folders(source).removeprefix(f"{kind}: "))
    return without_folders(note)


def _end(path: str, *, keep: int) -> str:
    parts = [part for part in re.split(r"[\\/]", path) if part]
    return "…/" + "/".join(parts[-keep:])
