"""`cnnlab playground`."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Work, has_display, notice
from cnnlab.strict_json import strict_json


@click.command("playground")
@click.argument("nets", metavar="[NET]...", nargs=-1)
@click.option("--data", metavar="DATA", default="mnist-5k", show_default=True, help="The images to train on.")
@options.data_root
@options.image_size
@click.option(
    "--images",
    type=click.IntRange(1),
    help="Training images in the page, evenly from all classes. [default: all, or as many as fit into 9 MB]",
)
@click.option(
    "--out",
    type=options.GivenPath(is_file=True),
    default=Path("playground.html"),
    show_default=True,
    help="Where to write it.",
)
@click.option("--no-open", is_flag=True, help="Do not open the page in the browser.")
@options.as_json
def command(
    nets: tuple[str, ...],
    data: str,
    data_root: Path | None,
    image_size: int | None,
    images: int | None,
    out: Path,
    no_open: bool,
    as_json: bool,
) -> None:
    """Write the playground: one HTML page that trains nets in the browser, with the images in it.

    NET is lenet5, simple-cnn, mlp or conv-net, whose blocks you set in the page. Without NET all four are in it; the
    first one named is shown first. The page works from a file, loads nothing, starts from PyTorch's initial weights and
    shows how far it is from PyTorch after 1, 10 and 100 steps. cnnlab evaluate and cnnlab explore read what it saves.
    """
    from cnnlab.data import load
    from cnnlab.playground import playground_page
    from cnnlab.whole_files import write_whole

    page_data = load(data, root=data_root, image_size=image_size, progress=Work())
    page = playground_page(nets, page_data, images=images, progress=Work())
    write_whole(out, page.html.encode())
    size = out.stat().st_size
    if as_json:
        record = {"page": str(out), "bytes": size, "nets": list(page.nets), "images": page.images, "note": page.note}
        click.echo(strict_json(record))
    else:
        if page.note is not None:
            notice(f"note: {page.note}")
        counts = ", ".join(f"{count:,} {split}" for split, count in page.images.items())
        click.echo(f"playground  {out}  {size / 1e6:.1f} MB, {' and '.join(page.nets)}; images: {counts}")
    if not no_open and not as_json and has_display():
        notice("opening it in the browser")
        webbrowser.open(out.resolve().as_uri())
