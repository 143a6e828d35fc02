"""The page of a claim: what it states, what was measured, the figure that shows it, and the verdict."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from cnnlab.claims.entry import ClaimEntry
from cnnlab.claims.laboratory import FULL, QUICK
from cnnlab.claims.measuring import Measured
from cnnlab.claims.rounds import Round
from cnnlab.numbers import rounded
from cnnlab.report.back import Back
from cnnlab.report.claims.runs import claim_trainings
from cnnlab.report.claims.strip import strip
from cnnlab.report.claims.words import corrected, day, effect, effect_interval, sample, why_not_supported
from cnnlab.report.figures.draw import DrawnFigure
from cnnlab.report.pages import render


@dataclass(frozen=True)
class Neighbour:
    """The claim before or after this one."""

    id: str
    statement: str


def claim_page(
    measured: Measured,
    entry: ClaimEntry,
    figures: Sequence[DrawnFigure],
    this_round: Round,
    *,
    links: Sequence[str],
    previous: Neighbour | None = None,
    following: Neighbour | None = None,
    back: Back | None = None,
) -> str:
    """The page, as HTML that loads nothing from elsewhere.

    entry: the claim's in claims.json. this_round: what claims.json says besides entries. links: where the report of
    each of `measured.runs` lies from the page. back: to the lesson that leads here, if one does.
    """
    return render(
        "claims/page.html",
        back=back,
        entry=entry,
        effect=rounded(entry.effect),
        interval_text=effect_interval(entry),
        sample=sample(entry),
        corrected=corrected(entry),
        why=why_not_supported(entry),
        effect_of=effect,
        day=day(entry),
        strip=strip(entry),
        figures=figures,
        trained=claim_trainings(measured.runs, links),
        command=command(entry.id, this_round),
        round=this_round,
        previous=previous,
        following=following,
        quote=quote,
    )


def command(name: str | None, this_round: Round) -> str:
    """The command that puts a claim, or all of them, to the test in the same way."""
    scale = QUICK if this_round.quick else FULL
    words = ["cnnlab", "claims", *([name] if name else []), *(["--quick"] if this_round.quick else [])]
    if this_round.data != scale.data:
        words += ["--data", this_round.data]
    if this_round.seeds != scale.seeds:
        words += ["--seeds", str(this_round.seeds)]
    return shlex.join(words)
