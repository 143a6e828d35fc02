"""Measure how many photographed digits are read right, kind by kind, and write it to results/photographs.json.

    .venv/bin/python benchmarks/photographs.py --label now

Every kind is 20 pictures, rendered here from seeds: digits of `mnist-5k` that the net, SimpleCNN after 6 epochs by the
recipe `fast`, seed 0, answers rightly as they are, two of each class, drawn as strokes of a pen onto a sheet, and the
sheet photographed, scanned or saved. Each picture is saved as a file, read and prepared as `cnnlab predict` does, and,
for comparison, scaled as a whole without any search for ink. A label's figures are replaced as a whole; other labels
stay, so that another checkout's `PYTHONPATH` can be measured beside this one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import nn

import cnnlab
from cnnlab.config import NetSpec
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.evaluation import logits
from cnnlab.nets import build_net
from cnnlab.prepare import prepare, read_image
from cnnlab.runs.environment import environment
from cnnlab.training import RECIPES, recipe
from cnnlab.training.machine import resolve_device, resolve_precision

RESULTS = Path(__file__).parent.parent / "results" / "photographs.json"
COUNT = 20
NET = NetSpec(name="simple-cnn", options=RECIPES["fast"].net_options)
EPOCHS = 6

PAPER = np.array([228.0, 226, 218])
PENCIL, PEN = (176, 176, 174), (38, 38, 50)
BLUE, RED, YELLOW = (45, 65, 165), (190, 45, 50), (240, 215, 60)
DESK = (92, 74, 58)

#: A picture: pixels, and what a file of it is saved with.
Picture = tuple[Image.Image, dict[str, Any]]
Random = np.random.Generator


def strokes(digit: np.ndarray, size: int) -> np.ndarray:
    """A digit (28, 28) as strokes of a pen: how much ink there is, 0–1, (size, size)."""
    large = Image.fromarray(digit).crop((3, 3, 25, 25)).resize((size, size), Image.Resampling.BICUBIC)
    smooth = np.asarray(large.filter(ImageFilter.GaussianBlur(size / 60)), dtype=float) / 255
    return np.clip((smooth - 0.45) / 0.12 + 0.5, 0, 1)


def sheet(rng: Random, height: int, width: int, colour: Any = PAPER, *, grain: float = 3, blotches: float = 4) -> Any:
    """Paper (height, width, 3) of a colour, with slow blotches and grain."""
    slow = Image.fromarray(rng.normal(0, 1, (height // 40 + 2, width // 40 + 2)).astype(np.float32))
    slow = np.asarray(slow.resize((width, height), Image.Resampling.BICUBIC))
    return np.array(colour, dtype=float) + (blotches * slow + rng.normal(0, grain, (height, width)))[..., None]


def painted(paper: np.ndarray, ink: np.ndarray, colour: Any, *, top: int = 0, left: int = 0) -> np.ndarray:
    """The paper with ink (h, w), 0–1, of a colour on it."""
    place = paper[top : top + ink.shape[0], left : left + ink.shape[1]]
    place += ink[..., None] * (np.array(colour, dtype=float) - place)
    return paper


def mask(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw], Any]) -> np.ndarray:
    """What a pen draws onto (height, width), 0–1, its edges soft."""
    image = Image.new("L", (2 * size[1], 2 * size[0]))
    draw(ImageDraw.Draw(image))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BOX), dtype=float) / 255


def picture(pixels: np.ndarray) -> Image.Image:
    """Pixels as an image."""
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def on_paper(
    digit: np.ndarray, rng: Random, *, colour: Any = PEN, paper: Any = PAPER, share: tuple[float, float] = (0.4, 0.7)
) -> np.ndarray:
    """A digit written somewhere on a sheet of 420 by 340."""
    size = int(rng.uniform(*share) * 340)
    place = {"top": int(rng.integers(10, 410 - size)), "left": int(rng.integers(10, 330 - size))}
    return painted(sheet(rng, 420, 340, paper), strokes(digit, size), colour, **place)


def plain(digit: np.ndarray, rng: Random, **how: Any) -> Picture:
    """As it is written."""
    return picture(on_paper(digit, rng, **how)), {}


def lined(digit: np.ndarray, rng: Random, *, squared: bool) -> Picture:
    """On ruled or squared paper."""
    paper, step, line = on_paper(digit, rng), 34, np.array([170.0, 190, 215])
    places = np.arange(int(rng.integers(5, step)), 420, step)
    paper[places] = np.minimum(paper[places], line)
    if squared:
        paper[:, places[places < 340]] = np.minimum(paper[:, places[places < 340]], line)
    return picture(paper), {}


def lit(digit: np.ndarray, rng: Random, *, light: Callable[[Any, Any, Random], Any]) -> Picture:
    """Under uneven light: light(x, y, rng) is its share, x and y from -1 to 1."""
    y, x = np.mgrid[-1:1:420j, -1:1:340j]
    return picture(on_paper(digit, rng) * light(x, y, rng)[..., None]), {}


def shadow(x: Any, y: Any, rng: Random) -> Any:
    """A straight, rather sharp edge, beyond which there is 55 % of the light."""
    angle = rng.uniform(0, 2 * np.pi)
    return 1 - 0.45 / (1 + np.exp((np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.4, 0.4)) / 0.03))


def vignette(x: Any, y: Any, rng: Random) -> Any:
    """Light that falls off to 40 % in the corners."""
    return 1 - 0.3 * (x * x + y * y)


def noisy(digit: np.ndarray, rng: Random) -> Picture:
    """In little light: noise of 18 levels."""
    paper = on_paper(digit, rng)
    return picture(paper * 0.6 + rng.normal(0, 18, paper.shape)), {}


def jpeg(digit: np.ndarray, rng: Random) -> Picture:
    """Saved at a JPEG quality of 12."""
    return picture(on_paper(digit, rng)), {"format": "JPEG", "quality": 12}


def turned(digit: np.ndarray, rng: Random) -> Picture:
    """Lying on its side, which the file's EXIF data say."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(np.rot90(on_paper(digit, rng))), {"format": "JPEG", "quality": 90, "exif": exif}


def from_afar(digit: np.ndarray, rng: Random) -> Picture:
    """Small on a large photograph."""
    paper, size = sheet(rng, 1500, 2000), int(rng.integers(150, 260))
    top, left = int(rng.integers(50, 1450 - size)), int(rng.integers(50, 1950 - size))
    return picture(painted(paper, strokes(digit, size), PEN, top=top, left=left)), {"format": "JPEG", "quality": 90}


def laid(seen: Image.Image, ground: Image.Image, rng: Random, *, margin: int) -> Picture:
    """A sheet somewhere on a ground, a margin away from the picture's border."""
    left = int(rng.integers(margin, ground.width - seen.width - margin))
    ground.paste(seen, (left, int(rng.integers(margin, ground.height - seen.height - margin))), seen)
    return ground, {"format": "JPEG", "quality": 88}


def on_desk(digit: np.ndarray, rng: Random, *, degrees: float, desk: Any = DESK) -> Picture:
    """A whole sheet on a dark desk, tilted to either side."""
    tilted = picture(on_paper(digit, rng)).convert("RGBA")
    tilted = tilted.rotate(degrees * rng.choice([-1, 1]), Image.Resampling.BICUBIC, expand=True)
    ground = picture(sheet(rng, 720, 760, desk, grain=5, blotches=9))
    return laid(tilted, ground, rng, margin=15)


def in_perspective(digit: np.ndarray, rng: Random) -> Picture:
    """A whole sheet on a dark desk, seen from its lower edge: the upper one is a fifth shorter."""
    seen = picture(on_paper(digit, rng)).convert("RGBA")
    # Where a pixel of the photograph lies on the sheet: x ↦ (x + 0.125 y − 42.5)/(1 + 0.0006 y), and so on.
    width, height = seen.size
    narrow = 0.2 * width / 2
    k = (width / (width - 2 * narrow) - 1) / height
    a = width / (width - 2 * narrow)
    seen = seen.transform(
        seen.size,
        Image.Transform.PERSPECTIVE,
        (a, narrow * a / height, -a * narrow, 0, a, 0, 0, k),
        Image.Resampling.BICUBIC,
    )
    ground = picture(sheet(rng, 640, 560, DESK, grain=5, blotches=9))
    return laid(seen, ground, rng, margin=30)


def cut_off(digit: np.ndarray, rng: Random, *, degrees: float = 0) -> Picture:
    """A sheet on a dark desk that goes on beyond one or two sides of the photograph."""
    photo, _ = on_desk(digit, rng, degrees=degrees)
    gray = np.asarray(photo.convert("L").filter(ImageFilter.BoxBlur(4))) > 150
    rows, columns = np.flatnonzero(gray.mean(axis=1) > 0.1), np.flatnonzero(gray.mean(axis=0) > 0.1)
    sides = rng.integers(0, 2, 2)
    # A tenth of the sheet's margin is lost at most, and never ink, which stays 10 pixels away from a sheet's edge.
    left, right = (int(columns[0] + 9), photo.width) if sides[0] else (0, int(columns[-1] - 9))
    top, bottom = 0, photo.height
    if rng.integers(0, 2):
        top, bottom = (int(rows[0] + 9), photo.height) if sides[1] else (0, int(rows[-1] - 9))
    return photo.crop((left, top, right, bottom)), {"format": "JPEG", "quality": 88}


def with_lines(
    digit: np.ndarray, rng: Random, *, size: int, draw: Callable[[ImageDraw.ImageDraw, float, Random], Any]
) -> Picture:
    """A digit in a picture of a side, with lines that draw(pen, side, rng) gives; the pen's unit is half a pixel."""
    room = int(size * 0.52)
    top, left = (int(size * 0.24 + rng.integers(-1, 2) * size * 0.02) for _ in range(2))
    ink = np.zeros((size, size))
    ink[top : top + room, left : left + room] = strokes(digit, room)
    ink = np.maximum(ink, mask((size, size), lambda pen: draw(pen, size, rng)))
    return picture(painted(sheet(rng, size, size, grain=2, blotches=2), ink, PEN)), {}


def box(pen: ImageDraw.ImageDraw, side: float, rng: Random, *, margin: float = 0.08) -> None:
    """A printed box; a margin of 0 lies at the picture's border."""
    near = 2 * side * margin
    pen.rectangle((near, near, 2 * side - 1 - near, 2 * side - 1 - near), outline=255, width=max(4, round(side / 35)))


def cell(pen: ImageDraw.ImageDraw, side: float, rng: Random, *, margin: float = 0.1) -> None:
    """A cell of a table, whose lines go on."""
    for at in (margin, 1 - margin):
        pen.line((0, 2 * side * at, 2 * side, 2 * side * at), fill=255, width=max(4, round(side / 45)))
        pen.line((2 * side * at, 0, 2 * side * at, 2 * side), fill=255, width=max(4, round(side / 45)))


def circle(pen: ImageDraw.ImageDraw, side: float, rng: Random) -> None:
    """A ring drawn by hand, whose ends do not quite meet."""
    turn = np.linspace(0.1, 2 * np.pi + 0.05, 60) + rng.uniform(0, 6)
    radius = side * (0.88 + 0.03 * np.sin(2 * turn + rng.uniform(0, 6)))
    points = np.stack([side + radius * np.cos(turn), side + radius * np.sin(turn)], axis=1)
    pen.line([tuple(point) for point in points], fill=255, width=max(4, round(side / 30)))


def underline(pen: ImageDraw.ImageDraw, side: float, rng: Random) -> None:
    """A line under the digit, drawn by hand."""
    y, slope = 2 * side * 0.84, rng.uniform(-0.04, 0.04) * side
    pen.line((2 * side * 0.2, y - slope, 2 * side * 0.8, y + slope), fill=255, width=max(4, round(side / 30)))


def transparent(digit: np.ndarray, rng: Random, *, colour: tuple[int, int, int], size: int = 300) -> Picture:
    """Ink of a colour on nothing, as drawing programs save it."""
    alpha = np.zeros((size, size))
    room = int(size * 0.7)
    at = int(size * 0.15)
    alpha[at : at + room, at : at + room] = strokes(digit, room)
    rgba = np.zeros((size, size, 4), dtype=np.uint8)
    rgba[..., :3], rgba[..., 3] = colour, np.rint(255 * alpha)
    return Image.fromarray(rgba), {}


def deep(digit: np.ndarray, rng: Random, *, most: int, share: float = 1.0) -> Picture:
    """16 bits a pixel that reach up to a level."""
    gray = on_paper(digit, rng).mean(axis=2).clip(0, 255) / 255 * most * share
    return Image.fromarray(np.rint(gray).astype(np.uint16)), {}


def as_stored(digit: np.ndarray, rng: Random, *, inverted: bool = False) -> Picture:
    """MNIST's own image."""
    return Image.fromarray(255 - digit if inverted else digit), {}


KINDS: dict[str, Callable[[np.ndarray, Random], Picture]] = {
    "MNIST's own image": as_stored,
    "MNIST's own image, inverted": partial(as_stored, inverted=True),
    "plain paper": plain,
    "ruled paper": partial(lined, squared=False),
    "squared paper": partial(lined, squared=True),
    "shadow across the sheet": partial(lit, light=shadow),
    "vignette": partial(lit, light=vignette),
    "noise": noisy,
    "JPEG of quality 12": jpeg,
    "turned by EXIF": turned,
    "small on a large photograph": from_afar,
    "pencil": partial(plain, colour=PENCIL),
    "blue ink": partial(plain, colour=BLUE),
    "red ink": partial(plain, colour=RED),
    "yellow ink": partial(plain, colour=YELLOW),
    "red on green": partial(plain, colour=(215, 60, 50), paper=(70, 135, 75)),
    "blue on red": partial(plain, colour=(50, 70, 200), paper=(200, 60, 60)),
    "white chalk on black": partial(plain, colour=(225, 225, 220), paper=(35, 38, 36)),
    "sheet on a desk": partial(on_desk, degrees=0),
    "sheet on a light brown desk": partial(on_desk, degrees=5, desk=(150, 115, 80)),
    **{f"sheet on a desk, tilted by {n}°": partial(on_desk, degrees=n) for n in (3, 6, 9, 12, 15, 20, 25, 30)},
    "sheet on a desk, in perspective": in_perspective,
    "sheet cut off by the photograph": cut_off,
    "tilted sheet cut off by the photograph": partial(cut_off, degrees=8),
    "box, 60 pixels": partial(with_lines, size=60, draw=box),
    "box, 110 pixels": partial(with_lines, size=110, draw=box),
    "box, 400 pixels": partial(with_lines, size=400, draw=box),
    "box along the border, 60 pixels": partial(with_lines, size=60, draw=partial(box, margin=0)),
    "box along the border, 400 pixels": partial(with_lines, size=400, draw=partial(box, margin=0)),
    "cell of a table, 60 pixels": partial(with_lines, size=60, draw=cell),
    "cell of a table, 300 pixels": partial(with_lines, size=300, draw=cell),
    "circle round it, 90 pixels": partial(with_lines, size=90, draw=circle),
    "circle round it, 400 pixels": partial(with_lines, size=400, draw=circle),
    "underlined, 90 pixels": partial(with_lines, size=90, draw=underline),
    "underlined, 400 pixels": partial(with_lines, size=400, draw=underline),
    "white ink on transparency": partial(transparent, colour=(255, 255, 255)),
    "white ink on transparency, 28 pixels": partial(transparent, colour=(255, 255, 255), size=28),
    "black ink on transparency": partial(transparent, colour=(0, 0, 0)),
    "12 bits in 16": partial(deep, most=4095),
    "12 bits in 16, a fifth used": partial(deep, most=4095, share=0.2),
    "16 bits": partial(deep, most=65535),
}


def main() -> None:
    """Measure all kinds and put them under their label."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--label", required=True, help="under which name the figures are kept")
    parser.add_argument("--kind", action="append", help="only these kinds; nothing is written")
    parser.add_argument("--keep", type=Path, help="leave the pictures in this folder")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the record")
    chosen = parser.parse_args()
    device = resolve_device("auto")
    data = cnnlab.load("mnist-5k")
    ask = _asked(data)
    digits = list(_known(data, ask))
    rows = {}
    for kind, make in KINDS.items():
        if not chosen.kind or kind in chosen.kind:
            rows[kind] = _row(kind, make, digits, ask, chosen.keep)
            print(f"{kind:45} {rows[kind]}", flush=True)
    if chosen.kind:
        return
    record: dict[str, Any] = json.loads(chosen.out.read_text()) if chosen.out.exists() else {"labels": {}}
    record |= {"command": "benchmarks/photographs.py --label LABEL", "n": COUNT, "net": NET.name, "epochs": EPOCHS}
    record["labels"][chosen.label] = {
        "commit": commit(),
        "environment": environment(device, resolve_precision("auto", device)).to_json(of_a_run=False),
        "rows": rows,
    }
    chosen.out.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def trained(data: ImageSet) -> nn.Module:
    """The net that is asked."""
    net = build_net(NET, image_shape=data.image_shape, num_classes=len(data.classes), seed=0)
    return cnnlab.train(net, data, recipe("fast", net, data, epochs=EPOCHS), seed=0).net


def _asked(data: ImageSet) -> Callable[[np.ndarray], int]:
    net = trained(data)

    def ask(pixels: np.ndarray) -> int:
        return int(logits(net, torch.from_numpy(pixels)[None], mean=data.mean, std=data.std).argmax())

    return ask


def _known(data: ImageSet, ask: Callable[[np.ndarray], int]) -> Iterator[tuple[np.ndarray, int]]:
    """Validation digits that the net answers rightly, as many of each class."""
    left = dict.fromkeys(range(10), COUNT // 10)
    for image, label in zip(data.validation.images.numpy(), data.validation.labels.tolist(), strict=True):
        if left[label] and ask(image) == label:
            left[label] -= 1
            yield image[0], label


def _row(
    kind: str,
    make: Callable[[np.ndarray, Random], Picture],
    digits: list[tuple[np.ndarray, int]],
    ask: Callable[[np.ndarray], int],
    keep: Path | None,
) -> dict[str, Any]:
    row = {"prepared": 0, "scaled": 0}
    with tempfile.TemporaryDirectory() as folder:
        for i, (digit, label) in enumerate(digits):
            image, how = make(digit, np.random.default_rng([i, sum(kind.encode())]))
            name = f"{i}.{'jpg' if how.get('format') == 'JPEG' else 'png'}"
            path = Path(folder) / name
            if keep:
                (keep / kind).mkdir(parents=True, exist_ok=True)
                path = keep / kind / f"{label}-{name}"
            image.save(path, **how)
            row["prepared"] += _answer(path, "digit", ask) == label
            row["scaled"] += _answer(path, "resize", ask) == label
    return row


def _answer(path: Path, preparation: str, ask: Callable[[np.ndarray], int]) -> int | None:
    try:
        return ask(prepare(read_image(path), preparation=preparation, shape=(1, 28, 28)))
    except UserError:
        return None


def commit() -> str:
    """The commit of the checkout that cnnlab was imported from."""
    folder = Path(cnnlab.__file__).parent
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
