"""Statements of the lesson put to the test: measured one after another, each with its page as it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnlab.claims.laboratory import FULL, QUICK, Laboratory, seeds_of_a_round
from cnnlab.claims.measuring import Measured, measure, still_to_train
from cnnlab.claims.registry import CLAIMS, find_claim
from cnnlab.claims.rounds import RoundRecord, round_of
from cnnlab.errors import Stopped
from cnnlab.experiments.engines.choice import choose_engine
from cnnlab.given_kinds import given_names
from cnnlab.one_writer import one_writer_of_new
from cnnlab.plain_files import place_in
from cnnlab.report.back import Back, back_from_claim, back_to
from cnnlab.report.claims.index import claims_index
from cnnlab.report.claims.page import Neighbour, claim_page
from cnnlab.report.figures.draw import DrawnFigure, draw_figures
from cnnlab.whole_files import write_whole
from cnnlab.workflows.reports import write_reports
from cnnlab.workflows.watch import Watch

if TYPE_CHECKING:
    from cnnlab.data.imageset import ImageSet


def claims(
    ids: Sequence[str] = (),
    *,
    quick: bool = False,
    seeds: int | None = None,
    data: str | None = None,
    out: str | Path = "claims",
    data_root: str | Path | None = None,
    engine: str = "auto",
    ray_address: str | None = None,
    on_begin: Callable[[str], None] = lambda _name: None,
    on_measured: Callable[[Measured], None] = lambda _measured: None,
    watch: Watch | None = None,
) -> list[Measured]:
    """Put statements of the lesson to the test: `cnnlab claims` from Python, as `cnnlab.claims(...)`.

    ids: of claims; none for all of them. quick: on mnist-5k only, few images. seeds: runs of each variant, seeds 10 to
    N+9; by default 5, in a quick round 3. data: digits; by default mnist, in a quick round mnist-5k.
    out: where `index.html`, claims' pages, `claims.json` and `runs/` are written, as each claim ends; a run that is
    there is not trained again, and entries of another round are put aside. data_root, engine, ray_address: as in
    `compare`. on_begin: called with the name of each claim, on_measured: with what it found. watch: follows the
    trainings; its `on_work` once, before the first.
    Returns what was found for each claim, with `finding.verdict` and `finding.says`. Raises Stopped when `watch` says
    so, and UserError where a training fails or another process writes `out`.
    """
    watch, folder = watch or Watch(), Path(out)
    chosen = [find_claim(name) for name in dict.fromkeys(given_names(ids, "ids", "dropout-mean") or CLAIMS)]
    scale = QUICK if quick else FULL
    digits = data or scale.data
    trained_by = choose_engine(engine, ray_address=ray_address, say=watch.say)
    laboratory = Laboratory(
        data=digits,
        fashion=scale.fashion or digits,
        seeds=seeds_of_a_round(seeds or scale.seeds),
        train_size=scale.train_size,
        is_quick=quick,
        epochs=scale.epochs,
        folder=place_in(folder, "runs"),
        engine=trained_by,
        data_root=None if data_root is None else str(data_root),
        on_progress=watch.on_progress,
        should_stop=watch.should_stop,
    )
    this_round = round_of(laboratory, engine=engine)
    done: list[Measured] = []
    with one_writer_of_new(folder), closing(trained_by):
        record = RoundRecord(folder / "claims.json", this_round)
        if record.put_aside is not None:
            watch.say(
                f"{folder} held another round; its figures are kept in {record.put_aside}, its runs where they are"
            )
        pages = ClaimPages(folder, record, laboratory.load)
        watch.on_work(still_to_train(chosen, laboratory))
        for claim in chosen:
            on_begin(claim.id)
            try:
                measured = measure(claim, laboratory)
            except Stopped:
                raise Stopped(
                    f"{len(done)} of {len(chosen)} claims are done, finished runs are kept in {folder}"
                ) from None
            done.append(measured)
            record.add(measured.entry(folder))
            pages.add(measured)
            on_measured(measured)
    return done


@dataclass(frozen=True)
class _Page:
    """What a page is made of, drawn once."""

    measured: Measured
    figures: list[DrawnFigure]
    links: list[str]


class ClaimPages:
    """OUT/index.html and OUT/ID.html. A page is written again when a claim after it changes what it says.

    Where OUT lies in a lesson's folder, its pages and reports lead back to the lesson.
    """

    def __init__(self, out: Path, record: RoundRecord, load: Callable[[str], ImageSet]) -> None:
        self.out, self.record, self.load = out, record, load
        self.pages: dict[str, _Page] = {}
        self.is_of_a_lesson = (out.resolve().parent / "lesson.json").exists()

    def add(self, measured: Measured) -> None:
        """Write a claim's page and the index; the record holds its entry already.

        Others are written again: its neighbours lead to it, and the family's intervals move with every claim.
        """
        name = measured.claim.id
        links = write_reports(measured.runs, self.out, self.load, back=self._back(name, depth=3))
        self.pages[name] = _Page(measured, draw_figures(measured.finding.figures), links)
        for one in self.pages:
            self._write(one)
        back = back_to("verdicts", depth=1) if self.is_of_a_lesson else None
        index = claims_index(list(self.record.entries.values()), self.record.round, of=len(CLAIMS), back=back)
        write_whole(place_in(self.out, "index.html"), index.encode())

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
            back=self._back(name, depth=1),
        )
        write_whole(place_in(self.out, f"{name}.html"), html.encode())

    def _back(self, name: str, *, depth: int) -> Back | None:
        return back_from_claim(name, depth=depth) if self.is_of_a_lesson else None

    def _neighbour(self, name: str) -> Neighbour:
        return Neighbour(name, self.record.entries[name].statement)
