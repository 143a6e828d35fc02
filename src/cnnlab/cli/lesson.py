"""`cnnlab lesson`."""

from __future__ import annotations

import shlex
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.interrupts import stop_requests
from cnnlab.cli.terminal import Work, notice, prepare_training
from cnnlab.experiments.engines.choice import load_ahead
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from cnnlab.lesson.record import LessonRecord


@click.command("lesson")
@click.option("--data", metavar="DATA", help="Images of the lesson. [default: mnist-5k; mnist with --full]")
@options.data_root
@click.option("--out", type=options.GivenPath(), default=Path("lesson"), show_default=True)
@click.option("--full", is_flag=True, help="All images, five seeds, every claim, Fashion-MNIST: hours, not minutes.")
@click.option("--handout", is_flag=True, help="A zip of the pages beside the folder, too: under 6 MB, for students.")
@options.as_json
def command(data: str | None, data_root: Path | None, out: Path, full: bool, handout: bool, as_json: bool) -> None:
    """Run the lesson end to end: train, look, experiment, test its claims; one folder of linked pages.

    The pages ask for predictions, and every number on them was computed in this run. A folder that already
    holds some of it is continued; what is finished is not done again. Without --full nothing is fetched.
    """
    load_ahead("auto")  # while PyTorch is imported here
    from cnnlab.cli.lesson_view import LessonView
    from cnnlab.errors import Stopped
    from cnnlab.workflows.handout import handout_path
    from cnnlab.workflows.lesson import run_lesson

    prepare_training()
    view = LessonView()
    try:
        with stop_requests() as should_stop, closing(view):
            record = run_lesson(
                out,
                data=data,
                is_full=full,
                data_root=data_root,
                command=_again(data, None, Path(out.name), full),  # a page names no folders of this machine
                view=view,
                should_stop=should_stop,
                on_data=Work(),
                hands_out=handout,
            )
    except Stopped:
        notice(f"stopped; {out} keeps what is done. Go on with: {_again(data, data_root, out, full)}")
        raise click.exceptions.Exit(130) from None
    page = out / "index.html"
    if as_json:
        handed = {"handout": str(handout_path(out))} if handout else {}
        click.echo(
            strict_json({"page": str(page)} | handed | record.outcome.model_dump(mode="json") | record.to_json())
        )
    else:
        _print(record, page)
        if handout:
            path = handout_path(out)
            click.echo(f"handout     {path}, {path.stat().st_size / 1e6:.1f} MB")


def _again(data: str | None, data_root: Path | None, out: Path, full: bool) -> str:
    """The command that runs this lesson, or goes on with it."""
    words = ["cnnlab", "lesson", *(["--data", data] if data else []), *(["--full"] if full else [])]
    words += ["--data-root", str(data_root)] if data_root else []
    return shlex.join([*words, *([] if out == Path("lesson") else ["--out", str(out)])])


def _print(record: LessonRecord, page: Path) -> None:
    from cnnlab.lesson.record import PARTS
    from cnnlab.numbers import duration

    for result in record.outcome.runs:
        test = result.test
        low, high = test.accuracy_interval
        click.echo(
            f"{Path(result.run).name:11s} {test.accuracy:.2%}  [{low:.2%}, {high:.2%}]  test accuracy, 95 % "
            f"interval, {test.images:,} images"
        )
    verdicts = list(record.outcome.claims.values())
    counts = ((word, verdicts.count(word)) for word in ("supported", "not supported", "undecided"))
    click.echo(f"claims      {', '.join(f'{count} {word}' for word, count in counts if count)}")
    took = ", ".join(f"{name} {duration(record.parts[name])}" for name in PARTS if name in record.parts)
    click.echo(f"time        {duration(record.time_s)}: {took}")
    click.echo(f"the lesson  {page}")
