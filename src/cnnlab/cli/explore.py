"""`cnnlab explore`."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from pathlib import Path

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import notice


@click.command("explore")
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it. [default: RUN/explorer.html]"
)
@click.option("--no-open", is_flag=True, help="Do not open the page in the browser.")
@options.data_root
@options.image_size
@options.own_net
@options.as_json
def command(
    run_path: Path,
    out: Path | None,
    no_open: bool,
    data_root: Path | None,
    image_size: int | None,
    own_code: str | None,
    as_json: bool,
) -> None:
    """Write the explorer of RUN's net: one HTML page that computes the net itself and opens any unit.

    Draw a digit or take a test image, see every feature map change, and open any unit to see every product that it
    sums. The page works from a file, loads nothing, and says how far its values are from PyTorch's.
    """
    from cnnlab.cli.evaluate import run_data
    from cnnlab.explorer import explorer_page
    from cnnlab.report.run_page import run_page
    from cnnlab.runs import open_run
    from cnnlab.whole_files import write_whole

    run = open_run(run_path)
    run.result()  # an unfinished run is said before anything is loaded
    net = run.load_net(own_code=own_code)
    images = run_data(run, None, data_root=data_root, image_size=image_size)
    path = out or run.explorer_path
    is_beside_report = path.resolve() == run.explorer_path.resolve()
    page = explorer_page(run, images, net, report="report.html" if is_beside_report else None)
    write_whole(path, page.html.encode())
    if is_beside_report:
        run.write_report(run_page(run, images, net))  # again: it links to the explorer from now on
    if as_json:
        record = {"page": str(path), "bytes": path.stat().st_size, "layers": page.layers, "images": page.images}
        click.echo(json.dumps(record))
    else:
        click.echo(f"explorer  {path}  {path.stat().st_size / 1e6:.1f} MB, {page.layers} layers")
    if not no_open and not as_json and _has_display():
        notice("opening it in the browser")
        webbrowser.open(path.resolve().as_uri())


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
