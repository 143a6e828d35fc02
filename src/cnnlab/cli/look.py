"""`cnnlab look`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options
from cnnlab.cli.evaluate import net_of, run_data
from cnnlab.cli.read_only import default_out, note_test_opening
from cnnlab.cli.several import TakesSeveral
from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import Console, notice
from cnnlab.cores import available_cores
from cnnlab.errors import UserError, nearest
from cnnlab.features.embedding_beside import EmbeddingBeside
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cnnlab.config import DataRecord
    from cnnlab.features.choosing import Chosen
    from cnnlab.features.looking import Look, WholeLook


@click.command("look", cls=TakesSeveral)
@click.argument("run_path", metavar="RUN", type=options.GivenPath())
@click.option(
    "--images", "files", multiple=True, metavar="FILE …", help="Your own image files, prepared as by predict."
)
@click.option("--indices", multiple=True, type=int, metavar="N …", help="Test images by number, counted from 0.")
@click.option("--layer", metavar="NAME", help="One layer in full, as describe names it. [default: the whole net]")
@click.option("--out", type=options.GivenPath(), help="Folder of the page. [default: RUN/look]")
@options.data_root
@options.image_size
@options.own_net
@options.as_json
def command(
    run_path: Path,
    files: tuple[str, ...],
    indices: tuple[int, ...],
    layer: str | None,
    out: Path | None,
    data_root: Path | None,
    image_size: int | None,
    own_code: str | None,
    as_json: bool,
) -> None:
    """Look inside the trained net of RUN: filters, feature maps, what excites units, what answers rest on.

    Writes one page. Without --images and --indices: test images of five classes that the net gets right, and its three
    most confident mistakes. Statistics are taken over validation images. RUN stands before --images and --indices,
    which take all words up to the next flag. All files are tried; exit code 1 says that some failed.
    """
    if files and indices:
        raise UserError("look: got both --images and --indices; expected one of them: your own files or test images")
    is_worth_it = layer is None and run_path.exists() and available_cores() > 1
    with EmbeddingBeside(process=is_worth_it) as beside:  # started first: it imports while this process does
        document, errors = _looked(
            run_path, files, indices, layer, out, beside, data_root=data_root, image_size=image_size, own_code=own_code
        )
    if as_json:
        click.echo(strict_json(document))
    else:
        _print(document)
    for error in errors:
        click.echo(f"cnnlab: {error}", err=True)
    if errors:
        raise click.exceptions.Exit(1)


def _looked(
    run_path: Path,
    files: tuple[str, ...],
    indices: tuple[int, ...],
    layer: str | None,
    out: Path | None,
    beside: EmbeddingBeside,
    *,
    data_root: Path | None,
    image_size: int | None,
    own_code: str | None,
) -> tuple[dict[str, Any], list[UserError]]:
    """The page written, and its figures; of which files there is nothing on it, and why."""
    from cnnlab.anatomy import describe
    from cnnlab.features.choosing import a_handful, by_index
    from cnnlab.features.looking import look, look_at_layer
    from cnnlab.plain_files import place_in
    from cnnlab.report.back import back_from_look
    from cnnlab.report.look.page import layer_page, look_page
    from cnnlab.runs import open_run
    from cnnlab.training.machine import keep_freed_memory
    from cnnlab.whole_files import write_whole

    run = open_run(run_path, data_root=data_root, say=notice)
    run.result()  # an unfinished run is refused before anything is loaded
    folder = out or default_out(run, run_path, "look")
    net = net_of(run, own_code)
    data = run_data(run, None, data_root=data_root, image_size=image_size)
    keep_freed_memory()  # from here on: what reading the images freed is given back
    mistakes = run.evaluations()["test"].mistakes
    errors: list[UserError] = []
    if files:
        chosen, errors = _own(files, run.config.data)
    elif indices:
        chosen = by_index(data.test, indices)
    else:
        chosen = a_handful(data.test, mistakes, classes=len(data.classes))
    report = os.path.relpath(run.path / "report.html", folder) if (run.path / "report.html").exists() else None
    back = back_from_look(run.path) if folder.resolve() == (run.path / "look").resolve() else None
    if layer is not None:
        known = [each.name for each in describe(net, data.image_shape).layers if each.call.is_by_image]
        if layer not in known:
            raise UserError(f"--layer: the net has no layer {layer}; {nearest(layer, known)}")
    note_test_opening(run, "cnnlab look")
    if layer is None:
        whole = look(net, data, chosen, mistakes, beside=beside)
        page, text = folder / "index.html", look_page(whole, run, report=report, back=back)
        document = _figures(whole.look, [each.name for each in whole.look.anatomy.layers])
        document["embedding"] = _embedding(whole)
    else:
        one = look_at_layer(net, data, chosen, layer)
        name = re.sub(r"[^\w.-]", "_", layer)
        page, text = folder / f"layer-{name}.html", layer_page(one, run, report=report, back=back)
        document = _figures(one.look, [layer])
    if out is None:
        run.write(f"look/{page.name}", text.encode())
    else:
        write_whole(place_in(folder, page.name), text.encode())
    return {"page": str(page), "files": [str(page)]} | document, errors


def _own(files: Sequence[str], record: DataRecord) -> tuple[list[Chosen], list[UserError]]:
    """The images in files, all of which are tried, and what is wrong with the others. Raises UserError for no image."""
    import torch

    from cnnlab.features.choosing import Chosen
    from cnnlab.prepare import prepare, read_image

    found, errors = [], []
    for file in files:
        try:
            pixels = prepare(
                read_image(file), preparation=record.preparation, shape=record.image_shape, unpadded=record.unpadded
            )
        except UserError as error:
            errors.append(error if file in str(error) else UserError(f"{file}: {error}"))
        else:
            found.append(Chosen(torch.from_numpy(pixels), Path(file).name, None))
    if not found:
        raise UserError(str(errors[0]) + (f" (and {len(errors) - 1} more files)" if errors[1:] else ""))
    return found, errors


def _figures(found: Look, layers: Sequence[str]) -> dict[str, Any]:
    classes = found.data.classes
    return {
        "images": [
            {
                "name": image.chosen.name,
                "label": None if image.chosen.label is None else classes[image.chosen.label],
                "called": classes[image.predicted],
                "probability": image.probability,
            }
            for image in found.images
        ],
        "measured_on": "validation",
        "measured_images": len(found.measured),
        "layers": [found.statistics[name].to_json() for name in layers if name in found.statistics],
    }


def _embedding(found: WholeLook) -> dict[str, Any] | None:
    arranged = found.arrangement
    if arranged is None:
        return None
    return {
        "layer": arranged.layer,
        "images": len(arranged.indices),
        "mistakes": int((arranged.labels != arranged.predicted).sum()),
        "explained": list(arranged.embedding.explained),
    }


def _print(document: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("layer")
    for head in ("mean", "std", "zeros", "dead units"):
        table.add_column(head, justify="right")
    for row in document["layers"]:
        table.add_row(
            escape(row["name"]),
            f"{row['mean']:.3f}",
            f"{row['std']:.3f}",
            f"{row['zeros']:.1%}",
            f"{len(row['dead'])} of {row['units']}",
        )
    console.print(table)
    console.print(f"\n[dim]over {document['measured_images']:,} validation images; dead: 0 at every place for all[/]")
    for image in document["images"]:
        label = "" if image["label"] is None else f"is {shown_name(image['label'])}, "
        click.echo(
            f"{shown_name(image['name'])}: {label}called {shown_name(image['called'])}  {image['probability']:.1%}"
        )
    click.echo(f"page  {document['page']}")
