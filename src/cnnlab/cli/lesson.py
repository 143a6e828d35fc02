"""`cnnlab lesson`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Work, notice

#: The nets of the lesson, in its order.
LESSON_NETS = ("lenet5", "simple-cnn")


@click.command("lesson")
@click.option("--data", default="mnist-5k", show_default=True, metavar="DATA")
@options.data_root
@click.option("--out", type=click.Path(path_type=Path), default=Path("lesson"), show_default=True)
@options.as_json
def command(data: str, data_root: Path | None, out: Path, as_json: bool) -> None:
    """Run the lesson: train LeNet-5 and SimpleCNN, take them apart, one folder of linked pages.

    A folder that holds some of it already is gone on with; what is finished is not done again.
    """
    from cnnlab.anatomy import describe
    from cnnlab.cli.train import summary, train_and_show, write_report
    from cnnlab.data import load
    from cnnlab.report.anatomy_page import anatomy_page
    from cnnlab.report.lesson_page import LessonEntry, lesson_page
    from cnnlab.runs import open_run
    from cnnlab.runs.make import make_run, reopen_run
    from cnnlab.training.machine import keep_freed_memory
    from cnnlab.whole_files import write_whole

    keep_freed_memory()
    images = load(data, root=data_root, progress=Work())
    results, runs = [], []
    for net in LESSON_NETS:
        path = out / net
        if (path / "config.json").exists():
            run, module = reopen_run(path, images)
        else:
            run, module = make_run(path, images, net=net)
        notice(f"{net} on {data}")
        result = train_and_show(run, module, images)
        if result is None:
            notice(f"stopped; {out} keeps what is done. Go on with: cnnlab lesson --out {out}")
            raise click.exceptions.Exit(130)
        write_report(run, images, module)
        results.append(result)
        runs.append((run, module))
        if not as_json:
            click.echo(f"{net}\n{summary(result)}\n")
    anatomies = {run.config.net.name: describe(module, images.image_shape) for run, module in runs}
    digit = images.validation.images[0, 0].numpy() / 255
    write_whole(
        out / "anatomy.html",
        anatomy_page(anatomies, image=digit, image_name=data, back="index.html").encode(),
    )
    entries = [LessonEntry(open_run(out / net), f"{net}/report.html") for net in LESSON_NETS]
    page = out / "index.html"
    write_whole(page, lesson_page(entries, anatomy="anatomy.html").encode())
    click.echo(json.dumps({"page": str(page), "runs": results}) if as_json else f"the lesson     {page}")
