"""The pages as a browser sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cnnlab.anatomy import describe
from cnnlab.nets import ConvNet, LeNet5
from cnnlab.report.back import back_to
from cnnlab.report.net.page import anatomy_page

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 375, 1280])
@pytest.mark.parametrize("name", ["digits", "many", "hostile", "anatomy"])
def test_opens_quietly_and_fits(
    browser: Any, written: dict[str, Path], digits: Any, name: str, width: int, scheme: str
) -> None:
    if name == "anatomy":
        path = written["digits"].parent / "anatomy.html"
        image = digits.data.validation.images[0, 0].numpy() / 255
        anatomies = {"lenet5": describe(LeNet5()), "conv-net": describe(ConvNet(3, 32), (3, 32, 32))}
        path.write_text(anatomy_page(anatomies, image=image, image_name="mnist-5k", back=back_to("shapes")))
    else:
        path = written[name]
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert sum(url.startswith("file:") for url in asked) == 1
    assert said == []
    if name != "anatomy":
        assert page.evaluate("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(252, 252, 251)"
    assert light == (scheme == "light")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: Any, written: dict[str, Path], scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(written["digits"].as_uri())
    # The ratio of WCAG 2, of every text against the nearest opaque ground behind it, as the browser computed both.
    worst = page.evaluate(
        """() => {
          const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
          const rgba = color => {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data];
          };
          const luminance = ([r, g, b]) => {
            const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * x + 0.7152 * y + 0.0722 * z;
          };
          const ground = element => {
            for (let e = element; e; e = e.parentElement) {
              const color = rgba(getComputedStyle(e).backgroundColor);
              if (color[3] === 255) return color;
            }
            return [255, 255, 255];
          };
          let worst = [99, ''];
          for (const element of document.body.querySelectorAll('*')) {
            if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
            const style = getComputedStyle(element);
            const ink = rgba(element instanceof SVGElement ? style.fill : style.color);
            const [a, b] = [luminance(ink), luminance(ground(element))].sort((p, q) => q - p);
            const ratio = (a + 0.05) / (b + 0.05);
            if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 120)];
          }
          return worst;
        }"""
    )
    context.close()
    assert worst[0] >= 4.5, worst
