"""A round: claims put to the test on the same images and seeds, and their entries in claims.json."""

from __future__ import annotations

from pathlib import Path

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.family import corrected_intervals
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.registry import CLAIMS
from cnnlab.config import Strict
from cnnlab.errors import UserError
from cnnlab.runs.environment import Environment, environment
from cnnlab.runs.folder import write_json
from cnnlab.runs.records import ROUND_BYTES, read_record
from cnnlab.training.machine import resolve_device, resolve_precision

#: What of the environment two rounds have in common if they are one: versions and arithmetic.
_SAME_ENVIRONMENT = ("cnnlab", "torch", "device", "precision")


class Round(Strict):
    """What claims.json says besides its entries: images, seeds, sizes, versions and machine.

    seeds: how many, from first_seed on. train_size: images that are trained on, None for all. engine: as it was asked
    for; it tells no two rounds apart.
    """

    quick: bool
    data: str
    data_sha256: str
    fashion: str
    seeds: int
    first_seed: int
    epochs: int | float
    train_size: int | None
    engine: str
    environment: Environment

    def is_same(self, other: Round) -> bool:
        """Whether figures of the two may stand in one table."""
        fields = set(Round.model_fields) - {"engine", "environment"}
        return all(getattr(self, name) == getattr(other, name) for name in fields) and all(
            getattr(self.environment, name) == getattr(other.environment, name) for name in _SAME_ENVIRONMENT
        )


class RoundFile(Round):
    """claims.json, whole."""

    claims: tuple[ClaimEntry, ...]


def round_of(laboratory: Laboratory, *, engine: str) -> Round:
    """The round that a laboratory's claims make."""
    device = resolve_device("auto")
    return Round(
        quick=laboratory.is_quick,
        data=laboratory.data,
        data_sha256=laboratory.load(laboratory.data).sha256,
        fashion=laboratory.fashion,
        seeds=len(laboratory.seeds),
        first_seed=laboratory.seeds[0],
        epochs=laboratory.epochs,
        train_size=laboratory.train_size,
        engine=engine,
        environment=environment(device, resolve_precision("auto", device)),
    )


class RoundRecord:
    """claims.json of a round, written anew with every entry.

    Entries that are there already stay, if they are of this very round. Those of another, and what is no such record,
    are put aside, whole, as claims-before.json: figures of two rounds do not stand in one table.
    """

    def __init__(self, path: Path, this_round: Round) -> None:
        self.path = path
        self.round = this_round
        self.entries: dict[str, ClaimEntry] = {}
        self.put_aside: Path | None = None
        if not path.exists():
            return
        try:
            before = read_round(path)
        except UserError:  # nothing of it is lost
            before = None
        if before is not None and before.is_same(this_round):
            self.entries = {entry.id: entry for entry in before.claims}
        else:
            self.put_aside = path.replace(path.with_name("claims-before.json"))

    def add(self, entry: ClaimEntry) -> None:
        """Keep a claim's entry, in place of an earlier one of the same claim; the family's intervals follow."""
        added = self.entries | {entry.id: entry}
        corrected = corrected_intervals(added)
        self.entries = {
            name: added[name].model_copy(update={"corrected": corrected.get(name)}) for name in CLAIMS if name in added
        }
        write_json(self.path, self.to_json())

    def to_json(self) -> dict[str, object]:
        """The record as it is written."""
        return self.round.model_dump(mode="json") | {
            "environment": self.round.environment.to_json(of_a_run=False),
            "claims": [entry.to_json() for entry in self.entries.values()],
        }


def read_round(path: Path) -> RoundFile:
    """A round's record. Raises UserError where it is missing or damaged, or of a version that wrote other records."""
    return read_record(RoundFile, path, limit=ROUND_BYTES)
