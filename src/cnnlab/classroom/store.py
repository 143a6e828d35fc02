"""The folder `handed-in/` of a class: every hand-in that was ever collected, by its content, and where it was found.

What is collected in one go or in several comes to the same files with the same bytes: places and lines are sets,
written in order, and of a file that was found at one place twice the earlier time counts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from cnnlab.classroom.arrivals import Arrival
from cnnlab.classroom.hand_in import BYTES, read_hand_in
from cnnlab.classroom.settings import HANDED_IN as FOLDER
from cnnlab.config import Strict, checked
from cnnlab.errors import UserError
from cnnlab.one_writer import one_writer
from cnnlab.plain_files import place_in, read_plain
from cnnlab.runs.records import parse_json, read_file, unreadable
from cnnlab.strict_json import strict_json
from cnnlab.whole_files import DiskError, disk_error, write_whole

#: The list of what lies in the folder, and the longest that it may be.
LIST, LIST_BYTES = "arrivals.json", 64_000_000


class Place(Strict):
    """Where a hand-in was found: path within what was given, and when it was handed in; None where it is not known."""

    path: str
    time: AwareDatetime | None


class Line(Strict):
    """Something that was found and is no hand-in. says: what it is."""

    path: str
    says: str


class Store(Strict):
    """hand_ins: SHA-256 of a hand-in's bytes → its places, in order. lines: what is none."""

    format: Literal[1] = 1
    hand_ins: dict[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], tuple[Place, ...]] = Field({})
    lines: tuple[Line, ...] = ()


def add(folder: Path, found: Iterable[Arrival], key: str | None) -> Store:
    """Keep what was found in a class's folder, and return all that it holds by now.

    key: of the class's hand-ins. Raises UserError when the folder cannot be written to, when another process collects,
    and when its list is damaged.
    """
    within = folder / FOLDER
    try:
        within.mkdir(exist_ok=True)
    except OSError as error:
        raise disk_error(within, error) from error
    with one_writer(within, being="collected into", mend="wait for it"):
        return _add(folder, read_store(folder), found, key)


def _add(folder: Path, before: Store, found: Iterable[Arrival], key: str | None) -> Store:
    places = {digest: {place.path: place.time for place in each} for digest, each in before.hand_ins.items()}
    lines = {(line.path, line.says) for line in before.lines}
    for arrival in found:
        says = arrival.says
        if arrival.data is not None:
            digest = hashlib.sha256(arrival.data).hexdigest()
            try:
                _keep(folder, digest, arrival.data, key)
            except UserError as error:
                if isinstance(error, DiskError):
                    raise
                says = str(error)
            else:
                here = places.setdefault(digest, {})
                times = [time for time in (here.get(arrival.path), arrival.time) if time is not None]
                here[arrival.path] = min(times, default=None)
                continue
        lines.add((arrival.path, says))
    taken = {path for here in places.values() for path in here}
    store = Store(
        hand_ins={
            digest: tuple(Place(path=path, time=time) for path, time in sorted(places[digest].items(), key=_by_path))
            for digest in sorted(places)
        },
        lines=tuple(Line(path=path, says=says) for path, says in sorted(lines) if path not in taken),
    )
    text = strict_json(store.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_whole(place_in(folder, f"{FOLDER}/{LIST}"), f"{text}\n".encode())
    return store


def _by_path(place: tuple[str, datetime | None]) -> str:
    return place[0]


def _keep(folder: Path, digest: str, data: bytes, key: str | None) -> None:
    """Write a hand-in down unless it is there. Raises UserError where it is none."""
    path = place_in(folder, f"{FOLDER}/{digest}.json")
    read_hand_in(data, key)
    if not path.is_file() or path.stat().st_size != len(data):
        write_whole(path, data)


def read_store(folder: Path) -> Store:
    """What a class's folder holds. Raises UserError where the list is damaged."""
    path = folder / FOLDER / LIST
    if not os.path.lexists(path):
        return Store()
    mend = "delete it, and collect all again"
    values = parse_json(read_file(path, limit=LIST_BYTES), str(path), mend=mend)
    return checked(Store, values, str(path), is_file=True)


def hand_in_bytes(folder: Path, digest: str) -> bytes:
    """A hand-in that is kept. Raises UserError where it is missing, or is not what was collected."""
    path = folder / FOLDER / f"{digest}.json"
    try:
        data = read_plain(path, limit=BYTES)
    except OSError as error:
        raise unreadable(path, error) from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise UserError(f"{path} was changed since it was collected; expected it as it was: delete it, and collect it")
    return data
