from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from tests.new_runs import make_run

from cnnlab.config import Training
from cnnlab.data.normalise import normalise
from cnnlab.errors import UserError
from cnnlab.report.run.calibration import calibration_words
from cnnlab.report.run.page import run_page
from cnnlab.runs import open_run

Read = Callable[[str], Any]
SECTIONS = ["curves", "confusion", "calibration", "mistakes", "filters", "run"]


@pytest.mark.parametrize("name", ["digits", "many", "hostile"])
class TestEveryPage:
    def test_loads_nothing_and_runs_nothing(self, pages: dict[str, str], read: Read, name: str) -> None:
        page = read(pages[name])
        names = {tag for tag, _ in page.tags}
        assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
        assert all(address.startswith("data:image/png;base64,") for address in page.attributes("src"))
        assert all(address.startswith("#") for address in page.attributes("href"))
        assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
        assert "url(http" not in pages[name]
        assert "@import" not in pages[name]
        policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert "default-src 'none'" in policy

    def test_ids_are_unique_and_links_arrive(self, pages: dict[str, str], read: Read, name: str) -> None:
        page = read(pages[name])
        ids = page.attributes("id")
        assert len(ids) == len(set(ids))
        assert {address[1:] for address in page.attributes("href")} <= set(ids)
        assert set(re.findall(r"url\(#([^)]+)\)", pages[name])) <= set(ids)
        for label in page.attributes("aria-labelledby"):
            assert label in ids

    def test_has_all_sections(self, pages: dict[str, str], read: Read, name: str) -> None:
        page = read(pages[name])
        assert [a["id"] for tag, a in page.tags if tag == "section"] == SECTIONS

    def test_pictures_and_tables_have_words(self, pages: dict[str, str], read: Read, name: str) -> None:
        page = read(pages[name])
        assert all("alt" in a for tag, a in page.tags if tag == "img")
        assert all(a.get("aria-label") or "aria-hidden" in a for tag, a in page.tags if tag == "svg")
        assert len(page.tables) == sum(tag == "table" for tag, _ in page.tags)
        assert "" not in page.tables

    def test_is_small(self, pages: dict[str, str], name: str) -> None:
        assert len(pages[name].encode()) < 300_000

    def test_tells_nobody_of_this_machines_folders(self, pages: dict[str, str], name: str) -> None:
        assert "/home/" not in pages[name]
        assert "/tmp/" not in pages[name]
        assert "site-packages" not in pages[name]


def test_the_same_run_gives_the_same_bytes(digits: Any) -> None:
    again = open_run(digits.run.path)
    assert run_page(again, digits.data, again.load_net()) == digits.page


def test_the_users_own_matplotlib_settings_neither_change_the_page_nor_are_changed(digits: Any) -> None:
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.grid": False}):
        before = dict(matplotlib.rcParams)
        assert run_page(digits.run, digits.data, digits.net) == digits.page
        assert dict(matplotlib.rcParams) == before


def test_net_and_random_state_stay_as_they_were(digits: Any) -> None:
    net = digits.run.load_net().train()
    random, weights = torch.get_rng_state(), {k: v.clone() for k, v in net.state_dict().items()}
    run_page(digits.run, digits.data, net)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())
    assert all(module.training for module in net.modules())


def test_the_headline_is_what_the_net_does(digits: Any, read: Read) -> None:
    text = read(digits.page).text
    test = digits.data.test
    with torch.no_grad():
        answers = digits.net(normalise(test.images, digits.data.mean, digits.data.std))
    right = int((answers.argmax(1) == test.labels).sum())
    assert f"{right} of {len(test)} images" in text
    assert f"{100 * right / len(test):.1f} %" in text
    low, high = digits.run.result().test.accuracy_interval
    assert f"{100 * low:.1f} – {100 * high:.1f} %" in text
    assert "61,706" in text
    assert "The only epoch is a part of one: 30 %" in text


def test_the_matrix_is_what_the_net_does(digits: Any, read: Read) -> None:
    test = digits.data.test
    with torch.no_grad():
        called = digits.net(normalise(test.images, digits.data.mean, digits.data.std)).argmax(1)
    expected = np.zeros((10, 10), dtype=int)
    np.add.at(expected, (test.labels.numpy(), called.numpy()), 1)
    rows = read(digits.page).tables["Confusion matrix of the test split"][2:]
    assert [row[0] for row in rows] == list("0123456789")
    assert [[int(cell) for cell in row[1:11]] for row in rows] == expected.tolist()
    assert [int(row[11]) for row in rows] == expected.sum(1).tolist()


def test_the_classes_figures(digits: Any, read: Read) -> None:
    rows = read(digits.page).tables["Classes on the test split"][1:]
    for row, figures in zip(rows, digits.run.evaluations()["test"].per_class, strict=True):
        shares = [f"{100 * share:.1f} %" for share in (figures.precision, figures.recall, figures.f1)]
        assert row == [figures.name, str(figures.images), *shares]


def test_the_curves_stand_where_the_records_say(many: Any) -> None:
    svg = many.page[many.page.index('aria-label="Loss by epoch') :]
    svg = svg[: svg.index("</svg>")]
    for epoch in many.run.epochs():
        assert f">{epoch.epoch}</text>" in svg
    heights, losses = [], []
    for name, variable in {
        "training": "seen",
        "remeasured": "remeasured",
        "validation": "validation",
    }.items():
        marks = re.findall(rf'<use [^>]*y="([\d.]+)" style="fill: var\(--{variable}\)', svg)
        assert len(marks) == 2
        heights += [float(y) for y in marks]
        losses += [getattr(epoch, f"{name}_loss") for epoch in many.run.epochs()]
    slope, base = np.polyfit(losses, heights, 1)
    assert slope < 0  # an SVG counts from the top
    assert np.allclose(np.polyval([slope, base], losses), heights, atol=1e-3)


def test_the_mistakes_are_the_splits_own_images(digits: Any, read: Read) -> None:
    page = read(digits.page)
    mistakes = digits.run.evaluations()["test"].mistakes
    pictures = page.pictures("Test image ")
    assert len(pictures) == min(24, len(mistakes))
    for picture, mistake in zip(pictures, mistakes, strict=False):
        assert np.array_equal(picture, digits.data.test.images[mistake.index, 0].numpy())
        assert f"{mistake.label} → {mistake.predicted}" in page.text
        assert f"#{mistake.index}" in page.text


def test_a_net_without_mistakes(digits: Any, tmp_path: Any, read: Read) -> None:
    run, _ = make_run(tmp_path / "run", digits.data, net="lenet5", epochs=0.3, recipe_name="lesson")
    for file in digits.run.path.iterdir():
        (run.path / file.name).write_bytes(file.read_bytes())
    evaluations = digits.run.evaluations()
    perfect = tuple(tuple(50 * (i == j) for j in range(10)) for i in range(10))
    test = dataclasses.replace(
        evaluations["test"],
        mistakes=(),
        accuracy=1.0,
        accuracy_interval=(0.99, 1.0),
        confusion=perfect,
        per_class=tuple(
            dataclasses.replace(one, precision=1.0, recall=1.0, f1=1.0) for one in evaluations["test"].per_class
        ),
    )
    run.write_evaluations(evaluations | {"test": test})
    text = read(run_page(run, digits.data, digits.net)).text
    assert "No mistakes: all 500 test images" in text
    assert "No image of the test split was taken for another class." in text


def test_the_filters_are_the_weights(digits: Any, read: Read) -> None:
    page = read(digits.page)
    weights = digits.net.features[0].weight.detach().numpy()[:, 0]
    pictures = page.pictures("")[-6:]
    scale = np.abs(weights).max()
    for picture, weight in zip(pictures, weights, strict=True):
        assert picture.shape == (5, 5, 4)
        assert np.allclose(picture[..., 3] / 255, np.abs(weight) / scale, atol=1 / 255)
        assert np.array_equal(picture[..., 0] > picture[..., 2], weight > 0)
    assert f"+{scale:.3f}" in page.text


def test_the_first_units_of_a_dense_net(hostile: Any, read: Read) -> None:
    page = read(hostile.page)
    assert "All 5 units of the first dense layer" in page.text
    assert page.pictures("")[-1].shape == (8, 8, 4)


def test_many_classes_and_colours(many: Any, read: Read) -> None:
    page = read(many.page)
    matrix = np.array(many.run.evaluations()["test"].confusion)
    off = matrix - np.diag(np.diag(matrix))
    rows = page.tables["Largest confusions on the test split"][1:]
    assert [int(row[2]) for row in rows] == sorted(off[off > 0].tolist(), reverse=True)[:25]
    true, called = (int(name[-2:]) for name in rows[0][:2])
    assert off[true, called] == off.max()
    assert "mid-gray is 0" in page.text
    assert page.pictures("")[-1].shape == (3, 3, 3)


def test_hostile_names_are_shown_as_they_are(hostile: Any, read: Read) -> None:
    page = read(hostile.page)
    rows = page.tables["Classes on the test split"][1:]
    assert [row[0] for row in rows] == list(hostile.data.classes)
    assert hostile.data.name in page.text
    assert "49" not in [row[0] for row in rows]


def test_where_the_data_came_from(hostile: Any, digits: Any, read: Read) -> None:
    text = read(hostile.page).text
    assert "npz: …/blots.npz" in text
    assert "…/blots.npz is not verified" in text
    assert "…/data/mnist_5k.csv.gz" in read(digits.page).text
    assert digits.data.sha256 in digits.page


def test_an_unfinished_run_has_no_page(digits: Any, tmp_path: Any) -> None:
    run, net = make_run(tmp_path / "run", digits.data, net="lenet5", epochs=1)
    with pytest.raises(UserError, match="not finished"):
        run_page(run, digits.data, net)


def test_calibration_in_words(digits: Any) -> None:
    evaluation = digits.run.evaluations()["test"]

    def words(sure: float, right: float, smoothing: float = 0.0) -> str:
        bins = (dataclasses.replace(evaluation.calibration[0], images=500, confidence=sure, accuracy=right),)
        made = dataclasses.replace(
            evaluation, calibration=bins, accuracy=right, accuracy_interval=(right - 0.02, right + 0.02)
        )
        return calibration_words(made, Training(label_smoothing=smoothing)).replace("\u00a0", " ")

    assert "over-confident by 9.0 points" in words(0.99, 0.9)
    assert "under-confident by 9.0 points." in words(0.8, 0.89)
    assert "Label smoothing (0.1)" in words(0.8, 0.89, 0.1)
    assert "neither over- nor under-confident" in words(0.91, 0.9)
