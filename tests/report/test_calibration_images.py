"""A column of the reliability diagram opens images of its bin, and says how many of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tests.report.conftest import Finished

from cnnlab.config import Training
from cnnlab.data.normalise import normalise
from cnnlab.report.run.calibration import Calibration, calibration


@pytest.fixture(scope="module")
def shown(digits: Finished) -> Calibration:
    return calibration(digits.run.evaluations()["test"], digits.data.test, Training())


@pytest.fixture(scope="module")
def answers(digits: Finished) -> tuple[np.ndarray, np.ndarray]:
    """Of every test image how sure the net is, and whether it is right, by the net itself."""
    test = digits.data.test
    with torch.no_grad():
        found = digits.net(normalise(test.images, digits.data.mean, digits.data.std)).double().softmax(dim=1).numpy()
    return found.max(axis=1), found.argmax(axis=1) == test.labels.numpy()


def test_a_column_opens_wrong_and_right_images_of_its_bin(
    shown: Calibration, answers: tuple[np.ndarray, np.ndarray]
) -> None:
    sure, right = answers
    seen = 0
    for each in shown.bins:
        here = (sure > each.figures.low) & (sure <= each.figures.high)
        wrong = np.flatnonzero(here & ~right)
        surest = wrong[np.argsort(-sure[wrong])][:2].tolist()
        of_wrong = [one for one in each.opens.shown if one.probability is not None]
        assert [one.index for one in of_wrong] == surest
        assert [one.probability for one in of_wrong] == pytest.approx(sure[surest].tolist())
        of_right = [one.index for one in each.opens.shown if one.probability is None]
        assert of_right == np.flatnonzero(here & right)[:1].tolist()
        counts = re.findall(r"(\d+) of (\d+) (wrong|right)", each.opens.says)
        wanted = [("wrong", len(of_wrong), len(wrong)), ("right", len(of_right), int((here & right).sum()))]
        assert [(kind, int(some), int(of)) for some, of, kind in counts] == wanted
        seen += int(here.sum())
    assert seen == len(sure), "every image lies in a column"


def test_columns_lie_over_their_bars(shown: Calibration) -> None:
    bars = re.findall(r'd="M ([\d.]+) 360\s*L ([\d.]+) 360', str(shown.chart))  # of the lower panel, from its axis
    ends = [(float(low), float(high)) for low, high in bars]
    for each in shown.bins:
        left, right = 3.8 * each.left, 3.8 * (each.left + each.width)  # the chart is 380 wide
        assert any(left - 0.1 <= low < high <= right and high - low > 0.9 * (right - left) for low, high in ends)


def test_a_run_of_before_shows_its_mistakes_alone(digits: Finished) -> None:
    evaluation = digits.run.evaluations()["test"]
    bins = tuple(dataclasses.replace(part, first_right=None) for part in evaluation.calibration)
    old = calibration(dataclasses.replace(evaluation, calibration=bins), digits.data.test, Training())
    assert all(one.probability is not None for each in old.bins for one in each.opens.shown)


def test_every_column_and_number_leads_to_its_images(
    digits: Finished, shown: Calibration, read: Callable[[str], Any]
) -> None:
    page = read(digits.page)
    leads = [link[1:] for link in page.attributes("href") if link.startswith("#sure-")]
    assert sorted(leads) == sorted(2 * [each.opens.id for each in shown.bins])
    assert set(leads) <= set(page.attributes("id"))


@pytest.mark.browser
def test_a_click_opens_a_column_and_a_key_closes_it(browser: Any, digits: Finished, tmp_path: Any) -> None:
    path = tmp_path / "report.html"
    path.write_text(digits.page)
    page = browser.new_page()
    page.goto(path.as_uri())
    page.locator(".columns a").last.click()
    opened = page.locator("#calibration .opened:visible")
    assert opened.count() == 1
    assert opened.locator("img").count() > 0
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(".opened:visible").count() == 0
    page.close()
