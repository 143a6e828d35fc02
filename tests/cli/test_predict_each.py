"""`cnnlab predict --each`: all digits of a photograph, as a table, as JSON and as a picture."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.rows import boxes_of, by_hand, matched, photographed, two_lines
from PIL import Image, ImageDraw

from cnnlab import load


@pytest.fixture(scope="module")
def digits():
    data = load("mnist-5k")
    images, labels = data.train.images[:, 0].numpy(), data.train.labels
    return {str(label): list(images[(labels == label).numpy()][:20]) for label in range(10)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    """A photograph of a telephone number and one of two lines, with what is written in them."""
    folder = tmp_path_factory.mktemp("each")
    made = {}
    for name, write in {"number": by_hand, "lines": two_lines}.items():
        made[name] = photographed(digits, np.random.default_rng(3), write=write, degrees=7)
        made[name].image.save(folder / f"{name}.png")
    return folder, made


@pytest.fixture
def run(folder, cnnlab):
    """One run for the whole module."""
    path = folder[0] / "run"
    if not path.exists():
        assert cnnlab("train", "lenet5", "--data", "mnist-5k", "--epochs", 4, "--out", path).code == 0
    return path


def test_every_digit_has_its_box_its_answer_and_its_line(cnnlab, run, folder):
    path, made = folder
    answers = cnnlab("predict", run, path / "number.png", path / "lines.png", "--each", "--json").result
    read, written = 0, 0
    for answer, name in zip(answers, ("number", "lines"), strict=True):
        photo = made[name]
        assert (answer["width"], answer["height"]) == photo.image.size
        boxes = [
            (b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]) for b in (d["box"] for d in answer["digits"])
        ]
        pairs = matched(boxes_of(photo.whose), boxes)
        assert len(pairs) == len(boxes) == len("".join(photo.text))
        assert [len(line.split()) for line in answer["text"]] == [len(line) for line in photo.text]
        assert [digit["number"] for digit in answer["digits"]] == list(range(1, len(boxes) + 1))
        for digit in answer["digits"]:
            assert digit["probability"] == max(digit["probabilities"].values())
            assert sum(digit["probabilities"].values()) == pytest.approx(1)
        read += sum(a == b for a, b in zip("".join(answer["text"]).replace(" ", ""), "".join(photo.text), strict=True))
        written += len(boxes)
        assert answer["left_out"] == 0
    assert read >= 0.8 * written


def test_the_table_says_what_json_says(cnnlab, run, folder):
    path, _ = folder
    (answer,) = cnnlab("predict", run, path / "lines.png", "--each", "--json").result
    shown = cnnlab("predict", run, path / "lines.png", "--each").out
    assert f"lines.png: {len(answer['digits'])} digits in 2 lines" in shown
    for line in answer["text"]:
        assert f"\n  {line}\n" in shown
    rows = [line.split() for line in shown.splitlines() if line.strip()[:1].isdigit() and "%" in line]
    assert [row[1] for row in rows] == [digit["label"] for digit in answer["digits"]]
    assert [list(map(int, row[3:])) for row in rows] == [list(digit["box"].values()) for digit in answer["digits"]]


def test_what_is_like_nothing_that_the_net_was_trained_on_is_named(cnnlab, run, folder, tmp_path):
    page = Image.new("L", (900, 200), 235)
    draw = ImageDraw.Draw(page)
    for place in range(4):  # a solid disc, a cross of bars: no digits
        x = 60 + 210 * place
        draw.ellipse((x, 50, x + 100, 150), fill=20) if place % 2 else draw.line((x, 50, x + 90, 150), 20, 14)
        draw.line((x + 90, 50, x, 150), 20, 14)
    page.save(tmp_path / "signs.png")
    ask = ("predict", run, tmp_path / "signs.png", "--each", "--false-alarms", 0.03)
    (answer,) = cnnlab(*ask, "--json").result
    strange = [digit["number"] for digit in answer["digits"] if digit["unlike"]["is_unlike"]]
    assert len(strange) >= 2
    said = cnnlab(*ask).out
    assert f"(3 % of its validation images are called so): no. {', '.join(map(str, strange))}" in said
    one = cnnlab("predict", run, folder[0] / "number.png", "--each", "--false-alarms", 0.004, "--json").result[0]
    digits = [digit["unlike"] for digit in one["digits"]]
    assert all(digit["is_unlike"] == (digit["p_value"] <= 0.004) for digit in digits)


def test_the_picture_shows_the_photograph_with_its_boxes(cnnlab, run, folder):
    path, made = folder
    target = path / "boxes.png"
    (answer,) = cnnlab("predict", run, path / "number.png", "--each", "--picture", target, "--json").result
    assert answer["picture"] == str(target)
    drawn, photo = Image.open(target), made["number"].image
    scale = drawn.width / photo.width
    drawn = drawn.resize((photo.width, round(drawn.height / scale)), Image.Resampling.BOX)
    shown, before = np.asarray(drawn.convert("RGB")).astype(int), np.asarray(photo).astype(int)
    boxes = [digit["box"] for digit in answer["digits"]]
    # Where the photograph lies in the picture, under a margin for tags, is found by the first digit's own pixels.
    top = min(range(shown.shape[0] - photo.height + 1), key=lambda top: _unlike(shown, before, boxes[0], top))
    for box in boxes:
        assert _unlike(shown, before, box, top) < 20, "the digit itself is to be seen"
        beside = shown[top + box["y"] : top + box["y"] + box["height"], box["x"] - 3 : box["x"]]
        assert (beside[..., 2] - beside[..., 0]).mean(axis=0).max() > 50, "a blue line runs beside it"
    two = cnnlab("predict", run, path / "number.png", path / "lines.png", "--each", "--picture", path / "both.png")
    assert two.code == 0
    assert (path / "both-1.png").exists()
    assert (path / "both-2.png").exists()


def _unlike(shown, photo, box, top):
    rows, columns = slice(box["y"], box["y"] + box["height"]), slice(box["x"], box["x"] + box["width"])
    return abs(shown[top:][rows, columns] - photo[rows, columns]).mean()


def test_of_several_digits_one_is_answered_and_the_others_are_told_of(cnnlab, run, folder):
    path, made = folder
    length = len(made["number"].text[0])
    outcome = cnnlab("predict", run, path / "number.png")
    assert outcome.code == 0
    assert outcome.out.count("\n") == 1
    assert f"{length} digits of like size were found; the largest is answered: --each answers all" in " ".join(
        outcome.err.split()
    )
    (answer,) = cnnlab("predict", run, path / "number.png", "--json").result
    assert answer["of_like_size"] == length
    (answer,) = cnnlab("predict", run, path / "number.png", "--json", "--preparation", "resize").result
    assert answer["of_like_size"] is None


def test_a_picture_without_ink_is_one_line_and_the_others_are_answered(cnnlab, run, folder):
    path, _ = folder
    Image.new("L", (300, 200), 230).save(path / "blank.png")
    outcome = cnnlab("predict", run, path / "blank.png", path / "number.png", "--each")
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "blank.png: no ink found" in outcome.err
    assert "number.png: " in outcome.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--each", "--preparation", "garment"), "a garment fills its picture"),
        (("--each", "--preparation", "resize"), "scaled as a whole"),
        (("--each", "--no-prepare"), "taken as it is"),
        (("--picture", "new.png"), "got it without --each"),
        (("--each", "--picture", "new.jpg"), "expected a file that ends in .png"),
        (("--each", "--picture", "number.png"), "is one of the photographs"),
    ],
)
def test_what_each_cannot_do_is_refused_in_one_line(cnnlab, run, folder, monkeypatch, options, says):
    path, made = folder
    monkeypatch.chdir(path)
    outcome = cnnlab("predict", run, "number.png", *options)
    assert outcome.code == 2
    assert says in " ".join(outcome.err.split())
    assert np.array_equal(np.asarray(Image.open("number.png")), np.asarray(made["number"].image))
