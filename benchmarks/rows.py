"""Measure how rows of digits in a photograph are found and read, kind by kind, and write it to results/rows.json.

    .venv/bin/python -m benchmarks.rows

Every kind is 20 pictures, rendered here from seeds: rows of 7 to 11 digits of `mnist-5k` that the net of
`benchmarks/photographs.py` answers rightly as they are stored, or digits of matplotlib's fonts, written onto a sheet,
into the boxes of a form, or onto a board; the sheet photographed, tilted or not. Each picture is saved and read as
`cnnlab predict --each` does. A digit is found where a box lies over its own ink with an intersection over union of at
least 0.5, each box counted for one digit; a row is read right where its text is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.photographs import (
    COUNT,
    DESK,
    EPOCHS,
    KINDS,
    NET,
    PAPER,
    PEN,
    Random,
    commit,
    mask,
    painted,
    picture,
    shadow,
    sheet,
    strokes,
    trained,
)
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from torch import nn

import cnnlab
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.evaluation import logits
from cnnlab.prepare import read_image
from cnnlab.prepare.characters import find_characters
from cnnlab.prepare.digit import digit_of
from cnnlab.prepare.several import digit_and_count
from cnnlab.runs.environment import environment
from cnnlab.training.machine import resolve_device, resolve_precision

RESULTS = Path(__file__).parent.parent / "results" / "rows.json"
NOTED = ("2 to 10 digits of any size", "telephone number", "boxes of a form")
FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")


@dataclass
class Writing:
    """What is written on a sheet, of one size all of it: ink 0–1, and whose each pixel is, 0 for nobody's; the text."""

    ink: np.ndarray
    whose: np.ndarray
    text: list[str]


Digits = dict[str, list[np.ndarray]]


def written(text: str, size: int, digits: Digits, rng: Random) -> list[tuple[str, np.ndarray]]:
    """Each character of a text as strokes of a pen, cropped to the ink; what is no digit as None would be, a gap."""
    return [(each, _cropped(_stroked(each, size, digits, rng))) for each in text]


def _stroked(character: str, size: int, digits: Digits, rng: Random) -> np.ndarray:
    if character == "-":
        return mask((size, size), lambda pen: pen.line((size * 0.5, size, size * 1.5, size), fill=255, width=size // 8))
    if character == " ":
        return np.zeros((size, max(1, size // 3)))
    return strokes(digits[character][int(rng.integers(len(digits[character])))], size)


def printed(text: str, size: int, font: str) -> list[tuple[str, np.ndarray]]:
    """Each character of a text in a font."""
    path = font_manager.findfont(font)
    type_ = ImageFont.truetype(path, size)
    drawn = []
    for each in text:
        image = Image.new("L", (2 * size, 2 * size))
        ImageDraw.Draw(image).text((size // 2, size // 4), each, fill=255, font=type_)
        drawn.append((each, _cropped(np.asarray(image, dtype=float) / 255)))
    return drawn


def _cropped(ink: np.ndarray) -> np.ndarray:
    columns = np.flatnonzero((ink > 0.3).any(axis=0))
    return ink[:, columns[0] : columns[-1] + 1] if len(columns) else ink


def on_a_line(characters: list[tuple[str, np.ndarray]], gaps: Sequence[int], jitter: Sequence[int]) -> Writing:
    """Characters beside each other, gaps[i] pixels left of each and jitter[i] down."""
    room = max(jitter, default=0)
    width = sum(gaps) + sum(ink.shape[1] for _, ink in characters)
    height = max(ink.shape[0] for _, ink in characters) + room
    ink, whose = np.zeros((height, width)), np.zeros((height, width), dtype=np.uint8)
    at, number = 0, 0
    for (character, own), gap, down in zip(characters, gaps, jitter, strict=True):
        at += gap
        place = np.s_[down : down + own.shape[0], at : at + own.shape[1]]
        ink[place] = np.maximum(ink[place], own)
        if character.isdigit():
            number += 1
            whose[place][own > 0.5] = number
        at += own.shape[1]
    return Writing(ink, whose, ["".join(each for each, _ in characters if each.isdigit())])


def a_number(rng: Random, low: int = 7, high: int = 11) -> str:
    """A telephone number."""
    return "".join(map(str, rng.integers(0, 10, int(rng.integers(low, high + 1)))))


def by_hand(digits: Digits, rng: Random, *, size: int = 64, dashes: bool = False, text: str | None = None) -> Writing:
    """A number written by hand."""
    text = text or a_number(rng)
    if dashes:
        text = f"{text[:3]}-{text[3:]}"
    characters = written(text, size, digits, rng)
    return on_a_line(
        characters,
        rng.integers(round(0.12 * size), round(0.35 * size), len(text)).tolist(),
        rng.integers(0, round(0.15 * size), len(text)).tolist(),
    )


def in_a_font(digits: Digits, rng: Random, *, size: int = 60) -> Writing:
    """A number printed, with the font's like gaps."""
    text = a_number(rng)
    text = f"{text[:3]} {text[3:]}"
    characters = printed(text.replace(" ", ""), size, str(rng.choice(FONTS)))
    gaps = [round(0.12 * size)] * len(characters)
    gaps[3] += size // 3
    return on_a_line(characters, gaps, [0] * len(characters))


def in_boxes(
    digits: Digits, rng: Random, *, size: int = 56, room: float = 1.35, apart: bool = False, gray: bool = False
) -> Writing:
    """A number in the boxes of a form, a digit a box, whose side is room times the digit's.

    apart: boxes that do not share a side; gray: paler than the digits.
    """
    text = a_number(rng)
    cell = round(size * room)
    step = cell + (size // 5 if apart else 0)
    width = step * len(text) + 6
    ink, whose = np.zeros((cell + 6, width)), np.zeros((cell + 6, width), dtype=np.uint8)

    def boxes(pen: ImageDraw.ImageDraw) -> None:
        for i in range(len(text)):
            pen.rectangle((2 * (2 + i * step), 4, 2 * (2 + i * step + cell), 4 + 2 * cell), outline=255, width=4)

    for i, (_, own) in enumerate(written(text, size, digits, rng)):
        left = 2 + i * step + int(max(0, cell - own.shape[1]) * rng.uniform(0.35, 0.65))
        place = np.s_[2 + (cell - size) // 2 :, left : left + own.shape[1]]
        ink[place][:size] = np.maximum(ink[place][:size], own)
        whose[place][:size][own > 0.5] = i + 1
    return Writing(np.maximum(ink, mask(ink.shape, boxes) * (0.5 if gray else 1)), whose, [text])


def of_a_table(digits: Digits, rng: Random, *, size: int = 48) -> Writing:
    """Three rows of a table, four digits each."""
    cell, columns, rows = round(size * 1.5), 4, 3
    ink, whose = np.zeros((cell * rows + 6, cell * columns + 6)), np.zeros((cell * rows + 6, cell * columns + 6))
    text, number = [], 0
    for row in range(rows):
        text.append(a_number(rng, columns, columns))
        for column, (_, own) in enumerate(written(text[-1], size, digits, rng)):
            number += 1
            left = 2 + column * cell + (cell - own.shape[1]) // 2
            place = np.s_[2 + row * cell + (cell - size) // 2 :, left : left + own.shape[1]]
            ink[place][:size], whose[place][:size][own > 0.5] = own, number

    def lines(pen: ImageDraw.ImageDraw) -> None:
        for row in range(rows + 1):
            pen.line((4, 4 + 2 * row * cell, 4 + 2 * columns * cell, 4 + 2 * row * cell), fill=255, width=4)
        for column in range(columns + 1):
            pen.line((4 + 2 * column * cell, 4, 4 + 2 * column * cell, 4 + 2 * rows * cell), fill=255, width=4)

    return Writing(np.maximum(ink, mask(ink.shape, lines)), whose.astype(np.uint8), text)


def two_lines(digits: Digits, rng: Random, *, size: int = 52) -> Writing:
    """Two numbers, one under the other."""
    first, second = (by_hand(digits, rng, size=size) for _ in range(2))
    width = max(first.ink.shape[1], second.ink.shape[1]) + size
    ink, whose = [], []
    for each in (first, second):
        left = int(rng.integers(0, width - each.ink.shape[1] + 1))
        pad = ((0, size // 2), (left, width - left - each.ink.shape[1]))
        ink.append(np.pad(each.ink, pad))
        whose.append(np.pad(each.whose, pad))
    whose[1][whose[1] > 0] += first.whose.max()
    return Writing(np.concatenate(ink), np.concatenate(whose), [*first.text, *second.text])


def rows_of_any_length(digits: Digits, rng: Random) -> Writing:
    """2 to 10 digits of a size between 40 and 90 pixels."""
    return by_hand(digits, rng, size=int(rng.integers(40, 90)), text=a_number(rng, 2, 10))


@dataclass
class Photographed:
    """A picture with what is written in it: whose (H, W) says of each pixel which digit's it is, from 1, or 0."""

    image: Image.Image
    whose: np.ndarray
    text: list[str]
    how: dict[str, Any]


def photographed(
    digits: Digits,
    rng: Random,
    *,
    write: Callable[..., Writing] = by_hand,
    degrees: float = 0,
    noise: float = 0,
    colour: Any = PEN,
    paper: Any = PAPER,
    ruled: bool = False,
    shaded: bool = False,
    desk: bool = False,
    larger: int = 1,
) -> Photographed:
    """What is written, on a sheet; tilted to either side by up to some degrees, at least half as many."""
    writing = write(digits, rng)
    ink, whose = writing.ink, writing.whose
    if degrees and not desk:
        angle = rng.uniform(degrees / 2, degrees) * rng.choice([-1, 1])
        ink = _turned(ink.astype(np.float32), angle, Image.Resampling.BICUBIC).clip(0, 1)
        whose = _turned(whose, angle, Image.Resampling.NEAREST)
    height, width = (each + int(rng.integers(60, 160)) for each in ink.shape)
    height, width = larger * max(height, width // 2), larger * width
    top, left = int(rng.integers(20, height - ink.shape[0] - 19)), int(rng.integers(20, width - ink.shape[1] - 19))
    pixels = sheet(rng, height, width, paper)
    if ruled:
        pixels[int(rng.integers(5, 34)) :: 34] *= 0.8
    pixels = painted(pixels, ink, colour, top=top, left=left)
    seen = np.zeros((height, width), dtype=np.uint8)
    seen[top : top + ink.shape[0], left : left + ink.shape[1]] = whose
    if shaded:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        pixels = pixels * shadow(x, y, rng)[..., None]
    if desk:
        pixels, seen = _on_desk(pixels, seen, degrees * rng.choice([-1, 1]), rng)
    if noise:
        pixels = pixels * 0.6 + rng.normal(0, noise, pixels.shape)
    return Photographed(picture(pixels), seen, writing.text, {"format": "JPEG", "quality": 88} if desk else {})


def _turned(array: np.ndarray, angle: float, method: Image.Resampling) -> np.ndarray:
    return np.asarray(Image.fromarray(array).rotate(angle, method, expand=True))


def _on_desk(pixels: np.ndarray, whose: np.ndarray, angle: float, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    tilted = picture(pixels).convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
    ground = picture(sheet(rng, tilted.height + 90, tilted.width + 90, DESK, grain=5, blotches=9))
    ground.paste(tilted, (45, 45), tilted)
    return np.asarray(ground, dtype=float), np.pad(_turned(whose, angle, Image.Resampling.NEAREST), 45)


ROWS: dict[str, Callable[[Digits, Random], Photographed]] = {
    "telephone number": photographed,
    "telephone number with a dash": partial(photographed, write=partial(by_hand, dashes=True)),
    "telephone number, printed": partial(photographed, write=in_a_font),
    "tilted by up to 5°": partial(photographed, degrees=5),
    "tilted by up to 10°": partial(photographed, degrees=10),
    "printed, tilted by up to 10°": partial(photographed, write=in_a_font, degrees=10),
    "with noise": partial(photographed, noise=18),
    "shadow across the row": partial(photographed, shaded=True),
    "on ruled paper": partial(photographed, ruled=True),
    "white chalk on black": partial(photographed, colour=(225, 225, 220), paper=(35, 38, 36)),
    "sheet on a desk, tilted by 10°": partial(photographed, desk=True, degrees=10),
    "small on a large photograph": partial(photographed, larger=3),
    "two lines": partial(photographed, write=two_lines),
    "two lines, tilted by up to 10°": partial(photographed, write=two_lines, degrees=10),
    "boxes of a form": partial(photographed, write=in_boxes),
    "boxes of a form, tilted by up to 10°": partial(photographed, write=in_boxes, degrees=10),
    "boxes of a form that stand apart": partial(photographed, write=partial(in_boxes, apart=True)),
    "pale boxes of a form": partial(photographed, write=partial(in_boxes, gray=True)),
    "boxes that the digits touch": partial(photographed, write=partial(in_boxes, room=1.02)),
    "table of three rows": partial(photographed, write=of_a_table),
    "table of three rows, tilted by up to 10°": partial(photographed, write=of_a_table, degrees=10),
    "2 to 10 digits of any size": partial(photographed, write=rows_of_any_length),
}


def boxes_of(whose: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(left, top, right, bottom) of each digit, in the order of its number; right and bottom are beyond it."""
    found = []
    for number in range(1, int(whose.max()) + 1):
        rows, columns = (np.flatnonzero((whose == number).any(axis=axis)) for axis in (1, 0))
        found.append((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    return found


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, across) * max(0.0, down)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def matched(truth: list[tuple[int, int, int, int]], found: list[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """Pairs of a true box and a found one that lie over each other by half or more, each box once."""
    pairs = sorted(
        ((overlap(a, b), i, j) for i, a in enumerate(truth) for j, b in enumerate(found)), key=lambda pair: -pair[0]
    )
    seen_a: set[int] = set()
    seen_b: set[int] = set()
    chosen = []
    for share, i, j in pairs:
        if share >= 0.5 and i not in seen_a and j not in seen_b:
            seen_a.add(i)
            seen_b.add(j)
            chosen.append((i, j))
    return chosen


def known(data: ImageSet, net: nn.Module) -> Digits:
    """Validation digits that the net answers rightly, by class."""
    answers = logits(net, data.validation.images, mean=data.mean, std=data.std).argmax(dim=1)
    right = answers == data.validation.labels
    return {
        str(label): list(data.validation.images[right & (data.validation.labels == label), 0].numpy())
        for label in range(10)
    }


def measured(
    kind: str, digits: Digits, ask: Callable[[np.ndarray], list[str]], *, count: int = COUNT, keep: Path | None = None
) -> dict[str, Any]:
    """What is found and read of the pictures of a kind; ask: pixels uint8 (N, 1, 28, 28) → a label each."""
    row = {"rows": 0, "rows_right": 0, "digits": 0, "found": 0, "boxes": 0, "read": 0, "pictures_right": 0}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            made = ROWS[kind](digits, np.random.default_rng([i, sum(kind.encode())]))
            path = (keep or Path(folder)) / f"{kind}-{i}.{'jpg' if made.how else 'png'}".replace(" ", "-")
            made.image.save(path, **made.how)
            truth = boxes_of(made.whose)
            try:
                characters = find_characters(read_image(path)).found
            except UserError:
                characters = ()
            labels = ask(np.stack([digit_of(each.ink, (28, 28)) for each in characters])[:, None]) if characters else []
            boxes = [(each.left, each.top, each.left + each.width, each.top + each.height) for each in characters]
            pairs = matched(truth, boxes)
            written = "".join(made.text)
            text = [
                "".join(labels[k] for k, each in enumerate(characters) if each.line == line)
                for line in range(len(made.text))
            ]
            whole = [a == b for a, b in zip(made.text, text, strict=True)]
            row["rows"] += len(made.text)
            row["rows_right"] += sum(whole)
            row["digits"] += len(truth)
            row["boxes"] += len(boxes)
            row["found"] += len(pairs)
            row["read"] += sum(labels[b] == written[a] for a, b in pairs)
            row["pictures_right"] += all(whole) and len(boxes) == len(truth)
    return row


def notes(data: ImageSet, digits: Digits) -> dict[str, Any]:
    """Of how many pictures `cnnlab predict` without --each says that they hold several digits.

    single: of those of `benchmarks/photographs.py`, which hold one, by kind where any. several: of rows, by kind.
    """
    single: dict[str, int] = {}
    images = data.validation.images[:COUNT, 0].numpy()
    for kind, make in KINDS.items():
        pictures = (make(digit, np.random.default_rng([i, sum(kind.encode())])) for i, digit in enumerate(images))
        told = sum(counted(image, how) > 1 for image, how in pictures)
        if told:
            single[kind] = told
    several = {}
    for kind in NOTED:
        made = [ROWS[kind](digits, np.random.default_rng([i, sum(kind.encode())])) for i in range(COUNT)]
        counts = [(counted(each.image, each.how), len("".join(each.text))) for each in made]
        several[kind] = {"told": sum(a > 1 for a, _ in counts), "counted_right": sum(a == b for a, b in counts)}
    return {"single": {"pictures": COUNT * len(KINDS), "told": single}, "several": {"n": COUNT, "kinds": several}}


def counted(image: Image.Image, how: dict[str, Any]) -> int:
    """How many digits of like size are found in a picture that was saved and read; 1 where there is no ink."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("picture.jpg" if how.get("format") == "JPEG" else "picture.png")
        image.save(path, **how)
        try:
            return digit_and_count(read_image(path), (28, 28))[1]
        except UserError:
            return 1


def main() -> None:
    """Measure all kinds and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="the record")
    parser.add_argument("--keep", type=Path, help="leave the pictures in this folder")
    parser.add_argument("--only-notes", action="store_true", help="measure what predict says of several digits alone")
    chosen = parser.parse_args()
    device = resolve_device("auto")
    data = cnnlab.load("mnist-5k")
    net = trained(data)
    digits = known(data, net)
    if chosen.only_notes:
        record = json.loads(chosen.out.read_text()) | {"notes": notes(data, digits)}
        chosen.out.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
        return

    def ask(pixels: np.ndarray) -> list[str]:
        answers = logits(net, torch.from_numpy(pixels), mean=data.mean, std=data.std).argmax(dim=1)
        return [data.classes[int(answer)] for answer in answers]

    rows = {}
    for kind in ROWS:
        rows[kind] = measured(kind, digits, ask, keep=chosen.keep)
        print(f"{kind:45} {rows[kind]}", flush=True)
    record = {
        "command": "python -m benchmarks.rows",
        "n": COUNT,
        "net": NET.name,
        "epochs": EPOCHS,
        "commit": commit(),
        "environment": environment(device, resolve_precision("auto", device)).to_json(of_a_run=False),
        "rows": rows,
        "notes": notes(data, digits),
    }
    chosen.out.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
