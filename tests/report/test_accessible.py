"""axe-core finds nothing on the pages of runs and nets, and would find something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.axe import findings

from cnnlab.anatomy import describe
from cnnlab.nets import ConvNet, LeNet5
from cnnlab.report.back import back_to
from cnnlab.report.net.page import anatomy_page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["digits", "many", "hostile"])
def test_a_run_s_page(browser: Any, written: dict[str, Path], name: str) -> None:
    page = browser.new_page()
    page.goto(written[name].as_uri())
    assert findings(page) == []
    page.close()


def test_the_anatomy_page(browser: Any, digits: Any, tmp_path: Path) -> None:
    image = digits.data.validation.images[0, 0].numpy() / 255
    anatomies = {"lenet5": describe(LeNet5()), "conv-net": describe(ConvNet(3, 32), (3, 32, 32))}
    path = tmp_path / "anatomy.html"
    path.write_text(anatomy_page(anatomies, image=image, image_name="mnist-5k", back=back_to("shapes")))
    page = browser.new_page()
    page.goto(path.as_uri())
    assert findings(page) == []
    page.close()


def test_what_is_wrong_in_the_dark_or_on_a_phone_is_found(browser: Any) -> None:
    page = browser.new_page()
    page.set_content(
        """<!doctype html><html lang="en"><title>t</title><style>
        body { background: #fff; color: #000 } input { display: none }
        @media (prefers-color-scheme: dark) { body { background: #111; color: #444 } }
        @media (max-width: 400px) { input { display: inline } }
        </style><main><h1>Grey on black</h1><input></main>"""
    )
    assert [line.split(": ")[:2] for line in findings(page)] == [
        ["dark, 390 px", "color-contrast"],
        ["dark, 390 px", "label"],
    ]
    page.close()
