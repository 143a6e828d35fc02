"""The page of a round: every claim with its verdict and effect, in the lesson's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.family import FAMILY
from cnnlab.claims.rounds import Round
from cnnlab.report.back import Back
from cnnlab.report.claims.page import command
from cnnlab.report.claims.strip import Strip, strip
from cnnlab.report.claims.words import effect, sample
from cnnlab.report.pages import render
from cnnlab.runs.environment import Environment


@dataclass(frozen=True)
class _Row:
    entry: ClaimEntry
    link: str
    effect: str
    sample: str
    strip: Strip | None


def claims_index(entries: Sequence[ClaimEntry], this_round: Round, *, of: int, back: Back | None = None) -> str:
    """The page that leads to those of the claims.

    of: how many claims there are, with those not measured yet. back: to the lesson that leads here, if one does.
    """
    rows = [
        _Row(
            entry=entry,
            link=quote(f"{entry.id}.html"),
            effect=effect(entry),
            sample=sample(entry),
            strip=strip(entry),
        )
        for entry in entries
    ]
    verdicts = [entry.verdict for entry in entries]
    return render(
        "claims/index.html",
        back=back,
        kinds=[(kind, [row for row in rows if row.entry.kind == kind]) for kind in ("exact", "statistical")],
        counts=[(word, verdicts.count(word)) for word in ("supported", "not supported", "undecided")],
        total=len(entries),
        of=of,
        family=len(FAMILY),
        round=this_round,
        command=command(None, this_round),
        runs=len({run for entry in entries for run in entry.runs}),
        environments=environments(entries),
        train_time_s=_train_time(entries),
        time_s=sum(entry.time_s for entry in entries),
    )


def environments(entries: Sequence[ClaimEntry]) -> list[Environment]:
    """What the runs of all claims were made on, each once."""
    found: list[Environment] = []
    for one in (each for entry in entries for each in entry.environments):
        record = Environment(**one.model_dump(exclude={"runs"}))
        if record not in found:
            found.append(record)
    return found


def _train_time(entries: Sequence[ClaimEntry]) -> float:
    """Of all runs; claims that share runs each count them."""
    return sum(entry.train_time_s for entry in entries)
