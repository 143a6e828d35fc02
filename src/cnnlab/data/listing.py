"""What is on this machine, from where, verified or not. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cnnlab.data import embedded
from cnnlab.data.known import KNOWN, VALIDATION, KnownSet
from cnnlab.data.places import search
from cnnlab.errors import UserError

Origin = Literal["embedded", "data root", "cache", "Debian package", "to fetch"]


@dataclass(frozen=True)
class Availability:
    """A named data set as this machine has it.

    found: the folder or file that it would be loaded from; None when it has to be fetched.
    verified: True when the SHA-256 of every file's content was found right just now, False when it could not
    be (or was wrong: see problem), None when there is nothing to check.
    images: how many images are in each split. problem: what is wrong with files that were found, in one line.
    """

    name: str
    description: str
    found: Path | None
    origin: Origin
    verified: bool | None
    images: dict[str, int]
    problem: str | None = None


def available(root: str | Path | None = None, cache: str | Path | None = None) -> list[Availability]:
    """Every named data set and where it would come from, each file read and hashed.

    root, cache: as for `load`. Raises nothing for a bad file: it is that set's `problem`.
    """
    return [_embedded(), *(_known(known, root, cache) for known in KNOWN.values())]


def _embedded() -> Availability:
    path, verified, problem = None, False, None
    try:
        path = embedded.embedded_path()
        embedded.read_embedded(path)
        verified = True
    except UserError as error:
        problem = str(error)
    return Availability(
        name=embedded.NAME,
        description=embedded.DESCRIPTION,
        found=path,
        origin="embedded",
        verified=verified,
        images={"train": 4_000, "validation": 500, "test": 500},
        problem=problem,
    )


def _known(known: KnownSet, root: str | Path | None, cache: str | Path | None) -> Availability:
    path: Path | None = None
    origin: Origin = "to fetch"
    verified: bool | None = None
    try:
        outcome = search(known, root=root, cache=cache)
        problem = outcome.problem
        if outcome.found:
            path, origin, verified = outcome.found.folder, outcome.found.origin, outcome.found.verified
    except UserError as error:
        origin, verified, problem = "data root", False, str(error)
    train, test = known.files[1].shape[0], known.files[3].shape[0]
    return Availability(
        name=known.name,
        description=known.description,
        found=path,
        origin=origin,
        verified=verified,
        images={"train": train - VALIDATION, "validation": VALIDATION, "test": test},
        problem=problem,
    )
