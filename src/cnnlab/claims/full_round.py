"""The full round that ships with cnnlab: all claims on full sets, for who has no time to train them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.claims.rounds import RoundFile, read_round

#: results/claims.json, byte for byte; docs/generate.py copies it.
FILE = files("cnnlab.claims").joinpath("full-round.json")

#: Claim → words of its rule when the round was measured, and the words for the same since.
REWORDED: Mapping[str, tuple[str, str]] = {
    "fewer-params": (
        "one number of parameters at all sizes and the dense layer ever more",
        "as many parameters at every size, and the dense layer more at each larger one",
    ),
    "locality-matters": ("the dense net's own loss", "what it costs the dense net"),
    "lenet-digits": ("a shape is another", "a shape differs"),
    "batchnorm-lr": ("was made of deep nets", "was made about deep nets"),
}


@cache
def full_round() -> RoundFile:
    """The round, whole. Raises UserError where the installation is damaged."""
    with as_file(FILE) as path:
        return read_round(path)


def full_entries() -> dict[str, ClaimEntry]:
    """Its entries by id, of claims that say now what they said then, and are judged by the same rule."""
    return {entry.id: entry for entry in full_round().claims if entry.id in CLAIMS and is_current(entry)}


def is_current(entry: ClaimEntry) -> bool:
    """Whether the claim of that id would be put to the test today as it was for this entry, but for its words."""
    claim = find_claim(entry.id)
    least, was = claim.smallest, entry.smallest
    return (
        entry.statement == claim.statement
        and entry.kind == claim.kind
        and entry.decides.replace(*REWORDED.get(entry.id, ("", ""))) == claim.decides
        and (was and (was.effect, was.unit)) == (least and (least.value, least.unit))
    )
