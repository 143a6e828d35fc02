"""`cnnlab compare`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.interrupts import stop_requests
from cnnlab.cli.terminal import Console, ExperimentView, Work, notice, prepare_training
from cnnlab.experiments.engines.choice import load_ahead
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from rich.table import Table

    from cnnlab.experiments.compare import Comparison
    from cnnlab.experiments.two_by_two import TwoByTwo


@click.command("compare")
@click.option("--net", default="simple-cnn", show_default=True)
@click.option("--data", default="mnist-5k", show_default=True, metavar="DATA")
@options.data_root
@options.skip_damaged
@click.option(
    "--variants",
    multiple=True,
    metavar="NAME…",
    help="Named changes, such as no-dropout; an unknown name lists them all.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE", help="A variant of your own: any field of a run."
)
@click.option(
    "--factorial",
    is_flag=True,
    help="A 2×2 design: the two variants named, each alone and both, with main effects and interaction.",
)
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="Runs of each variant: seeds 0 to N-1."
)
@click.option("--epochs", type=float, help="Passes over the training images. [default: the recipe's]")
@click.option("--train-size", type=click.IntRange(1), help="Only this many training images: DATA@N.")
@click.option("--recipe", default="lesson", show_default=True, help="How the baseline is trained.")
@options.engine
@click.option("--out", type=options.GivenPath(), default=Path("compare"), show_default=True)
@options.net_options
@options.as_json
@click.argument("more", nargs=-1, metavar="[NAME…]")
def command(
    net: str,
    data: str,
    data_root: Path | None,
    skip_damaged: bool,
    variants: tuple[str, ...],
    settings: tuple[str, ...],
    factorial: bool,
    seeds: int,
    epochs: float | None,
    train_size: int | None,
    recipe: str,
    engine: str,
    ray_address: str | None,
    out: Path,
    as_json: bool,
    more: tuple[str, ...],
    **values: Any,
) -> None:
    """Compare variants of a training on matched seeds, with an honest verdict on each.

    The baseline is NET by the recipe; a variant changes one thing in it. Runs lie in OUT/runs; one that is there
    already is not trained again, and one that was stopped goes on.
    """
    load_ahead(engine)  # while PyTorch is imported here
    from cnnlab.errors import Stopped
    from cnnlab.experiments.variants import own_variant
    from cnnlab.workflows.comparison import compare
    from cnnlab.workflows.watch import Watch

    data = options.damaged_skipped(data, skip_damaged)
    prepare_training()
    for setting in settings:
        own_variant(setting)  # one without "=" would pass for a variant's name
    view = ExperimentView()
    try:
        with stop_requests() as should_stop, closing(view):
            watch = Watch(
                on_data=Work(),
                on_found=_say_found,
                on_ahead=view.expect_runs,
                on_progress=view.progress,
                should_stop=should_stop,
                say=notice,
            )
            result = compare(
                [*(name for name in dict.fromkeys((*variants, *more)) if name != "baseline"), *settings],
                net=net,
                net_options=options.net_changes(values, net),
                data=data if train_size is None else f"{data}@{train_size}",
                recipe=recipe,
                epochs=epochs,
                seeds=seeds,
                factorial=factorial,
                out=out,
                data_root=data_root,
                engine=engine,
                ray_address=ray_address,
                watch=watch,
            )
    except Stopped as stopped:
        notice(f"stopped; {stopped}. Go on with the same command")
        raise click.exceptions.Exit(130) from None
    if as_json:
        click.echo(strict_json(result.to_json() | {"page": str(out / "index.html")}))
    else:
        _print(result)
        click.echo(f"page  {out / 'index.html'}")


def _say_found(found: int, of: int) -> None:
    if found:
        notice(f"{found} of {of} runs are there already")


def _print(result: Comparison) -> None:
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for warning in result.warnings:
        console.print(f"[bold red]warning[/]  {escape(warning)}")
    base = result.baseline
    seeds = f"{len(result.seeds)} seed{'s' if len(result.seeds) > 1 else ''}"
    console.print(
        f"[bold]{escape(base.plan.net.name)}[/] on {escape(base.plan.data)}, recipe {base.plan.recipe}: {seeds}, "
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
            escape(figures.variant.name),
            f"{over_seeds.mean:.2%}",
            "–" if over_seeds.standard_deviation is None else f"{100 * over_seeds.standard_deviation:.2f}",
            f"{100 * sum(figures.gap) / len(figures.gap):.2f}",
            f"{figures.parameters:,}",
            "" if figures.verdict is None else escape(figures.verdict.words),
        )
    console.print(table)
    if result.two_by_two is not None:
        console.print(_effects_table(result.two_by_two))
    console.print(
        "\n[dim]± seeds: standard deviation over seeds, in points. gap: training accuracy (measured again in eval "
        "mode) less validation accuracy after the last epoch, in points. In brackets: 95 % interval of the paired "
        "difference over seeds, on these test images; p values corrected for all comparisons (Holm).[/]"
    )


def _effects_table(design: TwoByTwo) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), title="\neffects in the 2×2 design", title_justify="left"
    )
    table.add_column("change")
    table.add_column("test accuracy", justify="right", no_wrap=True)
    table.add_column("gap", justify="right", no_wrap=True)
    table.add_column("verdict on test accuracy", overflow="fold")
    for effect in design.effects:
        table.add_row(
            escape(effect.name),
            f"{100 * effect.on_test.mean:+.2f}",
            f"{100 * effect.on_gap.mean:+.2f}",
            escape(effect.words),
        )
    return table
