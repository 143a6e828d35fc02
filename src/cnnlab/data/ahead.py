"""A known set's files are read while something else is imported: on a thread, and without torch."""

from __future__ import annotations

import os
import re
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from cnnlab.data.known import KNOWN, KnownSet
from cnnlab.data.places import Search, search

#: What was begun and not asked for yet: which set, and where it is looked for.
_begun: dict[tuple[str, ...], Future[Search]] = {}


def read_ahead(name: str, *, root: str | Path | None = None, cache: str | Path | None = None) -> None:
    """Begin to read the files of a set, or of the set that a view is of, for the next `searched` of these places.

    Sets that come from a user's own files are not read ahead. name, root, cache: as in `load`.
    """
    known = KNOWN.get(re.split("[@+]", name)[0])
    key = None if known is None else _key(known, root, cache)
    if known is None or key is None or key in _begun:
        return
    begun = _begun[key] = Future()

    def read() -> None:
        try:
            begun.set_result(search(known, root=root, cache=cache))
        except BaseException as error:  # for the one who asks
            begun.set_exception(error)

    Thread(target=read, name=f"reading {known.name}", daemon=True).start()


def searched(known: KnownSet, *, root: str | Path | None = None, cache: str | Path | None = None) -> Search:
    """What `search` gives or raises: read by now where it was begun, which serves once."""
    begun = _begun.pop(_key(known, root, cache), None)
    return search(known, root=root, cache=cache) if begun is None else begun.result()


def _key(known: KnownSet, root: str | Path | None, cache: str | Path | None) -> tuple[str, ...]:
    places = (root or os.environ.get("CNNLAB_DATA"), cache or os.environ.get("CNNLAB_CACHE"), Path.cwd())
    return known.name, *(str(place) for place in places)
