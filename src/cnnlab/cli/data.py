"""`cnnlab data`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Console
from cnnlab.strict_json import strict_json


@click.command("data")
@options.data_root
@click.option("--clear", is_flag=True, help="Empty the cache: fetched sets and decoded folders, which come again.")
@options.as_json
def command(data_root: Path | None, clear: bool, as_json: bool) -> None:
    """List the data sets: what is on this machine, from where, verified or not.

    Every file found is read and hashed. Besides these, DATA can be folder:PATH, a folder of image files for each
    class, npz:FILE with the arrays images and labels (or x_train, y_train, x_test, y_test), or csv:FILE with a label
    and the pixels of an image in each line.
    """
    if clear:
        _clear(as_json)
        return
    from cnnlab.data import available

    found = available(root=data_root)
    if as_json:
        rows = [asdict(each) | {"found": str(each.found) if each.found is not None else None} for each in found]
        click.echo(strict_json(rows))
        return

    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("name", "train / validation / test", "where", "verified"):
        table.add_column(head)
    marks = {True: "[green]yes[/]", False: "no", None: "–"}
    for each in found:
        counts = " / ".join(f"{count:,}" for count in each.images.values())
        where = f"{each.origin}: {each.found}" if each.found is not None else each.origin
        table.add_row(
            each.name,
            counts,
            escape(where),
            f"[red]{escape(each.problem)}[/]" if each.problem else marks[each.verified],
        )
    console = Console()
    console.print(table)
    console.print()
    for each in found:
        console.print(f"[bold]{each.name}[/]  {each.description}")
    console.print("[bold]folder:PATH[/]  image files, a folder for each class, with or without folders for the splits")
    console.print("[bold]npz:FILE[/]  arrays images (uint8) and labels, or x_train, y_train, x_test, y_test")
    console.print("[bold]csv:FILE[/]  a line an image: its label and its pixels, 0–255")


def _clear(as_json: bool) -> None:
    from cnnlab.data.clearing import clear_cache

    cleared = clear_cache()
    if as_json:
        click.echo(strict_json(asdict(cleared) | {"cache": str(cleared.cache)}))
        return
    for what, count, size in (
        ("decoded folders", cleared.decoded, cleared.decoded_bytes),
        ("fetched files", cleared.fetched, cleared.fetched_bytes),
    ):
        click.echo(f"removed  {count} {what}, {size / 1e6:,.1f} MB, from {cleared.cache}")
