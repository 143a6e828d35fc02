"""The stage: the whole net in one window, what feeds a unit, one zoom, links, and two nets beside one another."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.explorer.test_explorer_in_chromium import by_hooks, opened

from cnnlab.data.normalise import normalise
from cnnlab.explorer import ExploredRun, explorer_page

pytestmark = pytest.mark.browser

LAPTOP, PROJECTOR = {"width": 1366, "height": 768}, {"width": 1920, "height": 1080}


def until(page: Any, condition: str) -> None:
    """Wait for a condition in the page, whose policy allows no waiting by a string."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


BLOCKS = "[...document.querySelectorAll('.block')].map(each => each.getBoundingClientRect().toJSON())"


@pytest.mark.parametrize("name", ["lenet5", "simple-cnn", "mlp", "branching", "eight"])
@pytest.mark.parametrize("size", [LAPTOP, PROJECTOR])
def test_the_whole_net_is_in_the_window(
    browser: Any, explored: Callable[..., Any], name: str, size: dict[str, int]
) -> None:
    with opened(browser, explored(name).page, viewport=size) as page:
        for place in [*page.evaluate(BLOCKS), page.locator("#answers").bounding_box() | {"left": 0}]:
            assert place["x"] + place["width"] <= size["width"]
            assert place["y"] + place["height"] <= size["height"]
        tiles = page.locator(".maps canvas").evaluate_all("all => all.map(each => each.getBoundingClientRect().width)")
        assert min(tiles) >= 12
        if name == "lenet5":
            side = page.locator('[data-block="Conv 1"] canvas').first.bounding_box()["width"]
            assert side >= (110 if size == PROJECTOR else 60), "tiles take the room that there is"


def test_blocks_have_the_names_of_the_lesson_and_unfold(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("simple-cnn").page) as page:
        names = page.locator(".block-name").all_inner_texts()
        assert names == ["Conv 1", "Pool 1", "Conv 2", "Pool 2", "Dense 1", "Dense 2"]
        conv = page.locator('[data-block="Conv 1"]')
        assert conv.locator(".detail").inner_text() == "3×3 · 32 maps"
        assert conv.locator(".shape").inner_text() == "32×28×28"
        assert conv.locator(".module").inner_text() == "features.0"
        assert conv.locator(".maps").count() == 1
        conv.locator(".unfold").click()
        layers = conv.locator(".maps").evaluate_all("all => all.map(each => each.dataset.layer)")
        assert layers == ["features.0", "features.1", "features.2"]
        conv.locator(".unfold").click()
        assert conv.locator(".maps").count() == 1


def test_the_strongest_maps_are_shown_and_all_on_demand(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page, "image=3") as page:
        index = page.evaluate("explorer.record.gallery[3].index")
        image = normalise(made.data.test.images[index][None], made.data.mean, made.data.std)
        maps = np.abs(by_hooks(made.net, image)["features.6"]).reshape(64, -1).sum(axis=1)
        shown = page.locator('[data-block="Conv 2"] canvas').evaluate_all(
            "all => all.map(each => each.getAttribute('aria-label'))"
        )
        assert {int(name.split()[1]) for name in shown} == set(np.argsort(-maps)[:8].tolist())
        page.locator('[data-block="Conv 2"] .all').click()
        assert page.locator('[data-block="Conv 2"] canvas').count() == 64


def test_pointing_shows_what_feeds_a_unit(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page, "image=2") as page:
        assert page.locator(".edge").count() == 0
        page.locator('[data-block="Conv 2"] canvas').first.hover()
        said = re.search(r"map (\d+), row (\d+), column (\d+)", page.locator("#pointed").inner_text())
        unit = channel, row, column = [int(each) for each in said.groups()]
        sees = page.evaluate("unit => explorer.field('features.6', unit)", unit)
        rows = sees["rows"][1] - sees["rows"][0] + 1
        assert f"sees {rows}×{rows} pixels" in page.locator("#pointed").inner_text()
        # The widest edge comes from the map that adds most, among those shown, by PyTorch's values and weights.
        index = page.evaluate("explorer.record.gallery[2].index")
        image = normalise(made.data.test.images[index][None], made.data.mean, made.data.std)
        before = np.pad(by_hooks(made.net, image)["features.3"].reshape(32, 14, 14), ((0, 0), (1, 1), (1, 1)))
        weight = made.net.get_submodule("features.4").weight.detach().numpy()[channel]
        adds = (before[:, row : row + 3, column : column + 3] * weight).sum(axis=(1, 2))
        shown = page.locator('[data-block="Pool 1"] canvas').evaluate_all(
            "all => all.map(each => Number(each.getAttribute('aria-label').split(' ')[1]))"
        )
        widths = page.locator(".edge").evaluate_all("all => all.map(each => Number(each.getAttribute('stroke-width')))")
        expected = sorted((abs(adds[map_]) for map_ in shown), reverse=True)
        np.testing.assert_allclose(widths, [0.6 + 2.6 * each / expected[0] for each in expected], atol=0.02)
        page.mouse.move(5, 5)
        assert page.locator(".edge").count() == 0


def test_branches_are_drawn_as_branches(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("branching").page) as page:
        add = page.locator('[data-block="Add"]').get_attribute("aria-label")
        assert "Conv 1" in add.split("reads ")[1]
        assert "Conv 2" in add.split("reads ")[1]
        lines = page.locator(".flow > path").count()
        assert lines == 16, "a line for each block that another reads"
    with opened(browser, explored("lenet5").page) as page:
        assert page.locator(".flow > path").count() == 0, "a chain needs none"


def test_one_zoom_and_escape_leads_back(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("simple-cnn").page) as page:
        page.locator('[data-block="Conv 1"] .block-name').click()
        assert page.locator(".block-map").count() == 32
        page.locator(".block-map", has_text="map 5").first.click()
        assert page.locator("#unit-title").inner_text().endswith("map 5")
        page.locator(".map-picture").click(position={"x": 100, "y": 60})
        unit = page.evaluate("explorer.state.choice.unit")
        assert unit == [5, 7, 12]
        levels = []
        for _ in range(4):
            levels.append(page.evaluate("(({ layer, map, unit }) => [layer, map, unit])(explorer.state.choice)"))
            page.keyboard.press("Escape")
        assert levels == [
            ["features.2", 5, unit],
            ["features.2", 5, None],
            ["features.2", None, None],
            [None, None, None],
        ]
        assert page.locator("#unit").is_hidden()


def test_the_strip_leads_from_the_patch_to_pytorch_s_value(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    unit = [3, 7, 6]
    with opened(browser, made.page, "image=1&layer=features.6&unit=3.7.6", viewport=LAPTOP) as page:
        index = page.evaluate("explorer.record.gallery[1].index")
        image = normalise(made.data.test.images[index][None], made.data.mean, made.data.std)
        theirs = by_hooks(made.net, image)
        for layer in ("features.4", "features.5", "features.6"):
            shown = page.locator(f'[data-strip="{layer}"]')
            expected = theirs[layer].reshape(64, 14, 14)[tuple(unit)]
            assert float(shown.get_attribute("data-value")) == pytest.approx(expected, rel=1e-4, abs=1e-5)
            assert shown.bounding_box()["y"] < LAPTOP["height"], "the strip is in view"
        cells = page.locator(".strip .grid span")
        clipped = cells.evaluate_all("all => all.filter(each => each.scrollWidth > each.clientWidth + 1).length")
        assert clipped == 0
        bars = page.locator(".channel-sums button")
        assert bars.count() == 32
        bars.nth(9).click()
        assert "map 9" in page.locator(".strip figcaption").first.inner_text()


def test_the_map_fills_as_the_filter_slides(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page, "layer=features.3&unit=4.0.0") as page:
        page.get_by_role("button", name="▶ Slide the filter").click()
        until(page, "explorer.state.choice.unit[2] >= 3")
        alpha = """(() => {
          const copy = new OffscreenCanvas(10, 10).getContext('2d', { willReadFrequently: true });
          copy.drawImage(document.querySelector('#unit .map canvas'), 0, 0);
          const { data } = copy.getImageData(0, 0, 10, 10);
          return data.filter((value, i) => i % 4 === 3 && value > 0).length;
        })()"""
        assert 0 < page.evaluate(alpha) < 60, "what the filter has not reached is blank"
        page.get_by_role("button", name="Stop").click()
        assert page.evaluate(alpha) == 100


def test_dragging_the_window_moves_the_unit(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("simple-cnn").page, "layer=features.0&unit=2.0.0") as page:
        frame = page.locator(".read-map").bounding_box()
        page.mouse.move(frame["x"] + 2, frame["y"] + 2)
        page.mouse.down()
        page.mouse.move(frame["x"] + frame["width"] * 20.5 / 28, frame["y"] + frame["height"] * 9.5 / 28, steps=6)
        page.mouse.up()
        assert page.evaluate("explorer.state.choice.unit") == [2, 9, 20]


def test_the_patch_stays_that_of_one_channel_while_the_unit_moves(browser: Any, explored: Callable[..., Any]) -> None:
    shown = ".strip figcaption >> nth=0"
    with opened(browser, explored("simple-cnn").page, "image=1&layer=features.4&unit=5.7.7") as page:
        first = page.inner_text(shown)
        for row, column in ((2, 3), (9, 9), (12, 1)):
            page.evaluate("unit => explorer.state.set({ map: 5, unit })", [5, row, column])
            assert page.inner_text(shown) == first


def test_a_page_opens_on_an_image_that_the_net_names(browser: Any, explored: Callable[..., Any]) -> None:
    for name in ("simple-cnn", "lenet5"):
        with opened(browser, explored(name).page) as page:
            entry = page.evaluate("explorer.record.gallery[explorer.state.choice.image]")
            assert entry["predicted"] == [entry["label"]]
            assert page.locator("#invitation").inner_text() == "Draw a digit here"
            assert page.locator("#unit").is_hidden()


def test_the_first_stroke_clears_the_sheet(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page) as page:
        frame = page.locator("#sheet").bounding_box()

        def draw(y: float) -> None:
            page.mouse.move(frame["x"] + 100, frame["y"] + y)
            page.mouse.down()
            page.mouse.move(frame["x"] + 140, frame["y"] + y, steps=4)
            page.mouse.up()

        draw(100)
        pixels = np.array(page.evaluate("[...explorer.net.pixels]")).reshape(28, 28)
        assert pixels.any()
        assert not pixels[:8].any(), "the test image is gone"
        assert not pixels[16:].any()
        assert page.locator("#invitation").is_hidden()
        draw(180)
        again = np.array(page.evaluate("[...explorer.net.pixels]")).reshape(28, 28)
        assert again[16:].any()
        assert again[8:16].any(), "a second stroke adds"


def test_a_link_pasted_into_the_same_tab_is_followed(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with opened(browser, made.page) as page:
        page.evaluate("location.hash = 'image=4&layer=features.7&unit=5.2.3&scale=map&normalise=off&panel=moving'")
        until(page, "explorer.state.choice.layer === 'features.7'")
        assert page.evaluate("explorer.state.choice.image") == 4
        assert page.locator("#unit-title").inner_text() == "Pool 2 features.7 MaxPool2d map 5, row 2, column 3"
        assert page.locator("input[name=scale][value=map]").is_checked()
        assert not page.locator("#normalise").is_checked()
        assert page.evaluate("document.querySelector('#moving').open")
        page.evaluate("location.hash = 'layer=features.0'")
        until(page, "explorer.state.choice.layer === 'features.0'")
        assert page.locator(".block-map").count() == 32
        assert not page.evaluate("document.querySelector('#moving').open")


def test_copy_link_copies_this_state(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("simple-cnn")
    with opened(
        browser,
        made.page,
        "image=4&layer=features.7&unit=5.2.3&panel=dropping",
        permissions=["clipboard-read", "clipboard-write"],
    ) as page:
        page.click("#copy")
        until(page, "document.querySelector('#copy').textContent !== 'Copy link'")
        link = page.evaluate("navigator.clipboard.readText()")
        assert link.startswith(made.page.as_uri())
        assert link.split("#")[1] == "image=4&layer=features.7&unit=5.2.3&panel=dropping"


def test_six_steps_by_keyboard_alone(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page) as page:
        steps = page.locator("#steps ol a")
        assert steps.count() == 6

        def take(step: int) -> None:
            steps.nth(step - 1).focus()
            page.keyboard.press("Enter")
            until(page, f"explorer.state.choice.step === {step}")

        def is_done(step: int) -> bool:
            return "done" in (steps.nth(step - 1).get_attribute("class") or "")

        def press(*keys: str) -> None:
            for key in keys:
                page.keyboard.press(key)

        take(1)
        press("Space", *["ArrowDown"] * 12, "Escape")
        assert is_done(1)
        pixels = np.array(page.evaluate("[...explorer.net.pixels]")).reshape(28, 28)
        assert (pixels.max(axis=1) > 127).sum() >= 12, "a stroke downwards"
        assert (pixels.max(axis=0) > 127).sum() <= 4
        take(2)
        press("ArrowRight")
        assert is_done(2)
        take(3)
        press("Enter")
        assert is_done(3)
        assert page.evaluate("explorer.state.choice.unit") is not None
        take(4)
        press("Enter")
        until(page, "document.querySelectorAll('#steps .done').length === 4")
        press("Enter")
        take(5)
        before = page.evaluate("[...explorer.net.pixels]")
        press("ArrowRight")
        assert is_done(5)
        after = np.array(page.evaluate("[...explorer.net.pixels]")).reshape(28, 28)
        np.testing.assert_array_equal(after[:, 1:], np.array(before).reshape(28, 28)[:, :-1])
        take(6)
        press("ArrowRight")
        assert is_done(6)
        assert page.evaluate("explorer.state.choice.time") == 1


def test_every_step_is_a_link_to_where_it_is_done(browser: Any, explored: Callable[..., Any]) -> None:
    made = explored("lenet5")
    with opened(browser, made.page) as page:
        link = page.locator("#steps ol a").nth(3).get_attribute("href")
    with opened(browser, made.page, link[1:]) as page:
        assert page.evaluate("explorer.state.choice.layer") == "features.1"
        assert page.locator("#steps [aria-current=step]").inner_text().endswith("Slide the filter")


def test_two_nets_open_the_same_unit_in_step(browser: Any, explored: Callable[..., Any], tmp_path: Path) -> None:
    one = explored("simple-cnn")
    path = tmp_path / "two.html"
    path.write_text(explorer_page([ExploredRun(one.run, one.net), ExploredRun(one.run, one.net)], one.data).html)
    with opened(browser, path, "layer=features.6&unit=3.7.6", viewport=LAPTOP) as page:
        assert page.locator("#unit .strip").count() == 2
        values = page.locator('[data-strip="features.6"]').evaluate_all("all => all.map(each => each.dataset.value)")
        assert len(set(values)) == 1
        rows = [page.locator(".net").nth(i).locator('[data-block="Conv 2"]').bounding_box() for i in (0, 1)]
        assert rows[0]["x"] == rows[1]["x"]
        assert rows[0]["width"] == rows[1]["width"]
        assert rows[1]["y"] + rows[1]["height"] < LAPTOP["height"]


def test_histograms_that_are_compared_share_an_axis(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("simple-cnn").page, "panel=norming") as page:
        figures = page.locator("#norming figure")
        figures.nth(2).wait_for()
        ends = [figures.nth(i).locator("text").all_inner_texts()[:2] for i in (1, 2)]
        assert ends[0] == ends[1]


def test_reduced_motion_is_respected(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("lenet5").page, reduced_motion="reduce") as page:
        page.locator('[data-block="Conv 2"] canvas').first.click()
        assert page.evaluate("document.getAnimations().filter(each => !(each instanceof CSSTransition)).length") == 0


def test_a_net_without_filters_says_that_nothing_slides(browser: Any, explored: Callable[..., Any]) -> None:
    with opened(browser, explored("mlp").page, "step=4") as page:
        assert "no filter to slide" in page.inner_text("#steps")
        for place in page.evaluate(BLOCKS):
            assert place["y"] + place["height"] <= 900, "the words above take room from the net"


def test_a_finger_opens_a_unit_and_drags_the_window(browser: Any, explored: Callable[..., Any]) -> None:
    phone = {"width": 390, "height": 844}
    with opened(browser, explored("lenet5").page, viewport=phone, has_touch=True, is_mobile=True) as page:
        page.locator('[data-block="Conv 1"] canvas').first.tap()
        until(page, "explorer.state.choice.unit !== null")
        layer = page.evaluate("explorer.state.choice.layer")
        page.locator(".read-map").scroll_into_view_if_needed()
        frame = page.locator(".read-map").bounding_box()
        touch, before = page.context.new_cdp_session(page), page.evaluate("scrollY")
        for i in range(9):
            place = {"x": frame["x"] + frame["width"] * (0.2 + 0.07 * i), "y": frame["y"] + frame["height"] * 0.5}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove" if i else "touchStart", "touchPoints": [place]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        choice = page.evaluate("explorer.state.choice")
        assert choice["layer"] == layer
        assert choice["unit"][1:] == [14, int(28 * 0.76)]
        assert page.evaluate("scrollY") == before, "a drag does not scroll the page"
        assert page.evaluate("document.documentElement.scrollWidth") <= phone["width"]
