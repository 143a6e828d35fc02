"""`cnnlab claims`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.interrupts import stop_requests
from cnnlab.cli.terminal import Console, ExperimentView, notice, prepare_training
from cnnlab.experiments.engines.choice import load_ahead
from cnnlab.strict_json import strict_json

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
@click.option("--quick", is_flag=True, help="On mnist-5k only, in a few minutes; stated with each figure.")
@click.option("--data", metavar="DATA", help="Digits. [default: mnist; mnist-5k with --quick]")
@options.data_root
@options.engine
@click.option("--out", type=options.GivenPath(), default=Path("claims"), show_default=True)
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
    if not only_list:
        load_ahead(engine)  # while PyTorch is imported here
    from cnnlab.claims.registry import CLAIMS, find_claim
    from cnnlab.claims.rounds import read_round
    from cnnlab.errors import Stopped
    from cnnlab.workflows.claims import claims
    from cnnlab.workflows.watch import Watch

    prepare_training()
    if only_list:
        _list([find_claim(name) for name in dict.fromkeys(ids or CLAIMS)], as_json)
        return
    view = ExperimentView()
    done: list[Measured] = []

    def show(measured: Measured) -> None:
        view.pause()
        done.append(measured)
        if not as_json:
            _print(measured)

    stopped = None
    with stop_requests() as should_stop:
        watch = Watch(on_progress=view.progress, on_work=view.expect, should_stop=should_stop, say=notice)
        try:
            claims(
                ids,
                quick=quick,
                seeds=seeds,
                data=data,
                out=out,
                data_root=data_root,
                engine=engine,
                ray_address=ray_address,
                on_begin=view.begin,
                on_measured=show,
                watch=watch,
            )
        except Stopped as reason:
            stopped = reason
        finally:
            view.close()
    if as_json:
        entries = {entry.id: entry for entry in read_round(out / "claims.json").claims} if done else {}
        click.echo(strict_json([entries[measured.claim.id].to_json() for measured in done]))
    elif done:
        click.echo(f"page  {out / 'index.html'}")
    if stopped is not None:
        notice(f"stopped; {stopped}. Go on with the same command")
        raise click.exceptions.Exit(130)


def _list(claims: list[Claim], as_json: bool) -> None:
    if as_json:
        keys = ("id", "statement", "kind", "section", "decides")
        click.echo(strict_json([{key: getattr(claim, key) for key in keys} for claim in claims]))
        return
    for claim in claims:
        click.echo(f"{claim.id:22s} {claim.statement}")


def _print(measured: Measured) -> None:
    from rich.markup import escape
    from rich.padding import Padding

    from cnnlab.numbers import duration

    claim, finding = measured.claim, measured.finding
    console = Console()
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
    from cnnlab.report.claims.words import effect, sample

    entry = measured.claim.entry(measured.finding, measured.time_s)
    return f"{effect(entry)} {entry.unit}, {sample(entry)}"
