"""A cell of the confusion matrix opens images that are in that cell, and says how many of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.report.conftest import Finished

from cnnlab.data.normalise import normalise
from cnnlab.report.run.confusion import RIGHT_SHOWN, WRONG_SHOWN, confusion


def cells(digits: Finished) -> dict[tuple[int, int], list[int]]:
    """(class, what the net calls it) → images of the test split, by the net itself."""
    test = digits.data.test
    with torch.no_grad():
        called = digits.net(normalise(test.images, digits.data.mean, digits.data.std)).argmax(dim=1)
    found: dict[tuple[int, int], list[int]] = {}
    for index, pair in enumerate(zip(test.labels.tolist(), called.tolist(), strict=True)):
        found.setdefault(pair, []).append(index)
    return found


def test_a_cell_opens_images_that_the_net_called_so(digits: Finished) -> None:
    shown = confusion(digits.run.evaluations()["test"], digits.data.test)
    expected = cells(digits)
    assert {each.id for each in shown.opened} == {f"images-{i}-{j}" for i, j in expected}
    for each in shown.opened:
        i, j = map(int, re.findall(r"\d+", each.id))
        assert each.images == len(expected[i, j])
        assert len(each.shown) == min(each.images, RIGHT_SHOWN if i == j else WRONG_SHOWN)
        assert {one.index for one in each.shown} <= set(expected[i, j])
        sure = [one.probability for one in each.shown]
        assert sure == ([None] * len(sure) if i == j else sorted(sure, reverse=True))


def test_every_number_leads_to_its_images_and_empty_cells_nowhere(digits: Finished, read: Callable[[str], Any]) -> None:
    page = read(digits.page)
    leads = [link for link in page.attributes("href") if link.startswith("#images-")]
    assert sorted(leads) == sorted(f"#images-{i}-{j}" for i, j in cells(digits))
    assert {link[1:] for link in leads} <= set(page.attributes("id"))
    pictures = page.pictures("Number ")
    assert all(any(np.array_equal(one, image[0]) for image in digits.data.test.images.numpy()) for one in pictures)


@pytest.mark.browser
def test_a_key_opens_a_cell_and_closes_it(browser: Any, digits: Finished, tmp_path: Any) -> None:
    path = tmp_path / "report.html"
    path.write_text(digits.page)
    (i, j) = next(pair for pair in cells(digits) if pair[0] == pair[1])
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert page.locator(".opened:visible").count() == 0
    page.locator(f"a[href='#images-{i}-{j}']").focus()
    page.keyboard.press("Enter")
    opened = page.locator(f"#images-{i}-{j}")
    assert opened.is_visible()
    assert page.locator(".opened:visible").count() == 1
    assert opened.locator("img").count() > 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Close"
    page.keyboard.press("Enter")
    assert page.locator(".opened:visible").count() == 0
    page.emulate_media(media="print")
    assert page.locator("#confusion .opened:visible").count() == len(cells(digits))
    assert page.locator("details table").first.evaluate("each => each.checkVisibility({ contentVisibilityAuto: true })")
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
