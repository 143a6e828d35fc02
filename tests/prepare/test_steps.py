"""What an exported file says of its preparation is what the preparation does."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

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


def test_every_preparation_tells_its_steps():
    for preparation in PREPARATIONS:
        assert len(preparation_steps(preparation, (1, 28, 28))) >= 3
    assert "longer side is 20 " in " ".join(preparation_steps("digit", (1, 28, 28)))
