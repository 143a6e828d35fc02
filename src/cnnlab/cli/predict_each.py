"""`cnnlab predict --each`: all digits of a photograph, answered one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnlab.cli.streams import shown_name
from cnnlab.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from cnnlab.config import DataRecord
    from cnnlab.features.unlike import Unlike
    from cnnlab.prepare.characters import Character


def check_each(*, each: bool, picture: Path | None, preparation: str, files: Sequence[str], data: str) -> None:
    """Refuse what --each and --picture cannot do. Raises UserError, in one line.

    preparation: how image files become what the net takes. data: the name of the set that the net was trained on.
    """
    if picture is not None:
        if not each:
            raise UserError("--picture: got it without --each; expected both: it shows what --each finds")
        if picture.suffix.lower() != ".png":
            raise UserError(f"--picture: got {picture}; expected a file that ends in .png: name it so")
        taken = [file for file in files if Path(file).resolve() == picture.resolve()]
        if taken:
            raise UserError(f"--picture: {picture} is one of the photographs; expected another file: name a new one")
    if each and preparation != "digit":
        why = {
            "garment": "a garment fills its picture, and has no lines of text",
            "resize": "the picture is scaled as a whole, with nothing sought in it",
            "none": "the picture is taken as it is",
        }[preparation]
        raise UserError(
            f"--each: finds digits by their ink, as preparation digit does; got {preparation}, as {data} is prepared: "
            f"{why}; leave --each out, or name --preparation digit if the net was trained on characters"
        )


def answer_each(
    net: nn.Module,
    file: str,
    record: DataRecord,
    likeness: tuple[Unlike | None, float] = (None, 0.0),
    *,
    picture: Path | None,
    show: Callable[[np.ndarray], None] | None = None,
) -> dict[str, Any]:
    """What the net says of each digit in a file, as --json has it; or the error by which none was found.

    likeness: what tells digits unlike those that the net was trained on, and at which rate of false alarms.
    picture: where the photograph is written with its boxes. show: takes each digit as the net sees it, uint8
    (C, H, W).
    """
    from cnnlab.cli.boxes_picture import boxes_picture
    from cnnlab.prepare import read_image
    from cnnlab.prepare.characters import find_characters
    from cnnlab.whole_files import write_whole

    try:
        image = read_image(file)
        found = find_characters(image)
    except UserError as error:
        return {"file": file, "error": str(error) if file in str(error) else f"{file}: {error}"}
    digits = _answers(net, found.found, record, likeness, show)
    lines = range(digits[-1]["line"]) if digits else ()
    answer = {
        "file": file,
        "width": image.width,
        "height": image.height,
        "digits": digits,
        "text": [" ".join(digit["label"] for digit in digits if digit["line"] == line + 1) for line in lines],
        "left_out": found.left_out,
    }
    if picture is not None:
        boxes = [tuple(digit["box"].values()) for digit in digits]
        write_whole(picture, boxes_picture(image, boxes, [digit["label"] for digit in digits]))
        answer["picture"] = str(picture)
    return answer


def _answers(
    net: nn.Module,
    found: Sequence[Character],
    record: DataRecord,
    likeness: tuple[Unlike | None, float],
    show: Callable[[np.ndarray], None] | None,
) -> list[dict[str, Any]]:
    import numpy as np
    import torch

    from cnnlab.evaluation import logits
    from cnnlab.prepare.digit import digit_of
    from cnnlab.prepare.fitting import in_zeros

    channels, height, width = record.image_shape
    grays = np.stack([digit_of(each.ink, record.unpadded or (height, width)) for each in found])
    grays = in_zeros(grays, (height, width))
    images = np.repeat(grays[:, None], channels, axis=1)
    if show is not None:
        for pixels in images:
            show(pixels)
    answers = logits(net, torch.from_numpy(images), mean=record.mean, std=record.std).double().softmax(dim=1)
    fitted, rate = likeness
    judged: list[dict[str, Any]] = [{} for _ in found]
    if fitted is not None:
        p_values = fitted.p_values(net, torch.from_numpy(images), mean=record.mean, std=record.std).tolist()
        judged = [{"unlike": {"is_unlike": p <= rate, "p_value": p, "false_alarms": rate}} for p in p_values]
    return [
        {
            "number": number,
            "line": each.line + 1,
            "box": {"x": each.left, "y": each.top, "width": each.width, "height": each.height},
            "label": record.classes[int(probabilities.argmax())],
            "probability": float(probabilities.max()),
            "probabilities": dict(zip(record.classes, probabilities.tolist(), strict=True)),
        }
        | besides
        for number, (each, probabilities, besides) in enumerate(zip(found, answers, judged, strict=True), start=1)
    ]


def print_each(answer: dict[str, Any]) -> None:
    """Print what `answer_each` gave: the lines as text, then a row for each digit."""
    if "error" in answer:
        click.echo("cnnlab: " + " ".join(answer["error"].split()), err=True)
        return
    digits, text = answer["digits"], answer["text"]
    count = f"{len(digits)} digit{'s' * (len(digits) > 1)} in {len(text)} line{'s' * (len(text) > 1)}"
    click.echo(f"{shown_name(answer['file'])}: {count}")
    for line in text:
        click.echo(f"  {shown_name(line)}")
    answer_width = max(6, *(len(shown_name(digit["label"])) for digit in digits))
    click.echo(f"\n   no.  {'answer':{answer_width}}  probability      x      y  width  height")
    line = 1
    for digit in digits:
        if digit["line"] != line:
            line = digit["line"]
            click.echo()
        box = digit["box"]
        click.echo(
            f"  {digit['number']:4}  {shown_name(digit['label']):{answer_width}}  {digit['probability']:11.1%}"
            f"  {box['x']:5}  {box['y']:5}  {box['width']:5}  {box['height']:6}"
        )
    strange = [digit for digit in digits if digit.get("unlike", {}).get("is_unlike")]
    if strange:
        numbers = ", ".join(str(digit["number"]) for digit in strange)
        rate = f"{100 * strange[0]['unlike']['false_alarms']:.3g} %"
        click.echo(f"\n  like nothing it was trained on ({rate} of its validation images are called so): no. {numbers}")
    if answer["left_out"]:
        click.echo(
            f"  and {answer['left_out']:,} more, which are left out: cut the picture into parts, each at most "
            f"{len(digits)} digits"
        )
    click.echo(f"\n  boxes: pixels of the picture of {answer['width']}×{answer['height']}, from its upper left corner")
    if "picture" in answer:
        click.echo(f"  picture: {shown_name(answer['picture'])}")
