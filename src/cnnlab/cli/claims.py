"""`cnnlab claims`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import ExperimentView, notice, stop_requests

if TYPE_CHECKING:
    from cnnlab.claims.claim import Claim, Finding

_COLOURS = {"supported": "green", "not supported": "red", "undecided": "yellow"}


@click.command("claims")
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--list", "only_list", is_flag=True, help="Say what the claims are and measure nothing.")
@click.option("--seeds", type=click.IntRange(1), help="Runs of each variant. [default: 5; 3 with --quick]")
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
    out: Path,
    as_json: bool,
) -> None:
    """Put statements of the lesson to the test: each an experiment, a measured effect, a verdict.

    Exact claims are checked numerically; statistical ones train nets on matched seeds. Runs lie in OUT/runs and are not
    trained again. A verdict is computed from the figures: supported, not supported, or undecided with so few seeds.
    """
    from cnnlab.claims.laboratory import Laboratory, Stopped
    from cnnlab.claims.registry import CLAIMS, find_claim
    from cnnlab.experiments.engines.choice import choose_engine
    from cnnlab.runs.folder import write_json
    from cnnlab.training.machine import keep_freed_memory

    keep_freed_memory()
    claims = [find_claim(name) for name in dict.fromkeys(ids or CLAIMS)]
    if only_list:
        _list(claims, as_json)
        return
    digits = data or ("mnist-5k" if quick else "mnist")
    view = ExperimentView(0)
    entries: list[dict[str, object]] = []
    with stop_requests() as requests:
        laboratory = Laboratory(
            data=digits,
            fashion=digits if quick else "fashion-mnist",
            seeds=tuple(range(seeds or (3 if quick else 5))),
            train_size=2000 if quick else None,
            epochs=5 if quick else 3,
            folder=out / "runs",
            engine=choose_engine(engine, say=notice),
            data_root=None if data_root is None else str(data_root),
            on_progress=view.progress,
            should_stop=lambda: bool(requests),
        )
        for claim in claims:
            view.begin(claim.id)
            started = time.perf_counter()
            try:
                finding = claim.measure(laboratory)
            except Stopped:
                break
            finally:
                view.close()
            entries.append(claim.to_json(finding, time.perf_counter() - started))
            if not as_json:
                _print(claim, finding, time.perf_counter() - started)
    out.mkdir(parents=True, exist_ok=True)
    record = {"quick": quick, "data": digits, "seeds": len(laboratory.seeds), "claims": entries}
    write_json(out / "claims.json", record)
    if as_json:
        click.echo(json.dumps(entries))
    if requests:
        notice(f"stopped; {len(entries)} of {len(claims)} claims are done, finished runs are kept in {out}")
        raise click.exceptions.Exit(130)


def _list(claims: list[Claim], as_json: bool) -> None:
    if as_json:
        keys = ("id", "statement", "kind", "section", "decides")
        click.echo(json.dumps([{key: getattr(claim, key) for key in keys} for claim in claims]))
        return
    for claim in claims:
        click.echo(f"{claim.id:22s} {claim.statement}")


def _print(claim: Claim, finding: Finding, time_s: float) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    console = Console(highlight=False)
    console.print(f"[bold]{claim.id}[/]  {escape(claim.statement)}")
    verdict = f"[{_COLOURS[finding.verdict]}]{finding.verdict}[/]  {_effect(finding)}  [dim]{time_s:.1f} s[/]"
    console.print(Padding(verdict, (0, 0, 0, 2)))
    console.print(Padding(f"[dim]{escape(finding.says)}[/]\n", (0, 0, 0, 2)))


def _effect(finding: Finding) -> str:
    value = f"{finding.effect:.2f}" if abs(finding.effect) >= 0.005 else f"{finding.effect:.3g}"
    interval = "" if finding.interval is None else f" \\[{finding.interval[0]:.2f}, {finding.interval[1]:.2f}]"
    return f"{value}{interval} {finding.unit}, n = {finding.n:,} {finding.of}"
