"""What an exported file says of its preparation is what the preparation does."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from cnnlab.prepare import PREPARATIONS, prepare
from cnnlab.prepare.steps import preparation_steps


@pytest.mark.parametrize("channels", [1, 3])
def test_resize_made_by_its_steps_alone_gives_the_same_pixels(channels):
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8))
    said = " ".join(preparation_steps("resize", (channels, 32, 24)))
    width, height = (int(each) for each in re.search(r"to (\d+) wide, (\d+) high, bicubic", said).groups())
    image = photo.convert("RGB" if "RGB, in this order" in said else "L")
    across = 90 * width / height  # the height is the shorter side, for this aspect ratio
    left = (140 - across) / 2
    by_hand = image.resize((width, height), Image.Resampling.BICUBIC, box=(left, 0, left + across, 90))
    expected = prepare(photo, preparation="resize", shape=(channels, 32, 24))
    assert np.array_equal(np.asarray(by_hand).reshape(32, 24, channels).transpose(2, 0, 1), expected)


def test_a_digit_made_by_its_steps_alone_gives_the_same_pixels():
    said = " ".join(preparation_steps("digit", (1, 28, 28)))
    box = int(re.search(r"longer side is (\d+) ", said).group(1))
    row, column = (float(each) for each in re.search(r"lies at row ([\d.]+), column ([\d.]+) ", said).groups())
    drawn = Image.new("L", (100, 100), 255)  # clean: what stands out is the ink, there is nothing to seek
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((30, 15, 69, 24), fill=0)
    pen.rectangle((50, 15, 59, 84), fill=0)
    ink = 1 - np.asarray(drawn, dtype=np.float32) / 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = round(ink.shape[1] * box / ink.shape[0])
    small = np.asarray(Image.fromarray(ink).resize((width, box), Image.Resampling.BOX))
    weight = small / small.sum()
    top = round(row - (weight.sum(axis=1) * np.arange(box)).sum())
    left = round(column - (weight.sum(axis=0) * np.arange(width)).sum())
    by_hand = np.zeros((28, 28))
    by_hand[top : top + box, left : left + width] = np.rint(small * (255 / small.max()))
    assert np.array_equal(by_hand, prepare(drawn, preparation="digit", shape=(1, 28, 28))[0])


@pytest.mark.parametrize("ground", [255, 20])
def test_a_garment_made_by_its_steps_alone_gives_the_same_pixels(ground):
    said = " ".join(preparation_steps("garment", (1, 28, 28)))
    percent = int(re.search(r"unsharp mask, radius 1, (\d+) percent, threshold 0", said).group(1))
    pixels = np.full((160, 120), ground, dtype=np.uint8)
    pixels[20:140, 30:90] = np.random.default_rng(1).integers(80, 200, (120, 60))
    gray = Image.fromarray(pixels[20:140, 30:90]).resize((14, 28), Image.Resampling.BICUBIC)
    gray = np.asarray(gray.filter(ImageFilter.UnsharpMask(radius=1, percent=percent, threshold=0)), dtype=np.float64)
    values = (ground - gray) / ground if ground > 127 else (gray - ground) / (255 - ground)
    by_hand = np.zeros((28, 28))
    by_hand[:, 7:21] = np.rint(values.clip(0, 1) * 255)
    found = prepare(Image.fromarray(pixels), preparation="garment", shape=(1, 28, 28))[0]
    assert abs(by_hand - found).max() <= 1, "to the rounding of a half"


def test_every_preparation_tells_its_steps():
    for preparation in PREPARATIONS:
        assert len(preparation_steps(preparation, (1, 28, 28))) >= 3
    assert "longer side is 20 " in " ".join(preparation_steps("digit", (1, 28, 28)))


def test_zeros_round_it_are_a_step_of_their_own():
    steps = preparation_steps("resize", (3, 33, 32), (28, 28))
    assert steps[:-1] == preparation_steps("resize", (3, 28, 28))
    over, under, left, right = (int(each) for each in re.findall(r"\((\d+)\)", steps[-1]))
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8))
    expected = np.zeros((3, 33, 32), dtype=np.uint8)
    expected[:, over : 33 - under, left : 32 - right] = prepare(photo, preparation="resize", shape=(3, 28, 28))
    assert np.array_equal(prepare(photo, preparation="resize", shape=(3, 33, 32), unpadded=(28, 28)), expected)


def test_a_picture_of_either_size_is_taken_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    settings = {"preparation": "none", "shape": (1, 32, 32), "unpadded": (28, 28)}
    assert np.array_equal(prepare(Image.fromarray(pixels), **settings)[0], pixels)
    assert np.array_equal(prepare(Image.fromarray(pixels[:28, :28]), **settings)[0, 2:30, 2:30], pixels[:28, :28])
