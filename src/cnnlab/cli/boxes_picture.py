"""A photograph with numbered boxes round what was found in it, and what that was called."""

from __future__ import annotations

import io
import statistics
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

#: The longer side of the picture, in pixels, and what boxes that are smaller are made as tall as, where there is room.
LARGEST, TALL = 2000, 70

BOX, TAG, NUMBER = (0, 105, 215), (0, 70, 160), (190, 40, 0)


def boxes_picture(image: Image.Image, boxes: Sequence[tuple[int, ...]], labels: Sequence[str]) -> bytes:
    """A PNG of an image with boxes (x, y, width, height), each with its label above it and its number, from 1, below.

    A large image is made smaller, and one with small boxes larger, so that what is written in it can be read.
    """
    tall = statistics.median(height for *_, height in boxes)
    scale = min(LARGEST / max(image.size), max(1.0, TALL / tall))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    letters = round(min(max(0.42 * tall * scale, 12), 48))
    answer_font, number_font = _font(letters), _font(max(9, round(0.5 * letters)))
    # A tag over a box at the picture's upper border lies in a margin of its own, as one under the lowest does.
    tag = round(1.5 * letters)
    room = max(0, tag - round(min(y for _, y, _, _ in boxes) * scale))
    beyond = max(0, round(max(y + height for _, y, _, height in boxes) * scale) + tag - size[1])
    sheet = Image.new("RGB", (size[0], room + size[1] + beyond), "white")
    sheet.paste(image.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=3), (0, room))
    draw = ImageDraw.Draw(sheet)
    thick = max(2, round(letters / 12))
    for number, ((x, y, width, height), label) in enumerate(zip(boxes, labels, strict=True), start=1):
        left, top = x * scale - thick, y * scale - thick + room
        right, bottom = (x + width) * scale + thick, (y + height) * scale + thick + room
        draw.rectangle((left, top, right, bottom), outline=BOX, width=thick)
        middle = (left + right) / 2
        _tag(draw, middle, top - thick, label, answer_font, TAG, above=True, wide=sheet.width)
        _tag(draw, middle, bottom + thick, str(number), number_font, NUMBER, above=False, wide=sheet.width)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _tag(
    draw: ImageDraw.ImageDraw,
    middle: float,
    edge: float,
    text: str,
    font: ImageFont.FreeTypeFont,
    colour: tuple[int, int, int],
    *,
    above: bool,
    wide: int,
) -> None:
    """A word on a ground of its own, over or under an edge, inside the picture from left to right."""
    pad = max(1, round(font.size / 8))
    width, height = draw.textlength(text, font=font) + 2 * pad, font.size + 2 * pad
    left = min(max(0, middle - width / 2), wide - width)
    top = edge - height if above else edge
    draw.rectangle((left, top, left + width, top + height), fill=colour)
    draw.text((left + width / 2, top + height / 2), text, fill="white", font=font, anchor="mm")


def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
