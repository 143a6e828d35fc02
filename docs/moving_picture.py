"""Film the explorer for README and the start page: docs/pictures/explorer.webp.

    .venv/bin/python docs/moving_picture.py [RUN]

RUN is a finished run of `cnnlab train simple-cnn`; without it one is trained. Always the same way through the page: a
digit is drawn, a map is pointed at, a unit opens, and its filter slides.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "pictures" / "explorer.webp"

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


def main() -> None:
    """Write the film of the run that was named, or of a new one."""
    with TemporaryDirectory() as folder:
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "run"
        if len(sys.argv) == 1:
            _cnnlab("train", "simple-cnn", "--out", str(run))
        page = Path(folder) / "explorer.html"
        _cnnlab("explore", str(run), "--no-open", "--out", str(page))
        frames, times = zip(*_film(page), strict=True)
        PICTURE.parent.mkdir(exist_ok=True)
        frames[0].save(
            PICTURE,
            save_all=True,
            append_images=frames[1:],
            duration=times,
            loop=0,
            quality=50,
            method=6,
            minimize_size=True,
        )
    print(f"{PICTURE}: {len(frames)} frames, {PICTURE.stat().st_size / 1e3:.0f} kB")


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
        sheet = page.locator("#sheet").bounding_box()
        for first, *others in STROKES:
            page.mouse.move(*_on_sheet(sheet, first))
            page.mouse.down()
            for place in others:
                page.mouse.move(*_on_sheet(sheet, place), steps=6)
                yield _frame(page), 350
            page.mouse.up()
        page.wait_for_timeout(300)
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


def _on_sheet(sheet: Any, place: tuple[int, int]) -> tuple[float, float]:
    """A pixel of the image, on the screen."""
    x, y = place
    return sheet["x"] + (x + 0.5) / 28 * sheet["width"], sheet["y"] + (y + 0.5) / 28 * sheet["height"]


def _frame(page: Any) -> Image.Image:
    taken = Image.open(BytesIO(page.screenshot())).convert("RGB")
    return taken.resize((WIDTH, round(WIDTH * PAGE["height"] / PAGE["width"])), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
