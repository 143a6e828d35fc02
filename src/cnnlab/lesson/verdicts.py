"""What the claims came to: those that this lesson put to the test, and those that it left out."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.links import Link
from cnnlab.lesson.question import Question


@dataclass(frozen=True)
class LeftOut:
    """A claim that was not put to the test, and the command that does it."""

    id: str
    statement: str
    command: str


@dataclass(frozen=True)
class Verdicts:
    """entries: of claims.json, in the lesson's order. counts: verdict → how many."""

    entries: tuple[ClaimEntry, ...]
    left_out: tuple[LeftOut, ...]
    counts: dict[str, int]
    questions: tuple[Question, ...]
    see: tuple[Link, ...]


def section(evidence: Evidence) -> Verdicts:
    """List the claims that were tested, how many came to which verdict, and those that were left out."""
    entries = tuple(evidence.entries[name] for name in CLAIMS if name in evidence.entries)
    words = [entry.verdict for entry in entries]
    return Verdicts(
        entries=entries,
        left_out=tuple(
            LeftOut(name, find_claim(name).statement, evidence.claim_command(name))
            for name in CLAIMS
            if name not in evidence.entries
        ),
        counts={word: words.count(word) for word in ("supported", "not supported", "undecided")},
        questions=(),
        see=(Link("page", "The claims’ own pages", "claims/index.html"),),
    )
