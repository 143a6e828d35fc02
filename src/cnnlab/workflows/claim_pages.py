"""The pages of a round of claims, written as each claim ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.claims.registry import CLAIMS
from cnnlab.report.claim_figures import DrawnFigure, draw_figures
from cnnlab.report.claim_page import Neighbour, claim_page
from cnnlab.report.claims_index import claims_index
from cnnlab.whole_files import write_whole
from cnnlab.workflows.reports import write_reports

if TYPE_CHECKING:
    from cnnlab.claims.measuring import Measured
    from cnnlab.claims.rounds import RoundRecord
    from cnnlab.data.imageset import ImageSet


@dataclass(frozen=True)
class _Page:
    """What a page is made of, drawn once."""

    measured: Measured
    figures: list[DrawnFigure]
    links: list[str]


class ClaimPages:
    """OUT/index.html and OUT/ID.html. A page is written again when a claim after it changes what it says."""

    def __init__(self, out: Path, record: RoundRecord, load: Callable[[str], ImageSet]) -> None:
        self.out, self.record, self.load = out, record, load
        self.pages: dict[str, _Page] = {}

    def add(self, measured: Measured) -> None:
        """Write a claim's page and the index; the record holds its entry already.

        Others are written again: its neighbours lead to it, and the family's intervals move with every claim.
        """
        name = measured.claim.id
        links = write_reports(measured.runs, self.out, self.load)
        self.pages[name] = _Page(measured, draw_figures(measured.finding.figures), links)
        for one in self.pages:
            self._write(one)
        index = claims_index(list(self.record.entries.values()), self.record.round, of=len(CLAIMS))
        write_whole(self.out / "index.html", index.encode())

    def _write(self, name: str) -> None:
        page, order = self.pages[name], list(self.record.entries)
        place = order.index(name)
        html = claim_page(
            page.measured,
            self.record.entries[name],
            page.figures,
            self.record.round,
            links=page.links,
            previous=self._neighbour(order[place - 1]) if place else None,
            following=self._neighbour(order[place + 1]) if place + 1 < len(order) else None,
        )
        write_whole(self.out / f"{name}.html", html.encode())

    def _neighbour(self, name: str) -> Neighbour:
        return Neighbour(name, self.record.entries[name]["statement"])
