"""`cnnlab predict`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli import options, unlike
from cnnlab.cli.evaluate import net_of
from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import Console, notice
from cnnlab.errors import UserError
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from cnnlab.config import DataRecord
    from cnnlab.features.unlike import Unlike
    from cnnlab.prepare.side_by_side import Prepared
    from cnnlab.runs import Run

#: Images that the net answers at once, and how many numbers they hold together, unless one alone has more.
AT_ONCE, MOST_NUMBERS = 20, 1_000_000


@click.command("predict")
@click.argument("run_path", metavar="RUN", type=options.GivenPath())
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--each",
    "--all-digits",
    "each",
    is_flag=True,
    help="Find all digits of a photograph and answer each: a telephone number, a form's row.",
)
@click.option(
    "--picture",
    type=options.GivenPath(is_file=True),
    help="--each: write the photograph with numbered boxes and answers as this PNG; of several, FILE-1.png and so on.",
)
@click.option("--show", is_flag=True, help="Draw the net's input: the pixels it sees after preparation.")
@options.preparation
@click.option("--no-prepare", is_flag=True, help="Take the pixels as they are: already the net's size and polarity.")
@unlike.false_alarms
@options.own_net
@options.as_json
def command(
    run_path: Path,
    files: tuple[str, ...],
    each: bool,
    picture: Path | None,
    show: bool,
    preparation: str | None,
    no_prepare: bool,
    false_alarms: float | None,
    own_code: str | None,
    as_json: bool,
) -> None:
    """Say what the net of RUN sees in image files: photos, scans, drawings.

    A file becomes an image like those that the net was trained on. For MNIST: to gray, paper and ink told apart,
    cropped to the ink, fitted to 20×20 and centred by mass, as MNIST was made. All files are tried; exit code 1 says
    that some failed. Of an image that is like nothing that the net was trained on it says so before the closest class.

    Of several digits in one picture the largest is answered, and a note says so; --each answers all in reading order,
    line by line, also where the lines are tilted by up to 20°. Boxes are in pixels of the picture as it is seen,
    upright. Digits that touch are taken for one, and whatever is as tall as the digits, such as a letter, is answered
    as a digit.
    """
    from cnnlab.cli.predict_each import answer_each, check_each, print_each
    from cnnlab.prepare.side_by_side import SideBySide

    if no_prepare and preparation not in (None, "none"):
        raise UserError(
            f"--no-prepare: got --preparation {preparation} as well; expected one of the two: leave one out"
        )
    # Before PyTorch loads, which takes as long as dozens of photographs take to prepare.
    all_of_us = click.get_current_context().with_resource(SideBySide(0 if each else len(files)))
    from cnnlab.runs.records import data_record

    if all_of_us.beside and (said := data_record(run_path)) is not None:
        how = "none" if no_prepare else preparation or said.preparation
        all_of_us.begin(files, preparation=how, shape=said.image_shape, unpadded=said.unpadded)
    from cnnlab.runs import open_run

    run = open_run(run_path, say=notice)
    net = net_of(run, own_code)
    record = run.config.data
    preparation = "none" if no_prepare else preparation or record.preparation
    check_each(each=each, picture=picture, preparation=preparation, files=files, data=record.name)
    likeness = unlike.for_predict(run, net, own_code, false_alarms)
    answers: list[dict[str, Any]] = []
    shown = _show if show and not as_json else None
    if each:
        for number, file in enumerate(files, start=1):
            where = picture if picture is None or len(files) == 1 else picture.with_stem(f"{picture.stem}-{number}")
            answers.append(answer_each(net, file, record, likeness, picture=where, show=shown))
            if not as_json:
                print_each(answers[-1])
    else:
        at_once = max(1, min(AT_ONCE, MOST_NUMBERS // prod(record.image_shape)))
        for start in range(0, len(files), at_once):
            part = files[start : start + at_once]
            prepared = all_of_us.prepared(
                part, preparation=preparation, shape=record.image_shape, unpadded=record.unpadded
            )
            inputs = [
                (_told(file, each_one, record, preparation), None if isinstance(each_one, UserError) else each_one[0])
                for file, each_one in zip(part, prepared, strict=True)
            ]
            found = _answers(net, inputs, run, *likeness)
            answers += found
            if not as_json:
                for (_, pixels), answer in zip(inputs, found, strict=True):
                    _print(answer, pixels, shown)
    if as_json:
        click.echo(strict_json(answers))
    if any("error" in answer for answer in answers):
        raise click.exceptions.Exit(1)


def _told(file: str, prepared: Prepared, record: DataRecord, preparation: str) -> dict[str, Any]:
    """What is told of a file besides its answer."""
    from cnnlab.cli.far_border import far_border

    if isinstance(prepared, UserError):
        return {"file": file, "error": str(prepared) if file in str(prepared) else f"{file}: {prepared}"}
    pixels, alike = prepared
    return {"file": file, "of_like_size": alike, "warning": far_border(pixels, record, preparation=preparation)}


def _answers(
    net: nn.Module,
    inputs: Sequence[tuple[dict[str, Any], np.ndarray | None]],
    run: Run,
    fitted: Unlike | None,
    rate: float,
) -> list[dict[str, Any]]:
    """What `predict` says of files, as --json has it.

    inputs: what is told of each besides, and the net's input, uint8 (C, H, W); None where there is none.
    """
    import numpy as np
    import torch

    from cnnlab.evaluation import logits

    ready = [pixels for _, pixels in inputs if pixels is not None]
    if not ready:
        return [told for told, _ in inputs]
    record, images = run.config.data, torch.from_numpy(np.stack(ready))
    scores = logits(net, images, mean=record.mean, std=record.std)
    besides = unlike.judged(fitted, net, images, scores, run, rate) if fitted is not None else [{} for _ in ready]
    answered = iter(zip(scores.double().softmax(dim=1), besides, strict=True))
    answers = []
    for told, pixels in inputs:
        if pixels is None:
            answers.append(told)
            continue
        probabilities, judged = next(answered)
        best = int(probabilities.argmax())
        answer = {
            "label": record.classes[best],
            "probability": float(probabilities[best]),
            "probabilities": dict(zip(record.classes, probabilities.tolist(), strict=True)),
        }
        answers.append({"file": told["file"]} | answer | judged | told)
    return answers


def _print(answer: dict[str, Any], pixels: np.ndarray | None, show: Callable[[np.ndarray], None] | None) -> None:
    from cnnlab.prepare.several import SEVERAL

    if "error" in answer:
        click.echo("cnnlab: " + " ".join(answer["error"].split()), err=True)
        return
    name = shown_name(answer["file"])
    if answer["warning"] is not None:
        notice(f"warning: {name}: {answer['warning']}")
    if (answer["of_like_size"] or 1) > 1:
        notice(f"note: {name}: {SEVERAL.format(answer['of_like_size'])}")
    if show is not None and pixels is not None:
        show(pixels)
    runners_up = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[1:3]
    others = ", ".join(f"{shown_name(label)} {probability:.1%}" for label, probability in runners_up)
    before, calibrated = unlike.in_words(answer)
    click.echo(
        f"{name}: {before}{shown_name(answer['label'])}  {answer['probability']:.1%}{calibrated}  (then {others})"
    )


def _show(pixels: np.ndarray) -> None:
    from rich.text import Text

    from cnnlab.cli.terminal_picture import terminal_picture

    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    Console().print(Text.from_ansi(terminal_picture(pixels, colour=colour)), soft_wrap=True)
