"""The page as a class has it: it trains when told to, rests when told to, and comes back from its link."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.axe import findings

from cnnlab.data import load
from cnnlab.nets.convnet import ConvNet
from cnnlab.playground.page import playground_page

pytestmark = pytest.mark.browser

DATA = "mnist-5k@300"
Opened = Callable[..., Any]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with two small nets and few images, without what PyTorch came to."""
    path = tmp_path_factory.mktemp("playground") / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnnlab.playground.page.proof", lambda *_: None)
        path.write_text(playground_page(["lenet5", "conv-net"], load(DATA)).html, encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Any, written: Path) -> Opened:
    """Open the page by a link; at the end, that it raised nothing and asked for nothing."""

    @contextmanager
    def open_page(fragment: str = "", path: Path = written, **context: Any) -> Iterator[Any]:
        made = browser.new_context(**({"viewport": {"width": 1366, "height": 768}} | context))
        page = made.new_page()
        raised, asked = [], []
        page.on("pageerror", lambda error: raised.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{path.as_uri()}#{fragment}")
        until(page, "globalThis.playground?.learning.trainer")
        yield page
        made.close()
        assert raised == []
        assert [url for url in asked if not url.startswith((path.as_uri(), "blob:"))] == []

    return open_page


def until(page: Any, expression: str) -> None:
    """Wait until it is true: the page's policy forbids Playwright's own way of waiting."""
    end = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"after a minute still not: {expression}"
        page.wait_for_timeout(50)


def test_play_trains_what_is_shown_and_pause_stops_it(opened: Opened) -> None:
    with opened() as page:
        tiles = "[...document.querySelectorAll('#nets canvas, #filters')].map(canvas => canvas.toDataURL()).join()"
        before = page.evaluate(tiles)
        page.click("#play")
        until(page, "parseFloat(document.querySelector('[data-figure=validation]').innerText) >= 60")
        assert page.evaluate("playground.learning.trainer.curves.epochs.at(-1).validation_accuracy") >= 0.6
        assert page.evaluate("document.querySelector('.way.validation').getTotalLength()") > 20
        assert page.evaluate(tiles) != before
        page.evaluate(
            """() => {
              const button = document.getElementById('play');
              button.addEventListener('click', () => (globalThis.clicked = performance.now()), true);
              const changes = { subtree: true, characterData: true, childList: true };
              new MutationObserver(() => (globalThis.answered ??= performance.now())).observe(button, changes);
              const { learning } = playground;
              globalThis.rested = new Promise(resolve => learning.addEventListener('paused', resolve));
            }"""
        )
        page.click("#play")
        page.evaluate("rested")
        assert page.inner_text("#play-says") == "Go on"
        assert page.evaluate("answered - clicked") < 100
        steps = page.evaluate("playground.learning.trainer.steps")
        page.wait_for_timeout(300)
        assert page.evaluate("playground.learning.trainer.steps") == steps


def test_what_needs_a_new_start_waits_for_the_reset(opened: Opened) -> None:
    running = "(({ batchSize, learningRate }) => [batchSize, learningRate])(playground.learning.trainer.settings)"
    with opened() as page:
        page.click("#step")
        until(page, "playground.learning.trainer.steps === 1")
        page.select_option("#setting-batchSize", "16")
        page.focus("#setting-learningRate")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(running) == [64, 0.002]
        assert page.get_attribute("label[for=setting-batchSize]", "title") == "from the next reset"
        assert not page.get_attribute("label[for=setting-learningRate]", "title")
        page.click("#reset")
        assert page.evaluate(running) == [16, 0.002]
        assert page.inner_text("[data-figure=steps]") == "0"
        assert not page.get_attribute("label[for=setting-batchSize]", "title")


def test_settings_and_drawing_come_back_from_the_link(opened: Opened) -> None:
    state = "[playground.settings, Array.from(playground.net.pixels), playground.net.layers.length]"
    with opened() as page:
        page.select_option("#setting-net", "conv-net")
        page.select_option("#design-block-1", "4")
        page.select_option("#setting-optimizer", "momentum")
        page.select_option("#setting-shift", "2")
        page.fill("#setting-seed", "7")
        page.keyboard.press("Tab")
        box = page.locator("#sheet").bounding_box()
        page.mouse.move(box["x"] + 80, box["y"] + 30)
        page.mouse.down()
        page.mouse.move(box["x"] + 80, box["y"] + 150, steps=6)
        page.mouse.up()
        page.wait_for_timeout(500)  # the address is written a moment later
        link = page.evaluate("location.hash")
        settings, pixels, layers = page.evaluate(state)
        assert settings["design"]["widths"][1] == 4
        assert max(pixels) > 200
    with opened() as page:  # pasted into a tab that is open
        page.evaluate("link => { location.hash = link; }", link)
        until(page, "playground.settings.seed === 7")
        again = page.evaluate(state)
        assert again[0] == settings
        assert again[2] == layers
        assert max(abs(a - b) for a, b in zip(again[1], pixels, strict=True)) <= 9  # sixteen grays


def test_a_design_is_counted_as_pytorch_counts_it_and_refused_in_words(opened: Opened) -> None:
    with opened("net=conv-net") as page:
        page.select_option("#design-kernelSize", "5")
        page.get_by_role("button", name="+ block").click()
        design = page.evaluate("playground.settings.design")
        net = ConvNet(widths=tuple(design["widths"]), kernel_size=5, hidden=design["hidden"])
        count = sum(parameter.numel() for parameter in net.parameters())
        assert len(design["widths"]) == 3
        assert f"{count:,} parameters" in page.inner_text("#designer .says")
        page.get_by_role("button", name="+ block").click()
        page.get_by_role("button", name="+ block").click()
        assert "leave 0×0 after the pool of block 5" in page.inner_text("#designer .says")
        assert len(page.evaluate("playground.settings.design.widths")) == 4


def test_a_race_lays_two_runs_over_one_another_and_is_honest(opened: Opened) -> None:
    with opened("panel=race") as page:
        page.get_by_role("button", name="with and without dropout").click()
        until(page, "[playground.learning, playground.race.rival].every(each => each.trainer.curves.epochs.length > 1)")
        until(page, "document.querySelector('#verdict').innerText.includes('seed')")
        drawn = """of => {
          const path = document.querySelector(`#curves .way.validation${of}`);
          return [path.getTotalLength() > 5, getComputedStyle(path).strokeDasharray];
        }"""
        until(page, f"[':not(.other)', '.other'].every(of => ({drawn})(of)[0])")  # with the next frame
        assert page.evaluate(drawn, ":not(.other)")[1] == "none"
        assert page.evaluate(drawn, ".other")[1] != "none"
        first, second = page.evaluate("[playground.learning, playground.race.rival].map(each => each.settings)")
        assert {key for key in first if first[key] != second[key]} == {"dropout"}
        assert "seed is no proof" in page.inner_text("#verdict")
        assert "cnnlab compare --net lenet5" in page.inner_text("#verdict")


def test_a_loss_that_is_no_number_says_so_and_keeps_the_last_good_weights(opened: Opened) -> None:
    with opened("optimizer=sgd&rate=100&decay=1") as page:
        page.click("#play")
        until(page, "!document.getElementById('notice').hidden")
        assert "no longer a number" in page.inner_text("#notice")
        assert page.evaluate(
            "playground.learning.trainer.snapshot().then(({ numbers }) => numbers.every(Number.isFinite))"
        )
        page.get_by_role("button", name="Go on with 10").click()
        assert page.evaluate("playground.learning.trainer.settings.learningRate") == 10


def test_where_no_worker_may_begin_the_page_trains_itself(opened: Opened, written: Path, tmp_path: Path) -> None:
    path = tmp_path / "refused.html"
    text = written.read_text(encoding="utf-8")
    path.write_text(text.replace("worker-src blob:", "worker-src 'none'").replace(" 'wasm-unsafe-eval'", ""))
    with opened(path=path) as page:
        page.click("#step")
        until(page, "playground.learning.trainer.steps === 1")
        assert page.inner_text("#engine") == (
            "no WebAssembly: plain JavaScript, slower · no Worker: on the page’s own thread, slower"
        )


def test_a_phone_has_no_sideways_scroll_and_axe_finds_nothing(opened: Opened) -> None:
    with opened("net=conv-net") as page:
        page.click("#epoch")
        until(page, "playground.learning.trainer.curves.epochs.length === 1")
        assert findings(page) == []
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 390
