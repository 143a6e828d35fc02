"""The look's pages against the net itself, read back from the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.axe import findings

from cnnlab.data.normalise import normalise
from cnnlab.features.choosing import a_handful, by_index
from cnnlab.features.looking import look, look_at_layer
from cnnlab.report.look.page import layer_page, look_page

Read = Callable[[str], Any]


def _page(one: Any) -> str:
    mistakes = one.run.evaluations()["test"].mistakes
    chosen = a_handful(one.data.test, mistakes, classes=len(one.data.classes))
    return look_page(look(one.net, one.data, chosen, mistakes), one.run, report="../report.html")


def _layer(one: Any, name: str) -> str:
    return layer_page(look_at_layer(one.net, one.data, by_index(one.data.test, [3, 4]), name), one.run, report=None)


@pytest.fixture(scope="module")
def looks(digits: Any, many: Any, hostile: Any) -> dict[str, str]:
    """A convolutional net; three channels and 25 classes; a dense net with hostile names; one layer alone."""
    return {
        "digits": _page(digits),
        "many": _page(many),
        "hostile": _page(hostile),
        "layer": _layer(digits, "features.4"),
    }


@pytest.mark.parametrize("name", ["digits", "many", "hostile", "layer"])
class TestEveryPage:
    def test_loads_nothing_and_runs_nothing(self, looks: dict[str, str], read: Read, name: str) -> None:
        page = read(looks[name])
        names = {tag for tag, _ in page.tags}
        assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
        assert all(address.startswith("data:image/png;base64,") for address in page.attributes("src"))
        links = [address for address in page.attributes("href") if not address.startswith(("#", "data:image/png"))]
        assert links == ([] if name == "layer" else ["../report.html"])
        assert not any(attribute.startswith("on") for _, attributes in page.tags for attribute in attributes)
        policy = next(a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert "default-src 'none'" in policy

    def test_ids_are_unique_and_links_arrive(self, looks: dict[str, str], read: Read, name: str) -> None:
        page = read(looks[name])
        ids = page.attributes("id")
        assert len(ids) == len(set(ids))
        assert {address[1:] for address in page.attributes("href") if address.startswith("#")} <= set(ids)
        assert set(page.attributes("aria-labelledby")) <= set(ids)

    def test_pictures_and_tables_have_words(self, looks: dict[str, str], read: Read, name: str) -> None:
        page = read(looks[name])
        assert all("alt" in a for tag, a in page.tags if tag == "img")
        assert all(a.get("aria-label") for tag, a in page.tags if tag == "svg")
        assert "" not in page.tables

    def test_tells_nobody_of_this_machines_folders(self, looks: dict[str, str], name: str) -> None:
        assert "/home/" not in looks[name]
        assert "/tmp/" not in looks[name]


def test_the_maps_are_what_the_net_computes(digits: Any, looks: dict[str, str], read: Read) -> None:
    page = read(looks["digits"])
    mistakes = digits.run.evaluations()["test"].mistakes
    chosen = a_handful(digits.data.test, mistakes, classes=10)
    x = normalise(torch.stack([one.pixels for one in chosen]), digits.data.mean, digits.data.std)
    with torch.no_grad():
        maps = digits.net.features[:2](x).numpy()  # the first convolution and its ReLU: 6 channels, all shown
    pictures = page.pictures("Map of channel ")[: len(chosen) * 6]
    most = maps.max()
    for picture, values in zip(pictures, maps.reshape(-1, 28, 28), strict=True):
        np.testing.assert_allclose(picture[..., 3] / 255, values / most, atol=1 / 255)
    assert f"+{most:.2f}" in page.text


def test_the_filters_stand_over_their_maps(digits: Any, looks: dict[str, str], read: Read) -> None:
    page = read(looks["digits"])
    weights = digits.net.features[0].weight.detach().numpy()[:, 0]
    for picture, weight in zip(page.pictures("Filter of channel ")[:6], weights, strict=True):
        np.testing.assert_allclose(picture[..., 3] / 255, np.abs(weight) / np.abs(weights).max(), atol=1 / 255)


def _spaced(count: int) -> list[int]:
    """Five places from the first to the last, which for ten are 0, 2, 4, 7, 9."""
    return np.rint(np.linspace(0, count - 1, 5)).astype(int).tolist()


def test_right_ones_are_right_and_mistakes_are_the_surest(digits: Any) -> None:
    test, mistakes = digits.data.test, digits.run.evaluations()["test"].mistakes
    chosen = a_handful(test, mistakes, classes=10)
    with torch.no_grad():
        answers = digits.net(normalise(test.images, digits.data.mean, digits.data.std)).softmax(dim=1)
    sure, called = answers.max(dim=1)
    numbers = [int(one.name.split()[-1]) for one in chosen]
    assert all(called[number] == test.labels[number] for number in numbers[:5])
    known = [class_ for class_ in range(10) if (called[test.labels == class_] == class_).any()]
    assert [int(test.labels[number]) for number in numbers[:5]] == [known[i] for i in _spaced(len(known))]
    wrong = (called != test.labels).nonzero().flatten()
    assert numbers[5:] == wrong[sure[wrong].argsort(descending=True)][:3].tolist()
    for one, number in zip(chosen, numbers, strict=True):
        assert torch.equal(one.pixels, test.images[number])


def test_activity_is_that_of_the_validation_images(digits: Any, looks: dict[str, str], read: Read) -> None:
    rows = read(looks["digits"]).tables["Activity of each layer"]
    validation = digits.data.validation
    with torch.no_grad():
        values = digits.net.features[:2](normalise(validation.images, digits.data.mean, digits.data.std)).numpy()
    row = next(row for row in rows if row[0].startswith("features.1"))
    assert row[1] == "6×28×28"
    assert float(row[2]) == pytest.approx(values.mean(), abs=6e-4)
    assert float(row[3]) == pytest.approx(values.std(), abs=6e-4)
    assert row[6] == f"{100 * (values == 0).mean():.1f} %"
    assert row[7] == f"{int((values == 0).all(axis=(0, 2, 3)).sum())} of 6"


def test_every_mistake_of_the_embedding_can_be_reached(digits: Any, looks: dict[str, str], read: Read) -> None:
    page = read(looks["digits"])
    test = digits.data.test
    with torch.no_grad():
        called = digits.net(normalise(test.images, digits.data.mean, digits.data.std)).argmax(dim=1)
    wrong = {f"mistake-{index}" for index in (called != test.labels).nonzero().flatten().tolist()}
    crosses = [a["href"][1:] for tag, a in page.tags if tag == "a" and a.get("class") == "wrong"]
    assert set(crosses) == wrong
    assert len(crosses) == 2 * len(wrong), "in PCA and in t-SNE"
    points = sum(tag == "circle" and a.get("class", "").startswith("c") for tag, a in page.tags)
    assert points == 2 * (500 - len(wrong))


def test_what_a_unit_sees_is_its_receptive_field(looks: dict[str, str], read: Read) -> None:
    assert "A unit here depends on 5×5 of the image's 28×28 pixels" in read(looks["digits"]).text
    assert "A unit here depends on 14×14 of the image's 28×28 pixels" in read(looks["digits"]).text


def test_a_dense_net_shows_weights_and_says_what_is_missing(hostile: Any, looks: dict[str, str], read: Read) -> None:
    page = read(looks["hostile"])
    assert "There are no maps" in page.text
    assert "this net has none" in page.text
    assert page.pictures("Map of channel ") == []
    weights = hostile.net.layers[1].weight.detach().numpy().reshape(5, 8, 8)
    for picture, weight in zip(page.pictures("Weights of unit "), weights, strict=True):
        np.testing.assert_allclose(picture[..., 3] / 255, np.abs(weight) / np.abs(weights).max(), atol=1 / 255)
    assert page.tables["layers.4: a column for each unit, a row for each image"][0][1:] == list(hostile.data.classes)


def test_colours_stay_colours(many: Any, looks: dict[str, str], read: Read) -> None:
    picture = read(looks["many"]).pictures("test image ")[0]
    assert picture.shape == (8, 8, 3)
    assert any(np.array_equal(picture, image.permute(1, 2, 0).numpy()) for image in many.data.test.images)


def test_one_layer_in_full(digits: Any, looks: dict[str, str], read: Read) -> None:
    page = read(looks["layer"])
    assert len(page.pictures("Map of channel ")) == 2 * 16
    assert len(page.tables["Activity of each unit"]) == 1 + 16
    assert "test image 3" in page.text
    boxes = re.findall(r'<rect class="box" x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', looks["layer"])
    assert len(boxes) == 16 * 5
    assert all(int(width) <= 14 and int(height) <= 14 for _, _, width, height in boxes), "14×14 pixels at most"


def test_the_same_run_gives_the_same_bytes(hostile: Any, looks: dict[str, str]) -> None:
    assert _page(hostile) == looks["hostile"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("name", ["digits", "many", "hostile", "layer"])
def test_opens_quietly_and_fits(
    browser: Any, looks: dict[str, str], tmp_path: Path, name: str, width: int, scheme: str
) -> None:
    (tmp_path / "page.html").write_text(looks[name])
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert sum(not url.startswith("data:") for url in asked) == 1
    assert said == []
    assert page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["digits", "many", "hostile", "layer"])
def test_axe_finds_nothing(browser: Any, looks: dict[str, str], tmp_path: Path, name: str) -> None:
    (tmp_path / "page.html").write_text(looks[name])
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert findings(page) == []
    page.close()


@pytest.mark.browser
def test_a_mistake_shows_its_picture_by_keyboard(browser: Any, looks: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(looks["digits"])
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    cross = page.locator(".scatter .wrong").first
    picture = cross.locator(".thumbnail")
    assert not picture.is_visible()
    cross.focus()
    assert picture.is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash").startswith("#mistake-")
    page.close()
