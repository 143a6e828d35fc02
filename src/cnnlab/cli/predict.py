"""`cnnlab predict`."""

from __future__ import annotations

import os
import sys
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

    from cnnlab.features.unlike import Unlike
    from cnnlab.runs import Run


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
    from cnnlab.cli.far_border import far_border
    from cnnlab.cli.predict_each import answer_each, check_each, print_each
    from cnnlab.prepare import read_image
    from cnnlab.prepare.several import SEVERAL, prepared_and_counted
    from cnnlab.runs import open_run

    if no_prepare and preparation not in (None, "none"):
        raise UserError(
            f"--no-prepare: got --preparation {preparation} as well; expected one of the two: leave one out"
        )
    run = open_run(run_path, say=notice)
    net = net_of(run, own_code)
    record = run.config.data
    preparation = "none" if no_prepare else preparation or record.preparation
    check_each(each=each, picture=picture, preparation=preparation, files=files, data=record.name)
    likeness = unlike.for_predict(run, net, own_code, false_alarms)
    answers: list[dict[str, Any]] = []
    for number, file in enumerate(files, start=1):
        if each:
            where = picture if picture is None or len(files) == 1 else picture.with_stem(f"{picture.stem}-{number}")
            shown = None if as_json or not show else _show
            answers.append(answer_each(net, file, record, likeness, picture=where, show=shown))
            if not as_json:
                print_each(answers[-1])
            continue
        try:
            pixels, alike = prepared_and_counted(
                read_image(file), preparation=preparation, shape=record.image_shape, unpadded=record.unpadded
            )
        except UserError as error:
            answers.append({"file": file, "error": str(error) if file in str(error) else f"{file}: {error}"})
        else:
            answers.append({"file": file} | _answer(net, pixels, run, *likeness) | {"of_like_size": alike})
            warning = far_border(pixels, record, preparation=preparation)
            answers[-1]["warning"] = warning
            if warning is not None and not as_json:
                notice(f"warning: {shown_name(file)}: {warning}")
            if alike is not None and alike > 1 and not as_json:
                notice(f"note: {shown_name(file)}: {SEVERAL.format(alike)}")
            if show and not as_json:
                _show(pixels)
        if not as_json:
            _print(answers[-1])
    if as_json:
        click.echo(strict_json(answers))
    if any("error" in answer for answer in answers):
        raise click.exceptions.Exit(1)


def _answer(net: nn.Module, pixels: np.ndarray, run: Run, fitted: Unlike | None, rate: float) -> dict[str, Any]:
    import torch

    from cnnlab.evaluation import logits

    record, image = run.config.data, torch.from_numpy(pixels)[None]
    scores = logits(net, image, mean=record.mean, std=record.std)
    probabilities = scores.double().softmax(dim=1)[0]
    best = int(probabilities.argmax())
    answer = {
        "label": record.classes[best],
        "probability": float(probabilities[best]),
        "probabilities": dict(zip(record.classes, probabilities.tolist(), strict=True)),
    }
    return answer | (unlike.judged(fitted, net, image, scores, run, rate) if fitted is not None else {})


def _print(answer: dict[str, Any]) -> None:
    if "error" in answer:
        click.echo("cnnlab: " + " ".join(answer["error"].split()), err=True)
        return
    runners_up = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[1:3]
    others = ", ".join(f"{shown_name(label)} {probability:.1%}" for label, probability in runners_up)
    before, calibrated = unlike.in_words(answer)
    click.echo(
        f"{shown_name(answer['file'])}: {before}{shown_name(answer['label'])}  {answer['probability']:.1%}{calibrated}"
        f"  (then {others})"
    )


def _show(pixels: np.ndarray) -> None:
    from rich.text import Text

    from cnnlab.cli.terminal_picture import terminal_picture

    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    Console().print(Text.from_ansi(terminal_picture(pixels, colour=colour)), soft_wrap=True)
