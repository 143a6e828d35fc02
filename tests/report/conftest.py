"""Finished runs whose pages the tests read, and a reader of pages that shares no code with what writes them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.new_runs import make_run
from torch import nn

from cnnlab.data import ImageSet, load
from cnnlab.data.imageset import Split, image_set
from cnnlab.report.run.page import run_page
from cnnlab.runs import Run, execute


@dataclass(frozen=True)
class Finished:
    """A finished run, its net and its page."""

    run: Run
    data: ImageSet
    net: nn.Module
    page: str


@dataclass
class Page(HTMLParser):
    """What a page holds, as far as tests ask. tables: caption → rows of cells' texts."""

    html: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self._caption = ""
        self._rows: list[list[str]] = []
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._open.append(tag)
        if tag == "table":
            self._caption, self._rows = "", []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data.replace("\u00a0", " ")
        if "caption" in self._open:
            self._caption += data
        elif {"td", "th"} & set(self._open):
            self._rows[-1][-1] += data.replace("\u00a0", " ")

    def attributes(self, name: str) -> list[str]:
        """The values of an attribute, wherever it stands."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def pictures(self, within: str) -> list[np.ndarray]:
        """The pixels of all PNGs whose alt text begins so."""
        sources = [a["src"] for tag, a in self.tags if tag == "img" and a["alt"].startswith(within)]
        return [np.array(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))) for source in sources]


@pytest.fixture(scope="session")
def read() -> Callable[[str], Page]:
    return Page


@pytest.fixture(scope="session")
def finish(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Finished]:
    """Train and evaluate: as `make_run`, then the page."""

    def call(data: ImageSet, net: str, epochs: float, **options: object) -> Finished:
        folder = tmp_path_factory.mktemp("runs") / "run"
        run, module = make_run(folder, data, net=net, epochs=epochs, **options)  # ty: ignore[invalid-argument-type]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # beside a busy neighbour two threads take five times as long
        try:
            execute(run, module, data)
        finally:
            torch.set_num_threads(threads)
        module = run.load_net()
        return Finished(run, data, module, run_page(run, data, module))

    return call


@pytest.fixture(scope="session")
def digits(finish: Callable[..., Finished]) -> Finished:
    """A short run on real images."""
    return finish(load("mnist-5k"), "lenet5", 0.3, recipe_name="lesson")


def blots(classes: tuple[str, ...], *, name: str = "npz:blots.npz", channels: int = 1) -> ImageSet:
    """Noise, one brightness a class: made here, learnt in no time."""
    generator = torch.Generator().manual_seed(1)

    def split(images: int) -> Split:
        labels = torch.arange(images) % len(classes)
        noise = torch.randint(0, 60, (images, channels, 8, 8), generator=generator)
        bright = labels * (190 // max(1, len(classes) - 1))
        return Split((noise + bright[:, None, None, None]).to(torch.uint8), labels)

    per_class = len(classes)
    return image_set(
        name,
        classes=classes,
        train=split(20 * per_class),
        validation=split(4 * per_class),
        test=split(6 * per_class),
        source="npz: /home/ann b/secret/blots.npz",
        split_note="as the file has it",
        notes=("/home/ann b/secret/blots.npz is not verified",),
    )


@pytest.fixture(scope="session")
def many(finish: Callable[..., Finished]) -> Finished:
    """25 classes, three channels, two epochs."""
    return finish(
        blots(tuple(f"class {i:02}" for i in range(25)), channels=3),
        "conv-net",
        2,
        net_options={"widths": (4,)},
    )


HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "{{ 7*7 }} & 'so'")


@pytest.fixture(scope="session")
def hostile(finish: Callable[..., Finished]) -> Finished:
    """Names that would like to be markup."""
    data = blots(HOSTILE, name='npz:"><script>alert(3)</script>.npz')
    return finish(data, "mlp", 1, net_options={"hidden": (5,)})


@pytest.fixture(scope="session")
def pages(digits: Finished, many: Finished, hostile: Finished) -> dict[str, str]:
    return {"digits": digits.page, "many": many.page, "hostile": hostile.page}


@pytest.fixture
def written(pages: dict[str, str], tmp_path: Path) -> dict[str, Path]:
    """The pages as files."""
    for name, page in pages.items():
        (tmp_path / f"{name}.html").write_text(page)
    return {name: tmp_path / f"{name}.html" for name in pages}
