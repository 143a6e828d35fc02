"""`cnnlab explore`."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.read_only import default_out
from cnnlab.cli.terminal import has_display, notice
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from cnnlab.data import ImageSet
    from cnnlab.playground import PlaygroundPage
    from cnnlab.runs import Run


@click.command("explore")
@click.argument("run_path", metavar="RUN", type=options.GivenPath())
@click.argument("beside", metavar="[RUN2]", required=False, type=options.GivenPath())
@click.option(
    "--out",
    type=options.GivenPath(is_file=True),
    help="Where to write it. [default: RUN/explorer.html, or RUN/explorer-with-RUN2.html]",
)
@click.option(
    "--train-on/--no-train-on",
    default=True,
    help="Write RUN/playground.html, too, which trains the net on in the browser, where it can. [default: train-on]",
)
@click.option("--no-open", is_flag=True, help="Do not open the page in the browser.")
@options.data_root
@options.image_size
@options.own_nets
@options.as_json
def command(
    run_path: Path,
    beside: Path | None,
    out: Path | None,
    train_on: bool,
    no_open: bool,
    data_root: Path | None,
    image_size: int | None,
    own_codes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Write the explorer of RUN's net: one HTML page that computes the net itself and opens any unit.

    Draw a digit or take a test image, see every feature map change, and open any unit to see every product that it
    sums. It says of an image when it is like nothing the net was trained on, where the run keeps what tells that. The
    page works from a file, loads nothing, and says how far its values are from PyTorch's. With RUN2, a run on
    the same data: two nets on one input. RUN may also be a file that the playground saved.
    """
    from cnnlab.cli.evaluate import net_of, run_data
    from cnnlab.cli.unlike import kept_unlike, untold
    from cnnlab.explorer import ExploredRun, explorer_page
    from cnnlab.report.back import back_from_run
    from cnnlab.report.run.page import run_page
    from cnnlab.runs import open_run
    from cnnlab.whole_files import write_whole

    runs = [open_run(path, data_root=data_root, say=notice) for path in (run_path, beside) if path is not None]
    for run in runs:
        run.result()  # an unfinished run is refused before anything is loaded
    run = runs[0]
    name = run.explorer_path.name if beside is None else f"explorer-with-{runs[1].path.resolve().name}.html"
    path = out or default_out(run, run_path, name)
    codes = _codes([each.config.net.name for each in runs], own_codes)
    nets = [net_of(each, code) for each, code in zip(runs, codes, strict=True)]
    fitted = [kept_unlike(each, net, code) for each, net, code in zip(runs, nets, codes, strict=True)]
    shown = [ExploredRun(each, net, unlike) for each, net, unlike in zip(runs, nets, fitted, strict=True)]
    images = run_data(run, None, data_root=data_root, image_size=image_size)
    is_the_run_s = beside is None and path.resolve() == run.explorer_path.resolve()
    is_beside_report = path.resolve().parent == run.path.resolve()
    back = back_from_run(run.path) if is_beside_report else None
    lesson = None if back is None else back.page
    playground, said = _train_on(run, images, lesson) if is_the_run_s and train_on else (None, ())
    page = explorer_page(
        shown,
        images,
        report="report.html" if is_beside_report else None,
        lesson=lesson,
        playground=None if playground is None else run.playground_path.name,
    )
    write_whole(path, page.html.encode(), makes_folders=out is not None)
    if playground is not None:
        run.write(run.playground_path.name, playground.html.encode())
    if is_the_run_s:
        run.write_report(run_page(run, images, shown[0].net, back=back))  # again: it links to the explorer from now on
    notes = [*(untold(each) for each, unlike in zip(runs, fitted, strict=True) if unlike is None), *page.notes, *said]
    if as_json:
        record = {
            "page": str(path),
            "playground": None if playground is None else str(run.playground_path),
            "bytes": path.stat().st_size,
            "layers": list(page.layers),
            "moments": list(page.moments),
            "images": page.images,
            "notes": notes,
        }
        click.echo(strict_json(record))
    else:
        for note in notes:
            notice(f"note: {note}")
        click.echo(
            f"explorer  {path}  {path.stat().st_size / 1e6:.1f} MB, {' and '.join(map(str, page.layers))} layers, "
            f"{' and '.join(map(str, page.moments))} moments of the training"
        )
        if playground is not None:
            size = run.playground_path.stat().st_size
            click.echo(f"train on  {run.playground_path}  {size / 1e6:.1f} MB, linked from it")
    if not no_open and not as_json and has_display():
        notice("opening it in the browser")
        webbrowser.open(path.resolve().as_uri())


def _train_on(run: Run, images: ImageSet, lesson: str | None) -> tuple[PlaygroundPage | None, tuple[str, ...]]:
    """The page that trains a run's net on, or None, with what there is to say of that."""
    from cnnlab.playground import train_on_page

    try:
        page = train_on_page(run, images, explorer=run.explorer_path.name, lesson=lesson)
    except UserError as error:
        return None, (f"without a page to train on: {error}",)
    return page, () if page.note is None else (f"{run.playground_path.name}: {page.note}",)


def _codes(names: list[str], given: tuple[str, ...]) -> list[str | None]:
    """The code of each run's net: what `--net` named, in the order of the runs whose nets are the user's own."""
    from cnnlab.nets.resolve import is_own

    own = [name for name in names if is_own(name)]
    if len(given) > max(1, len(own)):
        raise UserError(f"--net: got {len(given)} of them; expected one for each run of your own net: {len(own)} here")
    each = iter(given if len(given) == len(own) else given * len(own))
    return [next(each, None) if is_own(name) else None for name in names]
