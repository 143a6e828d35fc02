"""A claim on the lesson's pages: what came of it, and a line that says where that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.rounds import Round
from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Tested
from cnnlab.report.claims.index import environments
from cnnlab.report.claims.words import corrected, day, effect, images, machine, sample, why_not_supported


@dataclass(frozen=True)
class ClaimOnPage:
    """href: of the page that has all of it. measured: when, on which images and, of the full round, which machine."""

    id: str
    statement: str
    is_here: bool
    href: str
    entry: ClaimEntry | None
    effect: str
    measured: str
    corrected: str
    why: list[str]


def shown(tested: Tested, full_round: Round) -> ClaimOnPage:
    """What the pages say of a claim. full_round: to which the entries of claims belong that were not measured here."""
    claim, entry = tested.claim, tested.entry
    return ClaimOnPage(
        id=claim.id,
        statement=claim.statement,
        is_here=tested.is_here,
        href=f"claims/{claim.id}.html" if tested.is_here else f"{CHAPTERS[-1].file}#claim-{claim.id}",
        entry=entry,
        effect="" if entry is None else f"{effect(entry)} {entry.unit}, {sample(entry)}",
        measured="" if entry is None else _measured(entry, None if tested.is_here else full_round),
        corrected="" if entry is None else corrected(entry),
        why=[] if entry is None else why_not_supported(entry),
    )


def _measured(entry: ClaimEntry, full_round: Round | None) -> str:
    trained = f"nets trained on {images(entry)}" if entry.data else "no net trained"
    if full_round is None:
        when = f" on {day(entry)}" if entry.measured else ""
        return f"Measured in this lesson{when}: {trained}."
    seeds = f", seeds {full_round.first_seed} to {full_round.first_seed + full_round.seeds - 1}" if entry.data else ""
    on = "; ".join(map(machine, environments([entry]) or [full_round.environment]))
    return f"From the full round, {day(entry)}: {trained}{seeds}; {on}."
