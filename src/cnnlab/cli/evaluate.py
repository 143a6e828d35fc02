"""`cnnlab evaluate`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.read_only import note_test_opening
from cnnlab.cli.terminal import Console, Work, notice
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from rich.table import Table
    from torch import nn

    from cnnlab.data import ImageSet
    from cnnlab.evaluation import Evaluation
    from cnnlab.runs import Run


@click.command("evaluate")
@click.argument("run_path", metavar="RUN", type=options.GivenPath())
@click.option(
    "--data", metavar="DATA", help="Another data set, with classes of the same names. [default: the run's own]"
)
@options.data_root
@options.image_size
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@options.own_net
@options.as_json
def command(
    run_path: Path,
    data: str | None,
    data_root: Path | None,
    image_size: int | None,
    split: str,
    own_code: str | None,
    as_json: bool,
) -> None:
    """Measure the trained net of RUN: accuracy, loss, calibration, confusion, figures for each class.

    Pixels are normalised with the statistics of the run's own training split, whatever the data. In float32.
    """
    from cnnlab.data.plausible import implausible
    from cnnlab.evaluation import evaluate, logits
    from cnnlab.runs import open_run
    from cnnlab.training.doubts import doubts

    run = open_run(run_path, data_root=data_root, say=notice)
    net = net_of(run, own_code)
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
    if as_json:
        figures = asdict(evaluation)
        kept = ("accuracy", "accuracy_interval", "loss", "ece", "confusion", "per_class", "images")
        click.echo(strict_json({"data": images.name, "split": split} | {name: figures[name] for name in kept}))
    else:
        _print(evaluation, f"{run.config.net.name} on {images.name}, {split} split")


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
    side = run.config.data.image_shape[1] if wanted.startswith(("folder:", "parquet:")) else None
    return wanted, image_size or side


def _print(evaluation: Evaluation, title: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    low, high = evaluation.accuracy_interval
    console.print(f"[bold]{escape(title)}[/]: {evaluation.images:,} images")
    console.print(f"accuracy  {evaluation.accuracy:.2%}  \\[{low:.2%}, {high:.2%}]  95 % interval")
    console.print(f"loss      {evaluation.loss:.4f}  mean cross-entropy, nats")
    console.print(f"ece       {evaluation.ece:.4f}  expected calibration error, 15 bins")
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class")
    for head in ("images", "precision", "recall", "F1"):
        table.add_column(head, justify="right")
    for row in evaluation.per_class:
        table.add_row(escape(row.name), f"{row.images:,}", f"{row.precision:.1%}", f"{row.recall:.1%}", f"{row.f1:.1%}")
    console.print(table)
    if len(evaluation.per_class) <= 12:
        console.print("\nconfusion: a row for each class, a column for what it was called", style="dim")
        console.print(_confusion_table(evaluation))


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
