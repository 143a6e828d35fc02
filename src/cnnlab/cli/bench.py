"""`cnnlab bench`."""

from __future__ import annotations

from pathlib import Path

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Console, Work
from cnnlab.strict_json import strict_json


@click.command("bench")
@click.option("--data", metavar="DATA", help="[default: mnist where it is on this machine, else mnist-5k]")
@options.data_root
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Also time to this test accuracy.",
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns that each side takes.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=4.0, show_default=True, help="Length of a turn."
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="cnnlab's runs to the target.")
@click.option(
    "--stock-seeds", type=click.IntRange(1), default=1, show_default=True, help="The stock side's runs to the target."
)
@click.option("--markdown", is_flag=True, help="Print the table for a README.")
@options.as_json
def command(
    data: str | None,
    data_root: Path | None,
    target: float | None,
    rounds: int,
    seconds: float,
    seeds: int,
    stock_seeds: int,
    markdown: bool,
    as_json: bool,
) -> None:
    """Compare this machine's stock notebook pipeline with cnnlab, side by side.

    Both train the lesson's SimpleCNN, in turn, each in a process of its own: the stock one as course notebooks write
    it (transforms sample by sample, DataLoader, Adam at 0.001, batches of 64, float32), the other by the recipe fast.
    """

    from cnnlab.bench import ContenderFailed, bench, renderable
    from cnnlab.bench import markdown as as_markdown

    try:
        result = bench(
            data,
            data_root=data_root,
            target=target,
            rounds=rounds,
            seconds=seconds,
            seeds=seeds,
            stock_seeds=stock_seeds,
            progress=Work(),
        )
    except ContenderFailed as failure:
        raise click.ClickException(str(failure)) from failure
    if as_json:
        click.echo(strict_json(result))
    elif markdown:
        click.echo(as_markdown(result))
    else:
        Console().print(renderable(result))
