"""Numbers of any size, none at all, and equal ones: the page writes and tells them as they are."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.explorer.bare_pages import bare_page
from tests.explorer.test_explorer_in_chromium import number, opened
from tests.explorer.test_explorer_page import Limited
from tests.explorer.test_stage_in_chromium import until
from torch import Tensor, nn

pytestmark = pytest.mark.browser


def test_infinite_limits_and_weights_that_are_no_numbers_come_up(browser: Any, tmp_path: Path) -> None:
    with opened(browser, bare_page(Limited(weight=0.5), tmp_path / "page.html"), "image=0") as page:
        assert page.evaluate("explorer.checked.then(found => found.deviation)") < 1e-4
        assert page.evaluate("explorer.net.byName.get('lower').operation.min_val === -Infinity")
        assert "NaN" not in page.inner_text("#check")
    with opened(browser, bare_page(Limited(), tmp_path / "page.html"), "image=0") as page:
        assert page.inner_text("#check").endswith(
            "Limited holds weights that are infinite or no numbers (NaN): head (1)."
        )
        assert page.evaluate("explorer.checked.then(found => found.deviation)") < 1e-4, "NaN where PyTorch has NaN"
        assert page.inner_text("#image-name").endswith("the net says NaN, which is no number")
        page.evaluate("explorer.state.set({ layer: 'head', unit: [0, 0, 0] })")
        assert page.inner_text("#worked") == "NaN"


def test_a_deviation_that_is_no_number_stays(browser: Any, tmp_path: Path) -> None:
    with opened(browser, bare_page(Limited(weight=0.5), tmp_path / "page.html"), "image=0") as page:
        found = page.evaluate(
            """() => {
              explorer.net.byName.get('conv').operation.weight.values[0] = NaN;
              return explorer.check();
            }"""
        )
        assert found["deviation"] == float("inf")
        assert found["layer"] == "conv"


class Flat(nn.Module):
    """One convolution of chosen weights, then pools."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        side = round(len(weights) ** 0.5)
        self.conv = nn.Conv2d(1, 1, side, bias=False)
        self.conv.weight = nn.Parameter(torch.tensor(weights).view(1, 1, side, side))
        self.most, self.mean = nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(1, 10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mean(self.most(self.conv(x))).flatten(1))


@pytest.mark.parametrize("largest", [1e-12, 1e-7, 0.02, 0.34, 3.0, 123.45, 10_000.0, 98_765.0, 3.2e9])
@pytest.mark.parametrize("width", [1366, 390])
def test_numbers_of_any_size_lie_apart_in_their_grid(browser: Any, tmp_path: Path, largest: float, width: int) -> None:
    weights = [-largest, -largest * 0.9876, -largest / 3, largest, -1e-7, 0.0, -largest, -largest, largest]
    path = bare_page(
        Flat(weights).eval(), tmp_path / "page.html", images=torch.full((1, 1, 8, 8), 255, dtype=torch.uint8)
    )
    with opened(browser, path, "image=0&layer=conv&unit=0.2.2", viewport={"width": width, "height": 800}) as page:
        for grid in page.locator("#unit .patch .grid").all():
            cells = grid.evaluate(
                """grid => [...grid.children].map(cell => {
                  const range = document.createRange();
                  range.selectNodeContents(cell);
                  const { left, right } = range.getBoundingClientRect();
                  const { title, textContent: text, offsetTop: top } = cell;
                  return { left, right, top, title, text, fits: cell.scrollWidth <= cell.clientWidth };
                })"""
            )
            assert len(cells) == 9
            for before, cell in pairwise(cells):
                assert cell["top"] > before["top"] or cell["left"] - before["right"] > 3, (before, cell)
            assert all(cell["fits"] and len(cell["text"]) <= 8 for cell in cells), cells
            most = max(abs(number(cell["title"])) for cell in cells)
            for cell in cells:
                assert number(cell["text"]) == pytest.approx(number(cell["title"]), abs=0.06 * most)


def test_ties_are_told_as_ties(browser: Any, tmp_path: Path) -> None:
    images = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    images[1, 0, 2:4, 3] = 255  # two of a window's four are equal and largest
    path = bare_page(Flat([1.0]).eval(), tmp_path / "page.html", images=images)
    says = "document.querySelector('#unit .formula p').textContent"
    with opened(browser, path, "image=0&layer=most&unit=0.1.1") as page:
        expected = "The first counts, as PyTorch takes it: it lies in row 2, column 2 of map 0."
        until(page, f"{says} === 'All 4 are equal. {expected}'")
        page.evaluate("explorer.state.set({ image: 1 })")
        expected = "The first counts, as PyTorch takes it: it lies in row 2, column 3 of map 0."
        until(page, f"{says} === '2 of 4 share the largest value. {expected}'")
        _, place = nn.functional.max_pool2d(images[1].float(), 2, return_indices=True)
        assert place[0, 1, 1] == 2 * 8 + 3
        # Logits that are all alike, as those of a net whose last layer is silent.
        page.evaluate("explorer.net.byName.get('head').operation.weight.values.fill(0)")
        page.evaluate("explorer.state.set({ image: 0, layer: '.softmax', unit: [0, 0, 0] })")
        until(page, "document.querySelector('#unit').innerText.includes(', which 10 share, is taken')")
        page.evaluate("explorer.state.set({ layer: 'head', unit: [0, 0, 0] })")
        until(page, "document.querySelector('#unit').innerText.includes('All products are 0.')")
        assert json.loads(page.evaluate("JSON.stringify([...explorer.net.probabilities])")) == pytest.approx([0.1] * 10)
