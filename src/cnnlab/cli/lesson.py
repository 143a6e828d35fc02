"""`cnnlab lesson`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Work, notice, stop_requests
from cnnlab.errors import UserError

if TYPE_CHECKING:
    from cnnlab.lesson.record import LessonRecord


@click.command("lesson")
@click.option("--data", metavar="DATA", help="Images of the lesson. [default: mnist-5k; mnist with --full]")
@options.data_root
@click.option("--out", type=click.Path(path_type=Path), default=Path("lesson"), show_default=True)
@click.option("--full", is_flag=True, help="All images, five seeds, every claim, Fashion-MNIST: hours, not minutes.")
@options.as_json
def command(data: str | None, data_root: Path | None, out: Path, full: bool, as_json: bool) -> None:
    """Run the lesson end to end: train, look, experiment, test its claims; one folder of linked pages.

    The pages ask for predictions, and every number on them was computed in this run. A folder that already
    holds some of it is continued; what is finished is not done again. Without --full nothing is fetched.
    """
    from cnnlab.claims.laboratory import FULL, QUICK, Laboratory, seeds_of_a_round
    from cnnlab.cli.lesson_view import LessonView
    from cnnlab.errors import Stopped
    from cnnlab.experiments.engines.choice import choose_engine
    from cnnlab.lesson import sizes
    from cnnlab.lesson.record import LessonOutcome, LessonRecord
    from cnnlab.report.lesson.pages import LessonFacts
    from cnnlab.training.machine import keep_freed_memory
    from cnnlab.workflows.lesson import SEED, Lesson

    keep_freed_memory()
    digits = data or (FULL if full else QUICK).data
    size = (sizes.full if full else sizes.quick)(digits, _fashion(digits, data_root, may_fetch=full))
    images = _load(digits, data_root, may_fetch=full)
    record = LessonRecord(out / "lesson.json", size, images, seed=SEED)
    again = _again(data, data_root, out, full)
    view = LessonView()
    with stop_requests() as should_stop:
        laboratory = Laboratory(
            data=digits,
            fashion=size.fashion if full else digits,
            seeds=seeds_of_a_round(size.seeds),
            train_size=size.laboratory.images,
            is_quick=not full,
            epochs=size.laboratory.epochs,
            folder=out / "claims" / "runs",
            engine=choose_engine("auto", say=notice),
            data_root=None if data_root is None else str(data_root),
            on_progress=view.progress,
            should_stop=should_stop,
        )
        lesson = Lesson(out, size, images, laboratory, view, should_stop)
        if record.outcome.claims != {name: entry.verdict for name, entry in lesson.entries().items()}:
            record.reopen("pages")  # a claim was put to the test since
        try:
            if "pages" not in record.finished:
                with record.part("trainings"):
                    lesson.train()
                with record.part("homework"):
                    comparisons = lesson.compare()
                with record.part("explorers"):
                    lesson.explorers()
                with record.part("insides"):
                    lesson.insides()
                with record.part("claims"):
                    lesson.claims()
                with record.part("pages"):
                    shown = _again(data, None, Path(out.name), full)  # a page names no folders of this machine
                    facts = LessonFacts(record.made, shown, SEED, record.parts, record.environment)
                    lesson.pages(lesson.evidence(comparisons), facts)
                    lesson.tidy()
        except Stopped:
            notice(f"stopped; {out} keeps what is done. Go on with: {again}")
            raise click.exceptions.Exit(130) from None
        finally:
            view.close()
    record.outcome = LessonOutcome(
        runs=tuple(lesson.results()),
        claims={name: entry.verdict for name, entry in lesson.entries().items()},
    )
    record.write()
    page = out / "index.html"
    if as_json:
        click.echo(json.dumps({"page": str(page)} | record.outcome.model_dump(mode="json") | record.to_json()))
    else:
        _print(record, page)


def _load(name: str, data_root: Path | None, *, may_fetch: bool) -> Any:
    from cnnlab.data import load
    from cnnlab.data.views import split_name

    base, _, _ = split_name(name)
    if base != name:
        raise UserError(f"--data {name}: expected a whole set, of which the lesson takes parts itself: --data {base}")
    return load(name, root=data_root, fetch=may_fetch, progress=Work())


def _fashion(digits: str, data_root: Path | None, *, may_fetch: bool) -> str:
    """The images of homework 4: Fashion-MNIST, or the lesson's own where that is not on this machine."""
    from cnnlab.data.known import FASHION_MNIST
    from cnnlab.data.places import search

    is_there = may_fetch or search(FASHION_MNIST, root=data_root).found is not None
    return FASHION_MNIST.name if is_there else digits


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
