"""The explorer's main path in a second browser: the same values, drawing, and a unit by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.explorer.test_explorer_in_chromium import by_hooks, page_values

from cnnlab.data.normalise import normalise

pytestmark = pytest.mark.browser

READY = "window.explorer"


def test_every_layer_is_pytorch_s_to_1e_4(firefox: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with firefox.opened(made.page) as page:
        page.wait_for(READY)
        assert 0 < page.evaluate("explorer.checked.then(() => explorer.check()).then(found => found.deviation)") < 1e-4
        for pixels in made.data.test.images[:3]:
            expected = by_hooks(made.net, normalise(pixels[None], made.data.mean, made.data.std))
            found = page_values(page, pixels)
            for layer in (layer for layer in expected if layer != "answer"):
                largest = np.abs(expected[layer]).max() or 1
                assert np.abs(found[layer] - expected[layer]).max() / largest < 1e-4, layer


def test_drawing_changes_the_answer_to_pytorch_s(firefox: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with firefox.opened(made.page, "image=0") as page:
        page.wait_for(READY)
        before = page.evaluate("[...explorer.net.probabilities]")
        page.mouse(page.point("#clear"))
        page.wait_for("Math.max(...explorer.net.pixels) === 0")
        page.mouse(*(page.point("#sheet", 0.5, down) for down in np.linspace(0.2, 0.8, 20)))
        page.wait_for("explorer.net.pixels.filter(value => value > 127).length > 20")
        pixels = torch.tensor(page.evaluate("[...explorer.net.pixels]"), dtype=torch.uint8).view(1, 1, 28, 28)
        with torch.no_grad():
            expected = made.net(normalise(pixels, made.data.mean, made.data.std)).softmax(dim=1)[0]
        answer = page.evaluate("[...explorer.net.probabilities]")
        np.testing.assert_allclose(answer, expected, atol=1e-4)
        assert np.abs(np.subtract(answer, before)).max() > 0.01


def test_a_unit_opens_by_mouse_and_by_keyboard(firefox: Any, explored: Callable[..., Any]) -> None:
    with firefox.opened(explored("lenet5").page, "image=0") as page:
        page.wait_for(READY)
        page.mouse(page.point('[data-block="Conv 1"] .maps', 0.1, 0.2))
        page.wait_for("explorer.state.choice.layer === 'features.1'")
        assert "features.1 ReLU" in page.text("#unit-title")
        for _ in range(3):
            page.press("Escape")
        page.wait_for("explorer.state.choice.layer === null")
        page.evaluate("""document.querySelector('[data-block="Conv 2"] .maps').focus()""")
        page.press("ArrowRight")
        page.press("Enter")
        page.wait_for("explorer.state.choice.layer === 'features.4'")
        assert page.evaluate("explorer.state.choice.unit")[1:] == [5, 5]
        assert "features.4 ReLU" in page.text("#unit-title")


def test_an_error_of_a_page_is_heard(firefox: Any, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!doctype html><title>t</title><script>nobody()</script>")
    with pytest.raises(AssertionError, match="nobody is not defined"), firefox.opened(tmp_path / "page.html"):
        pass
