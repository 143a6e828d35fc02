"""A round: claims put to the test on the same images and seeds, and their entries in claims.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnnlab.claims.family import corrected_intervals
from cnnlab.claims.laboratory import Laboratory
from cnnlab.claims.registry import CLAIMS
from cnnlab.runs.environment import environment
from cnnlab.runs.folder import read_json, write_json
from cnnlab.training.machine import resolve_device, resolve_precision

#: What two rounds have in common if they are one; of the environment, its versions and arithmetic.
_SAME = ("quick", "data", "data_sha256", "fashion", "seeds", "first_seed", "epochs", "train_size")
_SAME_ENVIRONMENT = ("cnnlab", "torch", "device", "precision")


def round_of(laboratory: Laboratory, *, quick: bool, engine: str) -> dict[str, Any]:
    """What claims.json says besides its entries: images, seeds, sizes, versions and machine."""
    device = resolve_device("auto")
    return {
        "quick": quick,
        "data": laboratory.data,
        "data_sha256": laboratory.load(laboratory.data).sha256,
        "fashion": laboratory.fashion,
        "seeds": len(laboratory.seeds),
        "first_seed": laboratory.seeds[0],
        "epochs": laboratory.epochs,
        "train_size": laboratory.train_size,
        "engine": engine,
        "environment": environment(device, resolve_precision("auto", device)).to_json(of_a_run=False),
    }


class RoundRecord:
    """claims.json of a round, written anew with every entry.

    Entries that are there already stay, if they are of this very round. Those of another are put aside, whole, as
    claims-before.json: figures of two rounds do not stand in one table.
    """

    def __init__(self, path: Path, this_round: dict[str, Any]) -> None:
        self.path = path
        self.round = this_round
        self.entries: dict[str, dict[str, Any]] = {}
        self.put_aside: Path | None = None
        if not path.exists():
            return
        before = read_json(path)
        if _is_same(before, this_round):
            self.entries = {entry["id"]: entry for entry in before["claims"]}
        else:
            self.put_aside = path.replace(path.with_name("claims-before.json"))

    def add(self, entry: dict[str, Any]) -> None:
        """Keep a claim's entry, in place of an earlier one of the same claim; the family's intervals follow."""
        added = self.entries | {entry["id"]: entry}
        corrected = corrected_intervals(added)
        self.entries = {name: added[name] | {"corrected": corrected.get(name)} for name in CLAIMS if name in added}
        write_json(self.path, self.round | {"claims": list(self.entries.values())})


def _is_same(before: dict[str, Any], this_round: dict[str, Any]) -> bool:
    if not isinstance(before.get("claims"), list) or not isinstance(before.get("environment"), dict):
        return False
    return all(before.get(name) == this_round[name] for name in _SAME) and all(
        before["environment"].get(name) == this_round["environment"][name] for name in _SAME_ENVIRONMENT
    )
