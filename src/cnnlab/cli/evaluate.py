"""`cnnlab evaluate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options, unlike
from cnnlab.cli.read_only import note_test_opening
from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import Console, Work, notice
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from rich.table import Table
    from torch import nn

    from cnnlab.data import ImageSet
    from cnnlab.evaluation import Evaluation
    from cnnlab.features.unlike import Unlike
    from cnnlab.runs import Run


@click.command("evaluate")
@click.argument("run_path", metavar="RUN", type=options.GivenPath())
@click.option(
    "--data", metavar="DATA", help="Another data set, with classes of the same names. [default: the run's own]"
)
@options.data_root
@options.image_size
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option(
    "--unlike",
    "foreign",
    metavar="DATA",
    help="Measure instead how many images of DATA, a set of other things, are called like nothing the net was trained "
    "on.",
)
@unlike.false_alarms
@options.own_net
@options.as_json
def command(
    run_path: Path,
    data: str | None,
    data_root: Path | None,
    image_size: int | None,
    split: str,
    foreign: str | None,
    false_alarms: float | None,
    own_code: str | None,
    as_json: bool,
) -> None:
    """Measure the trained net of RUN: accuracy, loss, calibration, confusion, figures for each class.

    Pixels are normalised with the statistics of the run's own training split, whatever the data. In float32. Where the
    largest class has more than 1.5 times the images of the smallest, figures of the classes come first. Beside them:
    what a temperature fitted on validation makes of the calibration, and how many images are called like nothing the
    net was trained on.
    """
    from cnnlab.data.plausible import implausible
    from cnnlab.evaluation import balanced_accuracy, evaluate, logits
    from cnnlab.runs import open_run
    from cnnlab.training.doubts import doubts

    run = open_run(run_path, data_root=data_root, say=notice)
    net = net_of(run, own_code)
    if foreign is not None:
        if data is not None:
            raise UserError("--unlike: got --data as well; expected one of the two: leave one out")
        fitted = _fitted(run, net, own_code, data_root=data_root, image_size=image_size)
        _evaluate_foreign(
            run, net, fitted, foreign, split, false_alarms, data_root=data_root, image_size=image_size, as_json=as_json
        )
        return
    images = run_data(run, data, data_root=data_root, image_size=image_size)
    part = images.split(split)
    if split != "train" and images.sha256 != run.config.data.sha256:
        refuse_seen_images(run, images, split, data_root=data_root, image_size=image_size)
    if split == "test":
        note_test_opening(run, f"cnnlab evaluate --data {images.name}")
    record = run.config.data
    answers = logits(net, part.images, mean=record.mean, std=record.std)
    evaluation = evaluate(answers, part.labels, classes=images.classes)
    warning = implausible(images.name, evaluation.accuracy_interval) if split == "test" else None
    if warning:
        notice(f"warning: {warning}")
    if own_code is not None:
        for doubt in doubts(net, images):
            notice(f"warning: {run.config.net.name}: {doubt}")
    own = images if images.sha256 == record.sha256 else None
    fitted = _fitted(run, net, own_code, own, data_root=data_root, image_size=image_size)
    rate = unlike.checked_rate(fitted, false_alarms)
    besides = {} if fitted is None else unlike.figures(fitted, net, run, part, answers, rate)
    if as_json:
        figures = asdict(evaluation)
        kept = ("accuracy", "accuracy_interval", "loss", "ece", "confusion", "per_class", "images")
        document = {"data": images.name, "split": split} | {name: figures[name] for name in kept} | besides
        click.echo(strict_json(document | {"balanced_accuracy": balanced_accuracy(evaluation)}))
    else:
        _print(evaluation, f"{run.config.net.name} on {images.name}, {split} split", besides)


def _fitted(
    run: Run,
    net: nn.Module,
    own_code: str | None,
    images: ImageSet | None = None,
    *,
    data_root: Path | None,
    image_size: int | None,
) -> Unlike | None:
    """What tells images unlike the run's own: kept, or fitted to them. images: these, where they are loaded already."""
    kept = unlike.kept_unlike(run, net, own_code)
    if kept is not None:
        return kept
    try:
        own = images or run_data(run, None, data_root=data_root, image_size=image_size)
    except UserError as error:
        notice(f"note: whether images are like those that the net was trained on is not told ({error})")
        return None
    return unlike.keep_unlike(run, net, own, own_code)


def _evaluate_foreign(
    run: Run,
    net: nn.Module,
    fitted: Unlike | None,
    name: str,
    split: str,
    rate: float | None,
    *,
    data_root: Path | None,
    image_size: int | None,
    as_json: bool,
) -> None:
    from cnnlab.data import load
    from cnnlab.features.unlike import FALSE_ALARMS

    if fitted is None:
        raise UserError("--unlike: it is not known what the net was trained on; see the line above for what to mend")
    used = FALSE_ALARMS if rate is None else rate
    fitted.require_rate(used)
    wanted, side = of_run(run, image_size, name)
    images = load(wanted, root=data_root, image_size=side, progress=Work())
    figures = unlike.foreign_figures(run, net, fitted, images, split, used)
    if as_json:
        click.echo(strict_json(figures))
    else:
        unlike.print_foreign(figures, run.path)


def net_of(run: Run, own_code: str | None) -> nn.Module:
    """The trained net; where it is a user's own whose code was edited since the training, a warning says so."""
    net = run.load_net(own_code=own_code)
    edited = run.edited_files(own_code)
    if edited:
        notice(
            f"warning: {', '.join(edited)} {'was' if len(edited) == 1 else 'were'} edited since {run.path} was "
            "trained: what follows is of its weights in the net as it is now; put the code back for the figures of "
            "that training"
        )
    return net


def run_data(run: Run, name: str | None, *, data_root: Path | None, image_size: int | None) -> ImageSet:
    """The run's own data set, unchanged since, or another one that fits its net."""
    from dataclasses import replace

    from cnnlab.data import load
    from cnnlab.runs.agreement import require_images
    from cnnlab.runs.by_names import by_names

    record = run.config.data
    wanted, side = of_run(run, image_size, name)
    images = load(wanted, root=data_root, image_size=side, progress=Work())
    if (name is None or name == record.name) and images.sha256 != record.sha256:
        raise UserError(
            f"{record.name} has changed since {run.path} was trained (SHA-256 {images.sha256[:12]}…, was "
            f"{record.sha256[:12]}…); expected the same images: put them back, or name another set with --data"
        )
    if images.sha256 == record.sha256:
        require_images(f"{run.path}/config.json", record, images)
        images = replace(images, preparation=record.preparation)
    if images.image_shape != record.image_shape or len(images.classes) != len(record.classes):
        raise UserError(
            f"{images.name}: {len(images.classes)} classes of {'×'.join(map(str, images.image_shape))}; the net of "
            f"{run.path} expected {len(record.classes)} of {'×'.join(map(str, record.image_shape))}: "
            "choose data of the same shape and classes"
        )
    mapped = by_names(images, record.classes)
    if mapped is not images:
        notice(
            f"note: {images.name} counts its classes in another order ({', '.join(images.classes[:10])}) than the net: "
            "labels are taken by name"
        )
    return mapped


def refuse_seen_images(
    run: Run, images: ImageSet, split: str, *, data_root: Path | None, image_size: int | None
) -> None:
    """Say so where another set's test or validation images are ones that the run was trained on or chosen by.

    Raises UserError when they are more than `TOLERATED` of them: that would be no test.
    """
    from cnnlab.data.imageset import TOLERATED
    from cnnlab.data.overlap import repeated

    try:
        own = run_data(run, None, data_root=data_root, image_size=image_size)
    except UserError as error:
        notice(f"note: whether the run was trained on these very images could not be checked ({error})")
        return
    part = images.split(split)
    for use, seen in (("trained on", own.train), ("chosen by", own.validation)):
        count = repeated(part.images, among=seen.images)
        says = f"{count:,} of the {len(part):,} {split} images of {images.name} are among those {run.path} was {use}"
        if count > TOLERATED * len(part):
            raise UserError(
                f"{says}; expected images that it has not seen: choose other data, or measure its own with "
                "--split train"
            )
        if count:
            notice(f"note: {says}")


def of_run(run: Run, image_size: int | None, name: str | None = None) -> tuple[str, int | None]:
    """The data set to load for a run, by default its own, and the side of its images where that is a choice."""
    wanted = name or run.config.data.name
    data = run.config.data
    side = (data.unpadded or data.image_shape[1:])[0] if wanted.startswith(("folder:", "parquet:")) else None
    return wanted, image_size or side


def _print(evaluation: Evaluation, title: str, besides: dict[str, Any]) -> None:
    from rich.markup import escape

    from cnnlab.evaluation import balanced_accuracy, uneven

    console = Console()
    low, high = evaluation.accuracy_interval
    console.print(f"[bold]{escape(title)}[/]: {evaluation.images:,} images")
    why = uneven(evaluation)
    if why is not None:
        click.echo(f"{shown_name(why)}\n")
        console.print(f"balanced accuracy  {balanced_accuracy(evaluation):.2%}  the mean of the classes' recalls")
        console.print(_class_table(evaluation))
        console.print()
    console.print(f"accuracy  {evaluation.accuracy:.2%}  \\[{low:.2%}, {high:.2%}]  95 % interval")
    console.print(f"loss      {evaluation.loss:.4f}  mean cross-entropy, nats")
    console.print(f"ece       {evaluation.ece:.4f}  expected calibration error, 15 bins")
    for line in unlike.lines(besides):
        console.print(line, markup=False, soft_wrap=True)
    if why is None:
        console.print()
        console.print(_class_table(evaluation))
    if len(evaluation.per_class) <= 12:
        console.print("\nconfusion: a row for each class, a column for what it was called", style="dim")
        console.print(_confusion_table(evaluation))


def _class_table(evaluation: Evaluation) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class")
    for head in ("images", "precision", "recall", "F1"):
        table.add_column(head, justify="right")
    for row in evaluation.per_class:
        table.add_row(escape(row.name), f"{row.images:,}", f"{row.precision:.1%}", f"{row.recall:.1%}", f"{row.f1:.1%}")
    return table


def _confusion_table(evaluation: Evaluation) -> Table:
    from rich.markup import escape
    from rich.table import Table

    widest = max(len(str(count)) for row in evaluation.confusion for count in row)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("")
    for i in range(len(evaluation.per_class)):
        table.add_column(str(i), justify="right", min_width=widest, style="dim")
    for i, counts in enumerate(evaluation.confusion):
        cells = [f"[green]{n}[/]" if j == i else f"[red]{n}[/]" if n else "·" for j, n in enumerate(counts)]
        name = escape(evaluation.per_class[i].name)
        table.add_row(name if name == str(i) else f"{i} {name}", *cells)
    return table
