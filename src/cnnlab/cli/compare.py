"""`cnnlab compare`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import ExperimentView, Work, notice, stop_requests
from cnnlab.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnnlab.data.imageset import ImageSet
    from cnnlab.experiments.compare import Comparison


@click.command("compare")
@click.option("--net", default="simple-cnn", show_default=True)
@click.option("--data", default="mnist-5k", show_default=True, metavar="DATA")
@options.data_root
@click.option(
    "--variants", multiple=True, metavar="NAME…", help="Named changes, the baseline left out; see the list below."
)
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A variant of your own: any field of a run."
)
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="Runs of each variant: seeds 0 to N-1."
)
@click.option("--epochs", type=float, help="Passes over the training images. [default: the recipe's]")
@click.option("--train-size", type=click.IntRange(1), help="Only so many training images: DATA@N.")
@click.option("--recipe", default="lesson", show_default=True, help="How the baseline is trained.")
@options.engine
@click.option("--out", type=click.Path(path_type=Path), default=Path("compare"), show_default=True)
@options.net_options
@options.as_json
@click.argument("more", nargs=-1, metavar="[NAME…]")
def command(
    net: str,
    data: str,
    data_root: Path | None,
    variants: tuple[str, ...],
    settings: tuple[str, ...],
    seeds: int,
    epochs: float | None,
    train_size: int | None,
    recipe: str,
    engine: str,
    out: Path,
    as_json: bool,
    more: tuple[str, ...],
    **values: Any,
) -> None:
    """Compare variants of a training on matched seeds, with an honest verdict on each.

    The baseline is NET by the recipe; a variant changes one thing in it. Runs lie in OUT/runs; one that is there
    already is not trained again, and one that was stopped goes on.
    """
    from cnnlab.config import NetSpec
    from cnnlab.data import load
    from cnnlab.experiments.compare import comparison, contestants, prepare, train
    from cnnlab.experiments.engines.choice import choose_engine
    from cnnlab.experiments.plan import Plan
    from cnnlab.experiments.variants import find_variant, own_variant
    from cnnlab.runs.folder import write_json
    from cnnlab.training.machine import keep_freed_memory

    keep_freed_memory()
    named = dict.fromkeys(("baseline", *variants, *more))
    chosen = [*map(find_variant, named), *map(own_variant, settings)]
    if len(chosen) < 2:
        raise UserError(
            "compare: got no variants; expected at least one: cnnlab compare --variants no-dropout no-batchnorm"
        )
    base = Plan(
        net=NetSpec(name=net, options=options.net_changes(values, net)),
        data=data if train_size is None else f"{data}@{train_size}",
        recipe=recipe,
        epochs=epochs,
    )
    root = None if data_root is None else str(data_root)
    load_once = cache(lambda name: load(name, root=root, progress=Work()))
    found = contestants(base, chosen, range(seeds), load_once)
    jobs = prepare(found, out / "runs", data_root=root)
    # One seed of every variant before the next seed: stopped early, it has still compared something.
    queue = [job for one_seed in zip(*jobs.values(), strict=True) for job in one_seed]
    left = [job for job in queue if not job.is_finished]
    if len(left) < len(queue):
        notice(f"{len(queue) - len(left)} of {len(queue)} runs are there already")
    view = ExperimentView(len(left))
    with stop_requests() as requests:
        try:
            errors = train(
                left,
                choose_engine(engine, say=notice),
                on_progress=view.progress,
                should_stop=lambda: bool(requests),
            )
        finally:
            view.close()
    if requests:
        done = sum(job.is_finished for job in queue)
        notice(f"stopped; {done} of {len(queue)} runs are finished and kept. Go on with the same command")
        raise click.exceptions.Exit(130)
    if errors:
        raise UserError("; ".join(dict.fromkeys(errors)))
    result = comparison(found, jobs)
    page = out / "index.html"
    _write_pages(result, page, load_once)
    document = result.to_json() | {"page": str(page)}
    write_json(out / "comparison.json", document)
    if as_json:
        click.echo(json.dumps(document))
    else:
        _print(result)
        click.echo(f"page  {page}")


def _write_pages(result: Comparison, page: Path, load: Callable[[str], ImageSet]) -> None:
    """The comparison's page, and a report for every run that its rows lead to."""
    from cnnlab.cli.train import write_report
    from cnnlab.nets.resolve import is_own
    from cnnlab.report.comparison_page import comparison_page
    from cnnlab.whole_files import write_whole

    links = {}
    for figures in result.variants:
        for run in figures.runs:
            name = run.config.net.name
            write_report(run, load(run.config.data.name), run.load_net(own_code=name if is_own(name) else None))
        links[figures.variant.name] = [
            (run.path / "report.html").relative_to(page.parent).as_posix() for run in figures.runs
        ]
    write_whole(page, comparison_page(result, links=links).encode())


def _print(result: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    base = result.baseline
    seeds = f"{len(result.seeds)} seed{'s' if len(result.seeds) > 1 else ''}"
    console.print(
        f"[bold]{base.plan.net.name}[/] on {base.plan.data}, recipe {base.plan.recipe}: {seeds}, "
        f"{result.test_images:,} test images\n"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("variant")
    for head in ("test accuracy", "± seeds", "gap", "parameters"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("against the baseline", overflow="fold")
    for figures in result.variants:
        over_seeds = figures.test_spread
        table.add_row(
            figures.variant.name,
            f"{over_seeds.mean:.2%}",
            "–" if over_seeds.standard_deviation is None else f"{100 * over_seeds.standard_deviation:.2f}",
            f"{100 * sum(figures.gap) / len(figures.gap):.2f}",
            f"{figures.parameters:,}",
            "" if figures.verdict is None else figures.verdict.words,
        )
    console.print(table)
    console.print(
        "\n[dim]± seeds: standard deviation over seeds, in points. gap: training accuracy (measured again in eval "
        "mode) less validation accuracy after the last epoch, in points. In brackets: 95 % interval of the paired "
        "difference over seeds, on these test images; p values corrected for all comparisons (Holm).[/]"
    )
