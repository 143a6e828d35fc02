"""`cnnlab sweep`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.interrupts import stop_requests
from cnnlab.cli.several import TakesSeveral
from cnnlab.cli.terminal import Console, ExperimentView, Work, notice, prepare_training
from cnnlab.errors import UserError
from cnnlab.experiments.engines.choice import load_ahead
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from cnnlab.experiments.sweep import Point, Sweep


@click.command("sweep", cls=TakesSeveral)
@click.option("--net", default="conv-net", show_default=True)
@click.option("--data", default="mnist-5k", show_default=True, metavar="DATA")
@options.data_root
@options.skip_damaged
@options.several_net_options
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE…",
    help="Values for any other field of a run: --set learning-rate=0.001 0.003.",
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Runs of a point: seeds 0 to N-1.")
@click.option("--epochs", type=float, help="Passes over the training images. [default: the recipe's]")
@click.option("--train-size", type=click.IntRange(1), help="Only this many training images: DATA@N.")
@click.option("--recipe", default="lesson", show_default=True, help="How the nets are trained.")
@click.option(
    "--sampler",
    type=click.Choice(["grid", "optuna"]),
    default="grid",
    show_default=True,
    help="grid: every combination; optuna: --trials of them, proposed by Optuna's TPE.",
)
@click.option("--trials", type=click.IntRange(1), help="optuna: how many points to try.")
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="From the second seed on, go on only with points whose validation accuracy is not clearly below the best.",
)
@options.engine
@click.option("--out", type=options.GivenPath(), default=Path("sweep"), show_default=True)
@options.as_json
def command(
    net: str,
    data: str,
    data_root: Path | None,
    skip_damaged: bool,
    settings: tuple[str, ...],
    seeds: int,
    epochs: float | None,
    train_size: int | None,
    recipe: str,
    sampler: str,
    trials: int | None,
    prune: bool,
    engine: str,
    ray_address: str | None,
    out: Path,
    as_json: bool,
    **values: Any,
) -> None:
    """Search the combinations of several values of a net's options for the best net, and say what it costs.

    An option given several values is varied, one given one value is fixed. Validation accuracy chooses; the best net is
    trained again on fresh seeds, and only these runs say how good it is. Runs lie in OUT/runs; one that is there
    already is not trained again, and one that was stopped goes on.
    """
    load_ahead(engine)  # while PyTorch is imported here
    from cnnlab.config import NetSpec
    from cnnlab.errors import Stopped
    from cnnlab.runs.plan import Plan
    from cnnlab.workflows.sweep import sweep
    from cnnlab.workflows.watch import Watch

    data = options.damaged_skipped(data, skip_damaged)
    prepare_training()
    _check_trials(sampler, trials)
    family = Plan(net=NetSpec(name=net), data=data).as_family().net.name
    view = ExperimentView()
    try:
        with stop_requests() as should_stop, closing(view):
            watch = Watch(
                on_data=Work(),
                on_ahead=view.expect_runs,
                on_progress=view.progress,
                should_stop=should_stop,
                say=notice,
            )
            result = sweep(
                [*options.net_settings(values, family), *settings],
                net=net,
                data=data if train_size is None else f"{data}@{train_size}",
                recipe=recipe,
                epochs=epochs,
                seeds=seeds,
                trials=trials,
                prune=prune,
                out=out,
                data_root=data_root,
                engine=engine,
                ray_address=ray_address,
                watch=watch,
            )
    except Stopped:
        done = len(list((out / "runs").glob("*/result.json")))
        notice(f"stopped; {done} finished runs are kept in {out}. Go on with the same command")
        raise click.exceptions.Exit(130) from None
    if as_json:
        click.echo(strict_json(result.to_json() | {"sampler": sampler, "page": str(out / "index.html")}))
    else:
        _print(result)
        click.echo(f"page  {out / 'index.html'}")


def _check_trials(sampler: str, trials: int | None) -> None:
    if sampler == "optuna" and trials is None:
        raise UserError("--sampler optuna: got no number of points to try; expected one: --trials 20")
    if sampler == "grid" and trials is not None:
        raise UserError("--trials: the grid tries every combination; expected --sampler optuna with it")


def _print(result: Sweep) -> None:
    from rich.markup import escape
    from rich.table import Table

    from cnnlab.numbers import short_count
    from cnnlab.report.sweep.words import optimism_words, plan_words, test_words, verdict_words

    console = Console()
    console.print(f"[bold]{escape(plan_words(result))}[/]\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("#", "validation", "± seeds", "n"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("point", overflow="fold")
    for head in ("param.", "m.-adds", "time"):
        table.add_column(head, justify="right", no_wrap=True)
    for number, point in enumerate(result.points, start=1):
        table.add_row(
            str(number),
            *_reached(point),
            escape(point.name) + ("" if point.end == "complete" else f" [dim]({point.end})[/]"),
            short_count(point.parameters) + _star(point, "parameters"),
            short_count(point.macs) + _star(point, "macs"),
            "–" if point.train_time_s is None else f"{point.train_time_s:.1f} s" + _star(point, "train_time_s"),
        )
    console.print(table)
    console.print(
        "\n[dim]validation: accuracy, mean over n seeds; ± seeds: standard deviation, in points. param.: parameters. "
        "m.-adds: multiply-adds for one image. time: training steps of a run. *: no point is as good for less.[/]\n"
    )
    for line in (optimism_words(result), test_words(result), verdict_words(result)):
        console.print(line, markup=False)


def _reached(point: Point) -> tuple[str, str, str]:
    if point.spread is None:
        return "–", "–", "0"
    deviation = point.spread.standard_deviation
    return f"{point.spread.mean:.2%}", "–" if deviation is None else f"{100 * deviation:.2f}", str(point.spread.n)


def _star(point: Point, cost: str) -> str:
    return "*" if cost in point.front else " "
