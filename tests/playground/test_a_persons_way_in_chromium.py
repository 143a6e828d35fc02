"""A person's way, with a mouse: draw, train, open a weight, teach, save; and PyTorch reads what was saved."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnlab.runs import open_run

pytestmark = pytest.mark.browser

#: Digits as strokes over the sheet, in shares of it.
SEVEN = [[(0.3, 0.25), (0.7, 0.25), (0.45, 0.8)]]
FOUR = [[(0.35, 0.2), (0.3, 0.55), (0.7, 0.55)], [(0.62, 0.2), (0.6, 0.85)]]


def until(page: Any, expression: str) -> None:
    end = time.monotonic() + 90
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"after a minute and a half still not: {expression}"
        page.wait_for_timeout(50)


def draw(page: Any, strokes: list[list[tuple[float, float]]], *, by: float = 0.0) -> None:
    box = page.locator("#sheet").bounding_box()
    for stroke in strokes:
        places = [(box["x"] + (x + by) * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=6)
        page.mouse.up()


def test_from_an_empty_sheet_to_a_file_that_evaluate_reads(
    browser: Any, cnnlab: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "playground.html"
    assert cnnlab("playground", "lenet5", "--out", path, "--no-open").code == 0
    context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    page = context.new_page()
    raised: list[str] = []
    page.on("pageerror", lambda error: raised.append(str(error)))
    page.goto(path.as_uri())
    until(page, "globalThis.playground?.learning.trainer")

    draw(page, SEVEN)
    assert "your own image" in page.inner_text("#image-name")
    before = page.inner_text("#answers")
    page.click("#play")
    until(page, "parseFloat(document.querySelector('[data-figure=validation]').innerText) >= 90")
    page.click("#play")
    until(page, "!playground.learning.trainer.isPlaying")
    until(page, "playground.learning.trainer.steps === Number(document.querySelector('[data-figure=steps]').innerText)")
    assert page.inner_text("#answers") != before
    off = page.evaluate("[...document.querySelectorAll('#proof [data-step]')].map(({ dataset }) => +dataset.value)")
    assert max(off[:2]) < 1e-4

    page.click("#filters", position={"x": 5, "y": 5})
    until(page, "document.querySelector('#weight [data-quotient]')")
    assert "to map 0 from the image, row 0, column 0" in page.inner_text("#weight .weight-where")
    numbers = (
        "['gradient', 'quotient'].map(key => Number(document.querySelector(`#weight [data-${key}]`).dataset[key]))"
    )
    gradient, quotient = page.evaluate(numbers)
    assert gradient != 0
    if page.locator("#weight .kink").count() == 0:
        assert quotient == pytest.approx(gradient, rel=1e-4, abs=1e-8)
    page.locator("#weight").get_by_role("button", name="Close").click()

    page.click("#teaching > summary")
    teaching = page.locator("#teaching")
    for place in (-0.1, -0.05, 0.0, 0.05, 0.1):
        page.evaluate("scrollTo(0, 0)")
        draw(page, FOUR, by=place)
        teaching.get_by_role("button", name="keep the drawing as 4").click()
    teaching.get_by_label("epochs").select_option("1")
    teaching.get_by_role("button", name="Teach it these").click()
    until(page, "document.querySelector('#teaching').innerText.includes('Your 5 images:')")
    assert teaching.locator(".kept").count() == 5

    page.click("#recording > summary")
    page.get_by_role("button", name="Open the test images").click()
    until(page, "document.body.innerText.includes('test images right')")
    said = re.search(r"([\d,]+) of 500 test images right", page.inner_text("body"))
    page.click("#saving > summary")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the weights").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    shown = page.inner_text("[data-figure=validation]")
    context.close()
    assert raised == []

    assert saved.name == "lenet5.safetensors"
    test = cnnlab("evaluate", saved, "--json").result
    assert said
    assert round(test["accuracy"] * test["images"]) == int(said[1])
    validation = cnnlab("evaluate", saved, "--split", "validation", "--json").result
    assert f"{100 * validation['accuracy']:.1f} %" == shown
    assert "5 images of its reader's" in " ".join(open_run(saved).config.data.notes)
