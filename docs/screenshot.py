"""Take the picture of the explorer that README and the start page show: docs/pictures/explorer.png.

    .venv/bin/python docs/screenshot.py [RUN]

RUN is a finished run of `cnnlab train simple-cnn`; without it one is trained. Always the same image and unit, 1440
pixels wide, light; in 256 colours, which the eye does not miss.
"""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "pictures" / "explorer.png"

#: The image, a unit of the second convolution, and where its window lies, as the page's own link says it.
STATE = "image=0&layer=features.4&unit=40.7.6"


def main() -> None:
    """Write the picture of the run that was named, or of a new one."""
    with TemporaryDirectory() as folder:
        run = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "run"
        if len(sys.argv) == 1:
            _cnnlab("train", "simple-cnn", "--out", str(run))
        page = Path(folder) / "explorer.html"
        _cnnlab("explore", str(run), "--no-open", "--out", str(page))
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_bytes(_in_256_colours(_screenshot(page)))


def _cnnlab(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "cnnlab", *arguments], check=True)


def _screenshot(path: Path) -> bytes:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1440, "height": 1180}, color_scheme="light")
        page.goto(f"{path.as_uri()}#{STATE}")
        page.wait_for_selector("#check b")  # compared with PyTorch
        taken = page.screenshot()
        chromium.close()
    return taken


def _in_256_colours(picture: bytes) -> bytes:
    small = BytesIO()
    Image.open(BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "png", optimize=True
    )
    return small.getvalue()


if __name__ == "__main__":
    main()
