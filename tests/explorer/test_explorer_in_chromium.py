"""The explorer as a browser runs it: every layer against PyTorch, drawing, and a unit taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.anatomy import describe
from cnnlab.data.normalise import normalise
from cnnlab.explorer import ExploredRun, explorer_page

pytestmark = pytest.mark.browser

FOUR = ["lenet5", "simple-cnn", "branching", "mlp"]


@contextmanager
def opened(browser: Any, path: Path, fragment: str = "", **context: Any) -> Iterator[Any]:
    """The page in the browser; at its end, that it said nothing and asked for nothing."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | context))
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(20_000)
    try:
        page.goto(f"{path.as_uri()}#{fragment}")
        page.wait_for_selector("#check b")
        yield page
    finally:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(path.as_uri())] == []


def page_values(page: Any, pixels: torch.Tensor) -> dict[str, np.ndarray]:
    """Every layer's values in the page for one image."""
    values = page.evaluate(
        """pixels => {
          explorer.net.pixels.set(pixels);
          explorer.net.run();
          return Object.fromEntries(explorer.net.layers.map(layer => [layer.name, [...layer.values]]));
        }""",
        pixels.flatten().tolist(),
    )
    return {name: np.array(each) for name, each in values.items()}


def by_hooks(net: nn.Module, image: torch.Tensor) -> dict[str, np.ndarray]:
    """What PyTorch's own modules answer for one normalised image (1, C, H, W)."""
    seen: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(
            lambda _m, _i, out, path=path: seen.__setitem__(path, out.flatten().clone().numpy())
        )
        for path, module in net.named_modules()
        if not list(module.children())
    ]
    with torch.no_grad():
        seen["answer"] = net(image).flatten().numpy()
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("name", FOUR)
def test_every_layer_is_pytorch_s_to_1e_4(browser: Any, explored: Callable[..., Any], name: str) -> None:
    made = explored(name)
    noise = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)
    with opened(browser, made.page) as page:
        for pixels in [*made.data.test.images[:4], noise]:
            expected = by_hooks(made.net, normalise(pixels[None], made.data.mean, made.data.std))
            found = page_values(page, pixels)
            compared = [layer for layer in expected if layer in found]
            assert set(expected) - {"answer"} == set(compared)
            for layer in compared:
                largest = np.abs(expected[layer]).max() or 1
                assert np.abs(found[layer] - expected[layer]).max() / largest < 1e-4, layer
            output = page.evaluate("explorer.net.output.name")
            np.testing.assert_allclose(found[output], expected["answer"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", FOUR)
def test_page_says_its_largest_deviation(browser: Any, explored: Callable[..., Any], name: str) -> None:
    with opened(browser, explored(name).page) as page:
        deviation = float(page.locator("#check b").get_attribute("data-value"))
        assert 0 < deviation < 1e-4
        # A weight that is not PyTorch's is noticed.
        worse = page.evaluate(
            """async () => {
              explorer.net.layers.find(layer => layer.operation.weight).operation.weight.values[0] += 0.5;
              explorer.net.rebuild();
              return (await explorer.check()).deviation;
            }"""
        )
        assert worse > 1e-4


@pytest.mark.parametrize("has_touch", [False, True])
def test_a_drawn_digit_is_read(browser: Any, explored: Callable[..., Any], has_touch: bool) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page, has_touch=has_touch) as page:
        page.click("#clear")
        assert page.evaluate("Math.max(...explorer.net.pixels)") == 0
        frame = page.locator("#sheet").bounding_box()

        def at(x: float, y: float) -> tuple[float, float]:
            return frame["x"] + x / 28 * frame["width"], frame["y"] + y / 28 * frame["height"]

        if has_touch:
            touch = page.context.new_cdp_session(page)
            before = page.evaluate("scrollY")
            for i in range(25):
                x, y = at(14, 5 + 18 * i / 24)
                kind = "touchStart" if i == 0 else "touchMove"
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
            assert page.evaluate("scrollY") == before, "a stroke does not scroll the page"
        else:
            page.mouse.move(*at(14, 5))
            page.mouse.down()
            page.mouse.move(*at(14, 23), steps=24)
            page.mouse.up()
        page.wait_for_function("document.querySelector('#image-name').textContent.includes('your own image')")
        pixels = torch.tensor(page.evaluate("[...explorer.net.pixels]"), dtype=torch.uint8).view(1, 1, 28, 28)
        assert 20 < int((pixels > 127).sum()) < 120, "a stroke about two pixels wide"
        with torch.no_grad():
            answer = made.net(normalise(pixels, made.data.mean, made.data.std)).softmax(dim=1)[0]
        best = int(answer.argmax())
        row = page.locator("#answers .best")
        assert row.locator(".class").inner_text() == made.data.classes[best]
        assert float(row.locator(".number").inner_text().rstrip(" %").lstrip("> ")) == pytest.approx(
            100 * float(answer[best]), abs=0.11
        )


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("+", ""))


@pytest.mark.parametrize("layer", ["features.0", "features.4"])
def test_products_shown_add_up_to_the_value_shown(browser: Any, explored: Callable[..., Any], layer: str) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page, "image=0") as page:
        maps = page.locator(f'[data-layer="{layer}"] .maps')
        maps.scroll_into_view_if_needed()
        frame = maps.bounding_box()
        page.mouse.click(frame["x"] + 12, frame["y"] + 14)
        chosen = page.evaluate("explorer.state.choice")
        assert chosen["layer"] == layer
        channel, row, column = chosen["unit"]
        module = made.net.get_submodule(layer)
        products = [float(cell.get_attribute("data-value")) for cell in page.locator("#unit .products span").all()]
        assert len(products) == module.weight[0].numel()
        shown = [number(cell.inner_text()) for cell in page.locator("#unit .products span").all()]
        np.testing.assert_allclose(shown, products, atol=0.00501)
        value = number(page.locator("#worked").inner_text())
        assert sum(products) + float(module.bias.detach()[channel]) == pytest.approx(
            value, abs=6e-4 * max(1, abs(value))
        )
        first = page.evaluate("explorer.record.gallery[0].index")
        image = normalise(made.data.test.images[first][None], made.data.mean, made.data.std)
        expected = by_hooks(made.net, image)[layer]
        side = 28 if layer == "features.0" else 14
        assert value == pytest.approx(expected[(channel * side + row) * side + column], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", FOUR)
def test_arithmetic_of_every_kind_of_unit_gives_its_value(
    browser: Any, explored: Callable[..., Any], name: str
) -> None:
    with opened(browser, explored(name).page, "image=1") as page:
        units = page.evaluate(
            """() => explorer.net.layers.map(layer => {
              const at = Math.floor(layer.values.length / 3), [, h = 1, w = 1] = layer.shape;
              return [layer.name, [Math.floor(at / (h * w)), Math.floor(at / w) % h, at % w]];
            })"""
        )
        for layer, unit in units:
            page.evaluate("([layer, unit]) => explorer.state.set({ layer, unit })", [layer, unit])
            worked = float(page.locator("#worked").get_attribute("data-value"))
            value = page.evaluate(
                """([name, [c, y, x]]) => {
                  const { values, shape: [, h = 1, w = 1] } = explorer.net.byName.get(name);
                  return values[(c * h + y) * w + x];
                }""",
                [layer, unit],
            )
            assert worked == pytest.approx(value, rel=1e-5, abs=1e-5), layer


@pytest.mark.parametrize("name", ["lenet5", "branching"])
def test_boxes_on_the_image_are_anatomy_s_fields(browser: Any, explored: Callable[..., Any], name: str) -> None:
    made = explored(name)
    with opened(browser, made.page) as page:
        for layer in describe(made.net, (1, 28, 28)).layers:
            if len(layer.output_shape) != 3:
                continue
            _, rows, columns = layer.output_shape
            for row, column in {(0, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)}:
                box = page.evaluate("([name, unit]) => explorer.field(name, unit)", [layer.name, [0, row, column]])
                seen = np.argwhere(layer.field.of(row, column))
                assert [box["rows"][0], box["columns"][0]] == seen.min(axis=0).tolist()
                assert [box["rows"][1], box["columns"][1]] == seen.max(axis=0).tolist()


def test_keyboard_opens_a_unit_and_moves_it(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page) as page:
        page.focus('[data-layer="features.3"] .maps')
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.evaluate("explorer.state.choice.unit") == [1, 5, 5]
        page.focus("#unit .map")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("explorer.state.choice.unit") == [1, 4, 5]
        page.keyboard.press("Escape")
        assert page.evaluate("explorer.state.choice.layer") is None


def test_a_link_leads_to_the_same_state(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("lenet5")
    with opened(browser, made.page, "image=2&layer=features.3&unit=4.2.7&normalise=off&scale=map") as page:
        assert page.locator("#unit-title").inner_text() == "features.3 Conv2d map 4, row 2, column 7"
        assert not page.locator("#normalise").is_checked()
        page.click("#clear")
        frame = page.locator("#sheet").bounding_box()
        page.mouse.move(frame["x"] + 60, frame["y"] + 60)
        page.mouse.down()
        page.mouse.move(frame["x"] + 200, frame["y"] + 180, steps=10)
        page.mouse.up()
        page.wait_for_timeout(600)  # the link follows a moment after the stroke
        assert "drawing" in page.evaluate("location.hash")
        fragment = page.evaluate("location.hash.slice(1)")
        drawn = np.array(page.evaluate("[...explorer.net.pixels]"))
    with opened(browser, made.page, fragment) as page:
        again = np.array(page.evaluate("[...explorer.net.pixels]"))
        assert np.abs(again - drawn).max() <= 9, "sixteen grays"
        assert page.evaluate("explorer.state.choice.unit") == [4, 2, 7]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1024, 1440])
def test_fits_every_width(browser: Any, explored: Callable[..., Any], width: int, scheme: str) -> None:
    made = explored("simple-cnn")
    fragment = "layer=features.4&unit=3.7.6"
    with opened(browser, made.page, fragment, viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        unnamed = page.evaluate(
            """[...document.querySelectorAll('button, input, [tabindex="0"]')].filter(each => !(
              each.textContent.trim() || each.getAttribute('aria-label') || each.labels?.[0]?.textContent.trim()
            )).length"""
        )
        assert unnamed == 0


def test_two_runs_answer_to_one_image(browser: Any, explored: Callable[..., Any], tmp_path: Path) -> None:
    one, two = explored("simple-cnn"), explored("mlp")
    path = tmp_path / "two.html"
    path.write_text(explorer_page([ExploredRun(one.run, one.net), ExploredRun(two.run, two.net)], one.data).html)
    with opened(browser, path, "image=3") as page:
        assert float(page.locator("#check b").get_attribute("data-value")) < 1e-4
        pixels = torch.tensor(page.evaluate("[...explorer.nets[1].pixels]"), dtype=torch.uint8).view(1, 1, 28, 28)
        for i, made in enumerate((one, two)):
            with torch.no_grad():
                expected = made.net(normalise(pixels, made.data.mean, made.data.std)).softmax(dim=1)[0]
            found = page.evaluate(f"[...explorer.nets[{i}].probabilities]")
            np.testing.assert_allclose(found, expected, atol=1e-5)
        page.locator('[data-layer="layers.1"] .maps').click(position={"x": 5, "y": 5})
        assert page.evaluate("explorer.state.choice.net") == 1
        assert page.locator("#unit-title").inner_text().startswith("layers.1 Linear")


def test_trying_things_leaves_the_net_as_it_was(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("simple-cnn").page, "image=0") as page:
        before = page.evaluate("[...explorer.net.output.values]")
        for name in ("moving", "dropping", "norming"):
            page.locator(f"#{name} > summary").click()
        page.locator("#moving .check input").check()
        page.wait_for_selector("#moving .dashed")
        page.locator("#dropping .dot").first.wait_for()
        page.locator("#norming .count").first.wait_for(state="attached")  # a bar may be empty
        assert page.locator("#dropping .dot").count() == 5 * 200
        assert page.locator("#norming .count").count() == 3 * 40
        assert page.evaluate("[...explorer.net.output.values]") == before
        page.get_by_text("Lay one mask on the net").click()
        assert page.evaluate("[...explorer.net.output.values]") != before
        page.get_by_text("Lay one mask on the net").click()
        assert page.evaluate("[...explorer.net.output.values]") == before


def test_batch_norm_by_the_batch_is_pytorch_s(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page) as page:
        page.locator("#norming > summary").click()
        page.locator("#norming tbody").wait_for()
        mean, variance = (number(cell) for cell in page.locator("#norming tbody tr:nth-child(2) td").all_inner_texts())
        shown = page.evaluate("explorer.record.gallery.map(entry => entry.index)")
        images = normalise(made.data.test.images[shown], made.data.mean, made.data.std)
        with torch.no_grad():
            channel = made.net.get_submodule("features.0")(images)[:, 0]
        assert mean == pytest.approx(float(channel.mean()), rel=1e-3, abs=1e-4)
        assert variance == pytest.approx(float(channel.var(correction=0)), rel=1e-3, abs=1e-4)
