"""`cnnlab export`."""

from __future__ import annotations

from pathlib import Path

import click

from cnnlab.cli import options
from cnnlab.cli.evaluate import net_of, run_data
from cnnlab.cli.read_only import default_out, note_test_opening
from cnnlab.cli.terminal import notice
from cnnlab.exchange.formats import FORMATS
from cnnlab.strict_json import strict_json


@click.command("export")
@click.argument("run_path", metavar="RUN", type=options.GivenPath())
@click.option(
    "--to",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="; ".join(f"{name}: {says}" for name, says in FORMATS.items()) + ".",
)
@click.option(
    "--out",
    type=options.GivenPath(is_file=True),
    help="The file. [default: RUN/net.onnx, RUN/net.pt2 or RUN/net.safetensors]",
)
@options.data_root
@options.image_size
@options.own_net
@options.as_json
def command(
    run_path: Path,
    to: str,
    out: Path | None,
    data_root: Path | None,
    image_size: int | None,
    own_code: str | None,
    as_json: bool,
) -> None:
    """Write the trained net of RUN as a file for other programs, and check it.

    The file takes batches of any size and says of itself how images become its input, which classes it knows and from
    which run and data it is. It is opened again and compared with the net on test images, in batches of 1, 3 and 64; a
    file whose logits differ by more than 1e-4 of the largest is not kept.
    """
    from cnnlab.exchange.exporting import BATCHES, export
    from cnnlab.exchange.formats import find_format
    from cnnlab.runs import open_run

    run = open_run(run_path, data_root=data_root, say=notice)
    run.result()  # an unfinished run is refused before anything is loaded
    find_format(to)  # and so is a package that is missing
    path = out or default_out(run, run_path, f"net.{to}")
    net = net_of(run, own_code)
    images = run_data(run, None, data_root=data_root, image_size=image_size)
    note_test_opening(run, f"cnnlab export --to {to}")
    exported = export(run, net, images.test, to=to, path=path)
    if as_json:
        record = {
            "file": str(exported.path),
            "to": to,
            "bytes": exported.size_bytes,
            "opened_by": exported.reader,
            "images": exported.images,
            "batches": list(BATCHES),
            "largest_difference": exported.largest_difference,
            "largest_logit": exported.largest_logit,
            "tolerance": exported.tolerance,
        }
        click.echo(strict_json(record))
    else:
        *few, last = BATCHES
        click.echo(f"file        {exported.path}  {exported.size_bytes / 1e6:.1f} MB")
        click.echo(
            f"opened by   {exported.reader}; {exported.images} test images in batches of "
            f"{', '.join(map(str, few))} and {last}"
        )
        click.echo(
            f"difference  {exported.largest_difference:.1e} at most, on logits up to {exported.largest_logit:.1f}; "
            f"up to {exported.tolerance:.1e} is kept"
        )
