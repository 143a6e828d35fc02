"""Film the pages for README and the docs: docs/pictures/explorer.webp and playground.webp.

    .venv/bin/python docs/moving_picture.py [RUN]
    .venv/bin/python docs/moving_picture.py --playground

RUN is a finished run of `cnnlab train simple-cnn`; without it one is trained. Always the same way through each page.
The explorer: a digit is drawn, a map is pointed at, a unit opens, and its filter slides. The playground, a new page:
LeNet-5 trains, a digit is drawn, and a weight opens into the products of its gradient.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).parent / "pictures"

#: CSS pixels of the page that is filmed, and of the picture.
PAGE, WIDTH = {"width": 1366, "height": 768}, 1000

#: A four, in pixels of the 28×28 sheet: two strokes.
STROKES = (((9, 5), (7, 14), (20, 14)), ((17, 6), (17, 23)))

#: Row and column of the largest value of a map of 14×14, by the map's name on the page.
LARGEST = """name => {
  const first = 196 * Number(name.split(' ')[1]);
  const map = explorer.net.byName.get('features.6').values.slice(first, first + 196);
  const at = map.indexOf(Math.max(...map));
  return [Math.floor(at / 14), at % 14];
}"""

#: Frames while the filter slides.
SLIDE = 16


#: Steps after which the playground's training is filmed: closer at first, when the filters form. An epoch has 63.
TRAINED = (4, 8, 12, 17, 22, 28, 35, 43, 53, 63, 75, 90, 105, 126, 150, 180, 210, 252, 300, 350, 400, 441)


def main() -> None:
    """Write the explorer's film, of the run that was named or of a new one, or the playground's."""
    with TemporaryDirectory() as folder:
        if sys.argv[1:] == ["--playground"]:
            page = Path(folder) / "playground.html"
            _cnnlab("playground", "lenet5", "--no-open", "--out", str(page))
            _write(PICTURES / "playground.webp", _film_playground(page), quality=50)
            return
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "run"
        if len(sys.argv) == 1:
            _cnnlab("train", "simple-cnn", "--out", str(run))
        page = Path(folder) / "explorer.html"
        _cnnlab("explore", str(run), "--no-open", "--out", str(page))
        _write(PICTURES / "explorer.webp", _film(page), quality=50)


def _write(path: Path, film: Iterable[tuple[Image.Image, int]], quality: int) -> None:
    frames, times = zip(*film, strict=True)
    path.parent.mkdir(exist_ok=True)
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=times,
        loop=0,
        quality=quality,
        method=6,
        minimize_size=True,
    )
    seconds = sum(times) / 1000
    print(f"{path}: {len(frames)} frames, {seconds:.0f} s, {path.stat().st_size / 1e3:.0f} kB")


def _cnnlab(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "cnnlab", *arguments], check=True)


def _film(path: Path) -> Iterator[tuple[Image.Image, int]]:
    """Frames, each with the milliseconds that it stays."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport=PAGE, color_scheme="light")
        page.goto(path.as_uri())
        page.wait_for_selector("#check b")  # compared with PyTorch
        yield _frame(page), 1200
        yield from _draw(page)
        yield _frame(page), 900
        tile = page.locator('[data-block="Conv 2"] canvas').nth(3)
        lies = tile.bounding_box()
        row, column = page.evaluate(LARGEST, tile.get_attribute("aria-label"))
        at = {"x": (column + 0.5) / 14 * lies["width"], "y": (row + 0.5) / 14 * lies["height"]}
        tile.hover(position=at)
        yield _frame(page), 1600
        tile.click(position=at)
        page.wait_for_timeout(500)
        yield _frame(page), 1600
        page.get_by_role("button", name="Slide the filter").click()
        for _ in range(SLIDE):
            page.wait_for_timeout(400)
            yield _frame(page), 170
        yield _frame(page), 1500
        chromium.close()


def _film_playground(path: Path) -> Iterator[tuple[Image.Image, int]]:
    """Frames, each with the milliseconds that it stays; of the training after steps, however long these take."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport=PAGE, color_scheme="light")
        page.goto(path.as_uri())
        page.locator("#gallery-says").filter(has_text="right").wait_for()
        page.wait_for_timeout(1000)
        yield _frame(page), 1300
        page.locator("#play").click()
        page.mouse.move(0, 0)
        for steps in TRAINED:
            while page.evaluate("playground.learning.trainer.steps") < steps:
                page.wait_for_timeout(20)
            yield _frame(page), 170
        page.locator("#play").click()
        page.wait_for_timeout(1000)
        yield _frame(page), 1200
        yield from _draw(page)
        yield _frame(page), 1200
        page.locator("#open-weight").click()
        page.locator(".weight-quotient [data-quotient]").wait_for()
        page.mouse.move(0, 0)
        yield _frame(page), 1500
        panel, products = (page.locator(each).bounding_box() for each in ("#weight", ".weight-products"))
        end = panel["y"] + panel["height"] - PAGE["height"]
        yield from _scroll(page, 0, products["y"] - 0.6 * PAGE["height"])
        yield _frame(page), 1500
        yield from _scroll(page, products["y"] - 0.6 * PAGE["height"], end)
        yield _frame(page), 2200
        chromium.close()


def _scroll(page: Any, start: float, end: float) -> Iterator[tuple[Image.Image, int]]:
    """Frames on the way down."""
    for part in (0.25, 0.5, 0.75, 1):
        page.evaluate("top => scrollTo(0, top)", start + part * (end - start))
        page.wait_for_timeout(100)
        yield _frame(page), 100


def _draw(page: Any) -> Iterator[tuple[Image.Image, int]]:
    """Frames while a four is drawn."""
    sheet = page.locator("#sheet").bounding_box()
    for first, *others in STROKES:
        page.mouse.move(*_on_sheet(sheet, first))
        page.mouse.down()
        for place in others:
            page.mouse.move(*_on_sheet(sheet, place), steps=6)
            yield _frame(page), 350
        page.mouse.up()
    page.wait_for_timeout(300)


def _on_sheet(sheet: Any, place: tuple[int, int]) -> tuple[float, float]:
    """A pixel of the image, on the screen."""
    x, y = place
    return sheet["x"] + (x + 0.5) / 28 * sheet["width"], sheet["y"] + (y + 0.5) / 28 * sheet["height"]


def _frame(page: Any) -> Image.Image:
    taken = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return taken.resize((WIDTH, round(WIDTH * PAGE["height"] / PAGE["width"])), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
