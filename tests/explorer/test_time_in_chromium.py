"""The time slider: every kept moment is the net that PyTorch has with that moment's weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.explorer.test_explorer_in_chromium import by_hooks, opened, page_values

from cnnlab.data.normalise import normalise
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.runs.checkpoints import read_checkpoints

pytestmark = pytest.mark.browser

SLIDER = "input[aria-label='moment of training']"


@pytest.mark.parametrize("name", ["lenet5", "simple-cnn", "branching", "mlp"])
def test_every_moment_is_pytorch_s(browser: Any, explored: Callable[..., Any], name: str) -> None:
    made = explored(name)
    checkpoints = read_checkpoints(made.run)
    image = made.data.test.images[7]
    with opened(browser, made.page) as page:
        finished = page_values(page, image)
        for at, checkpoint in enumerate(checkpoints):
            then = copy.deepcopy(made.net)
            then.load_state_dict(checkpoint.weights)
            expected = by_hooks(then.eval(), normalise(image[None], made.data.mean, made.data.std))
            page.locator(SLIDER).fill(str(at))
            found = page_values(page, image)
            for layer in (layer for layer in expected if layer in found):
                largest = np.abs(expected[layer]).max() or 1
                assert np.abs(found[layer] - expected[layer]).max() / largest < 1e-4, (at, layer)
        page.locator(SLIDER).fill(str(len(checkpoints)))
        for layer, values in page_values(page, image).items():
            assert np.array_equal(values, finished[layer]), "the finished net is back, bit for bit"
        assert page.evaluate("explorer.check().then(found => found.deviation)") < 1e-4


def test_a_moment_says_its_step_and_its_validation_accuracy(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("lenet5")
    checkpoint = read_checkpoints(made.run)[3]
    then = copy.deepcopy(made.net)
    then.load_state_dict(checkpoint.weights)
    images = made.data.validation.images
    with torch.no_grad():
        answers = then.eval()(normalise(images, made.data.mean, made.data.std))
    accuracy = (answers.argmax(dim=1) == made.data.validation.labels).float().mean()
    with opened(browser, made.page) as page:
        page.locator(SLIDER).fill("3")
        says = page.inner_text("#time")
        assert f"after {checkpoint.step} of {checkpoint.total_steps} steps" in says
        assert f"{accuracy:.1%} of {len(images)} validation images".replace("%", " %") in says


def test_the_keyboard_the_link_and_the_film_lead_through_time(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page) as page:
        finished = page.evaluate("[...explorer.net.output.values]")
        page.focus(SLIDER)
        page.keyboard.press("Home")
        assert page.inner_text("#time").strip().endswith("validation images")
        assert "before training" in page.inner_text("#time")
        page.wait_for_timeout(400)
        fragment = page.evaluate("location.hash.slice(1)")
        assert "time=0" in fragment
        start = page.evaluate("[...explorer.net.output.values]")
        assert start != finished
        page.locator("#forming > summary").click()
        rows = page.locator("#forming .film-row")
        rows.first.wait_for()
        last = len(read_checkpoints(made.run))
        assert rows.count() == last + 1
        assert rows.nth(0).get_attribute("aria-pressed") == "true"
        rows.nth(last).click()
        assert page.evaluate("[...explorer.net.output.values]") == finished
    with opened(browser, made.page, fragment) as page:
        assert page.evaluate("[...explorer.net.output.values]") == start


def test_the_film_s_filters_are_the_weights(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("lenet5")
    weights = read_checkpoints(made.run)[0].weights["features.0.weight"]  # (6, 1, 5, 5)
    with opened(browser, made.page) as page:
        page.locator("#forming > summary").click()
        page.locator("#forming canvas").first.wait_for()
        painted = page.evaluate(
            """() => {
              const canvas = document.querySelector('#forming canvas');
              const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
              return { width: canvas.width, data: [...data] };
            }"""
        )
    pixels = np.array(painted["data"]).reshape(5, painted["width"], 4)
    warm = np.stack([pixels[:, 6 * k : 6 * k + 5, 0] > pixels[:, 6 * k : 6 * k + 5, 2] for k in range(6)])
    clear = (weights.abs() > 0.1 * weights.abs().max())[:, 0].numpy()
    assert np.array_equal(warm[clear], (weights > 0)[:, 0].numpy()[clear]), "orange above 0, blue below"


def test_a_run_without_moments_has_no_slider(browser: Any, explored: Callable[..., Any], tmp_path: Path) -> None:
    made = explored("lenet5")
    kept = made.run.path / "checkpoints"
    kept.rename(tmp_path / "away")
    try:
        page_path = tmp_path / "page.html"
        page_path.write_text(explorer_page([ExploredRun(made.run, made.net)], made.data).html)
    finally:
        (tmp_path / "away").rename(kept)
    with opened(browser, page_path) as page:
        assert not page.locator("#time").is_visible()
        assert not page.locator("#forming").is_visible()
