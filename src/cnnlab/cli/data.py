"""`cnnlab data`."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from cnnlab.cli import options
from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import Console, Work, notice, prepare_training
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnnlab.inspection.copies import Place
    from cnnlab.inspection.inspecting import Inspection


#: Suspects that are printed.
SHOWN = 10

#: Seconds of judging after which it is told how long the rest takes, where that is more than a minute.
_WATCHED_S = 3.0


@click.command("data")
@click.argument("name", metavar="[DATA]", required=False)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Look DATA through: equal images, near-duplicates across splits, probable label errors, with pictures.",
)
@click.option("--out", type=options.GivenPath(), help="--check: folder of the page. [default: check]")
@click.option(
    "--near",
    type=click.FloatRange(0.5, 1),
    help="--check: correlation of pixels from which on two images are near-duplicates. [default: 0.99]",
)
@click.option(
    "--test-labels",
    is_flag=True,
    help="--check: judge the labels of the test split, too. [default: training and validation]",
)
@click.option("--quick", is_flag=True, help="--check: judge labels by a smaller net, LeNet-5.")
@click.option(
    "--repeats",
    type=click.IntRange(1, 20),
    help="--check: how often labels are judged, by other nets each time; their answers are averaged. [default: 1]",
)
@options.data_root
@options.image_size
@options.skip_damaged
@click.option("--clear", is_flag=True, help="Empty the cache: fetched sets and decoded folders, which come again.")
@options.as_json
def command(
    name: str | None,
    is_check: bool,
    out: Path | None,
    near: float | None,
    test_labels: bool,
    quick: bool,
    repeats: int | None,
    data_root: Path | None,
    image_size: int | None,
    skip_damaged: bool,
    clear: bool,
    as_json: bool,
) -> None:
    """List the data sets: what is on this machine, from where, verified or not. With DATA and --check: look it through.

    Every file found is read and hashed. Besides these, DATA can be folder:PATH, a folder of image files for each
    class; npz:PATH, arrays images and labels or x_train, y_train, x_test, y_test; csv:FILE, a label and the pixels of
    an image in each line; idx:PATH, files in MNIST's format; cifar:PATH, CIFAR's binary files; parquet:PATH, image
    files in Parquet's.

    --check trains nets on parts of DATA and asks them about the others (cross-validation). It lists images that are
    there more than once, and labels that are probably wrong, on a page with pictures and in check.json.
    """
    if is_check:
        if name is None or clear:
            raise UserError(
                f"--check: got {'no data' if name is None else '--clear'}; expected the data to look through: cnnlab "
                "data DATA --check"
            )
        _check(
            name,
            out or Path("check"),
            as_json,
            near=near,
            test_labels=test_labels,
            quick=quick,
            repeats=1 if repeats is None else repeats,
            data_root=data_root,
            image_size=image_size,
            skip_damaged=skip_damaged,
        )
        return
    given = {
        "DATA": name,
        "--out": out,
        "--near": near,
        "--test-labels": test_labels,
        "--quick": quick,
        "--repeats": repeats,
        "--image-size": image_size,
        "--skip-damaged": skip_damaged,
    }
    alone = next((option for option, value in given.items() if value not in (None, False)), None)
    if alone is not None:
        raise UserError(
            f"data: got {alone} without --check; expected to look data through: add --check, or leave {alone} out to "
            "list the sets"
        )
    if clear:
        _clear(as_json)
        return
    from cnnlab.data import available

    found = available(root=data_root)
    if as_json:
        rows = [asdict(each) | {"found": str(each.found) if each.found is not None else None} for each in found]
        click.echo(strict_json(rows))
        return

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
    console.print(
        "[bold]npz:PATH[/]  arrays images and labels, or x_train, y_train, x_test, y_test, in one file or more"
    )
    console.print("[bold]csv:FILE[/]  a line an image: its label and its pixels, 0–255")
    console.print("[bold]idx:PATH[/]  files in MNIST's format, EMNIST's and QMNIST's among them")
    console.print("[bold]cifar:PATH[/]  the binary files of CIFAR-10 or CIFAR-100")
    console.print("[bold]parquet:PATH[/]  Parquet files of images (the extra parquet)")


def _check(name: str, out: Path, as_json: bool, *, near: float | None, **how: Any) -> None:
    from cnnlab.inspection.copies import NEAR
    from cnnlab.workflows.inspection import check
    from cnnlab.workflows.watch import Watch

    prepare_training()
    found = check(
        name, out=out, near=NEAR if near is None else near, watch=Watch(on_data=Judging(quick=how["quick"])), **how
    )
    page = str(out / "index.html")
    if as_json:
        click.echo(strict_json(found.to_json() | {"page": page, "files": [page, str(out / "check.json")]}))
        return
    _print_check(found)
    click.echo(f"page  {page}")


class Judging(Work):
    """A bar, and once a line that says how long the judging of labels takes, where that is more than a minute."""

    def __init__(self, *, quick: bool) -> None:
        super().__init__()
        self.quick = quick
        self.first: tuple[float, int] | None = None
        self.is_told = False

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        from cnnlab.inspection.held_out import JUDGING

        super().__call__(what, done, total)
        if what != JUDGING or self.is_told:
            return
        now = time.perf_counter()
        if self.first is None:
            self.first = now, done
        elif now - self.first[0] >= _WATCHED_S and done > self.first[1]:
            ahead_s = (total - done) * (now - self.first[0]) / (done - self.first[1])
            self.is_told = True
            if ahead_s > 60:
                less = "" if self.quick else "; with --quick it takes less"
                notice(f"judging labels takes about {round(ahead_s / 60) or 1} min{less}")


def _print_check(found: Inspection) -> None:
    from rich.table import Table

    console = Console()
    counts = ", ".join(f"{len(found.data.split(split)):,} {word}" for split, word in _WORDS.items())
    click.echo(f"{shown_name(found.data.name)}: {counts} images, {len(found.data.classes):,} classes")
    for doubt in found.data.leaks:
        click.echo(f"warning        {shown_name(doubt)}")
    equal, near, labels = found.equal, found.near, found.labels
    within = ", ".join(f"{count:,} in {split}" for split, count in equal.within.items())
    click.echo(f"equal images   {within}: there once more in the same split, pixel for pixel")
    click.echo(f"               {_across(equal.across)}")
    click.echo(f"               {equal.conflicting:,} have another label than the first of their like")
    click.echo(f"nearly equal   {_across(near.across)}: correlation of {near.threshold:g} or more")
    for pair in near.pairs[:3]:
        both = " = ".join(_said(found, place) for place in (pair.first, pair.second))
        click.echo(f"               {both}  {min(pair.likeness, 0.9999):.4f}")
    if labels is None:
        click.echo("labels         not judged: it takes two classes of five images or more")
        return
    splits = " and ".join(_WORDS[split] for split in labels.splits)
    click.echo(
        f"label errors   {labels.found:,} probable ones among {labels.judged:,} {splits} images "
        f"({labels.found / labels.judged:.2%}), by {labels.folds}-fold cross-validation with {labels.net}"
        f"{f', {labels.repeats} times' if labels.repeats > 1 else ''}, which agrees with {labels.accuracy:.2%} of the "
        "labels"
    )
    if labels.judged < labels.of:
        few = f"; classes of too few images: {', '.join(labels.too_few[:SHOWN])}" if labels.too_few else ""
        click.echo(f"               {labels.of - labels.judged:,} images were not judged{shown_name(few)}")
    if labels.doubted > labels.found:
        click.echo(
            f"               {labels.doubted - labels.found:,} more are doubtful: another class is more probable"
        )
    if not labels.suspects:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("image", "given", "likely"):
        table.add_column(head)
    table.add_column("probabilities", justify="right")
    for one in labels.suspects[:SHOWN]:
        table.add_row(
            escape(_said(found, one.place)),
            escape(found.data.classes[one.given]),
            escape(found.data.classes[one.likely]),
            f"{one.given_probability:.1%} → {one.likely_probability:.1%}",
        )
    console.print()
    console.print(table)
    if labels.doubted > SHOWN:
        unnamed = labels.doubted - len(labels.suspects)
        click.echo(
            f"and {len(labels.suspects) - SHOWN:,} more, on the page and in check.json"
            f"{f'; {unnamed:,} less suspicious ones are in neither' if unnamed else ''}"
        )


_WORDS = {"train": "training", "validation": "validation", "test": "test"}


def _across(counts: Mapping[tuple[str, str], int]) -> str:
    return ", ".join(f"{count:,} of {other} in {one}" for (one, other), count in counts.items())


def _said(found: Inspection, place: Place) -> str:
    file = found.file_of(place)
    return f"{place.split} {place.index}" + ("" if file is None else f" {shown_name(file)}")


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
