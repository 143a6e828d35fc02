"""The window in the reader's hand: the sum and the map are a cross-correlation, by pointer, keys and sliders alike."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate2d

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence

pytestmark = pytest.mark.browser


def said(page: Any) -> tuple[int, int, float, float]:
    """Row, column, what the terms add up to by our own arithmetic, and what the page says they do."""
    text = page.locator(".by-hand output").text_content()
    found = re.fullmatch(r"Row (\d+), column (\d+): (.*) = (\S+)", text)
    terms = [part.replace("(", "").replace(")", "").split("·") for part in found[3].replace("−", "-").split(" + ")]
    added = sum(float(pixel) * float(weight) for pixel, weight in terms)
    return int(found[1]), int(found[2]), added, float(found[4].replace("−", "-"))


def test_the_sum_is_the_cross_correlation_wherever_the_window_is_moved(browser: Any, evidence: Evidence) -> None:
    path = evidence.folder / CHAPTERS[1].file
    (record,) = re.findall(r'data-sliding="([^"]*)"', path.read_text())
    given = json.loads(unescape(record))
    image, kernel = np.array(given["image"]), np.array(given["kernel"])
    context = browser.new_context(viewport={"width": 900, "height": 900}, has_touch=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(path.as_uri())

    def agrees(weights: np.ndarray) -> tuple[int, int]:
        expected = correlate2d(image, weights, mode="valid")
        row, column, added, value = said(page)
        assert value == pytest.approx(expected[row, column], abs=2e-3)
        assert added == pytest.approx(value, abs=2e-3)
        return row, column

    assert page.locator(".by-hand").is_hidden()  # it would work out the question beside it
    page.locator("#q-one-sum").get_by_role("button", name="Show without an answer").click()
    row, column = agrees(kernel)
    canvas = page.locator(".by-hand canvas").first
    canvas.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert agrees(kernel) == (row + 1, column - 1)
    box = canvas.bounding_box()
    cell = box["width"] / image.shape[1]
    page.mouse.move(box["x"] + 2.5 * cell, box["y"] + 3.5 * cell)
    page.mouse.down()
    assert agrees(kernel) == (2, 1)
    page.mouse.move(box["x"] + 5.5 * cell, box["y"] + 6.5 * cell)
    page.mouse.up()
    assert agrees(kernel) == (5, 4)
    page.touchscreen.tap(box["x"] + 1, box["y"] + 1)
    assert agrees(kernel) == (0, 0)  # at the edge it stays inside
    page.get_by_label("Row", exact=True).fill("3")
    assert agrees(kernel) == (3, 0)
    page.get_by_label("Weight at row 1, column 2").fill("-2.5")
    kernel[1, 2] = -2.5
    agrees(kernel)
    page.get_by_label("Kernel").select_option("level edges")
    agrees(np.array([[-1, -1, -1], [0, 0, 0], [1, 1, 1]]))
    context.close()
    assert errors == []


def test_without_scripts_the_drawing_stands_alone(browser: Any, evidence: Evidence) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((evidence.folder / CHAPTERS[1].file).as_uri())
    assert page.locator(".by-hand").is_hidden()
    assert page.locator("svg.cnnlab-slide").first.is_visible()
    context.close()
