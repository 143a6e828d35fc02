"""`cnnlab claims`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import ExperimentView, notice, stop_requests

if TYPE_CHECKING:
    from cnnlab.claims.claim import Claim
    from cnnlab.claims.measuring import Measured

_COLOURS = {"supported": "green", "not supported": "red", "undecided": "yellow"}
_MARKS = {"supported": "✓", "not supported": "✗", "undecided": "?"}


@click.command("claims")
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--list", "only_list", is_flag=True, help="Say what the claims are and measure nothing.")
@click.option(
    "--seeds", type=click.IntRange(1), help="Runs of each variant: seeds 10 to N+9. [default: 5; 3 with --quick]"
)
@click.option("--quick", is_flag=True, help="On mnist-5k alone, in a few minutes; stated with each figure.")
@click.option("--data", metavar="DATA", help="Digits. [default: mnist; mnist-5k with --quick]")
@options.data_root
@options.engine
@click.option("--out", type=click.Path(path_type=Path), default=Path("claims"), show_default=True)
@options.as_json
def command(
    ids: tuple[str, ...],
    only_list: bool,
    seeds: int | None,
    quick: bool,
    data: str | None,
    data_root: Path | None,
    engine: str,
    ray_address: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Put statements of the lesson to the test: each an experiment, a measured effect, a verdict.

    Exact claims are checked numerically; statistical ones train nets on matched seeds. Runs lie in OUT/runs and are not
    trained again. A verdict is computed from the figures: supported, not supported, or undecided with so few seeds.
    OUT/index.html leads to a page for each claim.
    """
    from cnnlab.claims.laboratory import Laboratory, seeds_of_a_round
    from cnnlab.claims.measuring import measure, still_to_train
    from cnnlab.claims.registry import CLAIMS, find_claim
    from cnnlab.claims.rounds import RoundRecord, round_of
    from cnnlab.experiments.engines.choice import choose_engine
    from cnnlab.experiments.trainer import Stopped
    from cnnlab.training.machine import keep_freed_memory
    from cnnlab.workflows.claim_pages import ClaimPages

    keep_freed_memory()
    claims = [find_claim(name) for name in dict.fromkeys(ids or CLAIMS)]
    if only_list:
        _list(claims, as_json)
        return
    digits = data or ("mnist-5k" if quick else "mnist")
    view = ExperimentView()
    done: list[Measured] = []
    with stop_requests() as requests:
        laboratory = Laboratory(
            data=digits,
            fashion=digits if quick else "fashion-mnist",
            seeds=seeds_of_a_round(seeds or (3 if quick else 5)),
            train_size=2000 if quick else None,
            is_quick=quick,
            epochs=5 if quick else 3,
            folder=out / "runs",
            engine=choose_engine(engine, ray_address=ray_address, say=notice),
            data_root=None if data_root is None else str(data_root),
            on_progress=view.progress,
            should_stop=lambda: bool(requests),
        )
        record = RoundRecord(out / "claims.json", round_of(laboratory, quick=quick, engine=engine))
        if record.put_aside is not None:
            notice(f"{out} held another round; its figures are kept in {record.put_aside}, its runs where they are")
        pages = ClaimPages(out, record, laboratory.load)
        view.expect(still_to_train(claims, laboratory))
        for claim in claims:
            view.begin(claim.id)
            try:
                measured = measure(claim, laboratory)
            except Stopped:
                break
            finally:
                view.pause()
            done.append(measured)
            record.add(measured.to_json(out))
            pages.add(measured)
            if not as_json:
                _print(measured)
        view.close()
    if as_json:
        click.echo(json.dumps([record.entries[measured.claim.id] for measured in done]))
    elif done:
        click.echo(f"page  {out / 'index.html'}")
    if requests:
        notice(
            f"stopped; {len(done)} of {len(claims)} claims are done, finished runs are kept in {out}. "
            "Go on with the same command"
        )
        raise click.exceptions.Exit(130)


def _list(claims: list[Claim], as_json: bool) -> None:
    if as_json:
        keys = ("id", "statement", "kind", "section", "decides")
        click.echo(json.dumps([{key: getattr(claim, key) for key in keys} for claim in claims]))
        return
    for claim in claims:
        click.echo(f"{claim.id:22s} {claim.statement}")


def _print(measured: Measured) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    from cnnlab.report.numbers import duration

    claim, finding = measured.claim, measured.finding
    console = Console(highlight=False)
    console.print(f"[bold]{claim.id}[/]  {escape(claim.statement)}")
    verdict = (
        f"[{_COLOURS[finding.verdict]}]{_MARKS[finding.verdict]} {finding.verdict}[/]  {escape(_effect(measured))}"
    )
    console.print(Padding(verdict, (0, 0, 0, 2)))
    took = duration(measured.time_s) if measured.time_s >= 1 else f"{1000 * measured.time_s:.0f} ms"
    runs = ""
    if measured.runs:
        found = f", {measured.found} found" if measured.found else ""
        runs = f", {len(measured.runs)} runs{found}"
    console.print(Padding(f"[dim]{escape(finding.says)} ({took}{runs})[/]\n", (0, 0, 0, 2)))


def _effect(measured: Measured) -> str:
    from cnnlab.report.claim_numbers import interval, number, sample

    entry = measured.claim.to_json(measured.finding, measured.time_s)
    words = f"{number(entry['effect'])} {interval(entry)}".strip()
    return f"{words} {entry['unit']}, {sample(entry)}"
