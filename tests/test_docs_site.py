"""The documentation site: it builds, it is whole, and it asks nobody for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from cnnlab.data import load
from cnnlab.playground import playground_page

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "zensical.toml", folder)
    build = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = playground_page(("mlp",), load("mnist-5k@100"))  # `make docs` writes the whole one
    (folder / "site" / "playground.html").write_text(page.html)
    return folder / "site"


class Parts(HTMLParser):
    """What a page loads, where its links lead, and what they can lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") not in ("prev", "next", "canonical"):
            self.loads.append(values["href"])
        elif values.get("src"):
            self.loads.append(values["src"])


def test_site_loads_only_its_own_files(site):
    for page in site.rglob("*.html"):
        if page.name == "404.html":  # its addresses are a server's
            continue
        for address in Parts(page.read_text()).loads:
            assert (page.parent / unquote(address.partition("?")[0])).is_file(), f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text()), style.name


def test_links_of_the_site_lead_to_a_page_and_a_place(site):
    parts = {page: Parts(page.read_text()) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(parts) == len(list((ROOT / "docs").rglob("*.md"))) + 1
    for page, found in parts.items():
        for link in found.links:
            if re.match(r"https?:", link):
                continue
            to, _, anchor = link.partition("#")
            target = (page.parent / unquote(to)).resolve() if to else page
            if target.is_dir():
                target /= "index.html"
            assert target in parts, f"{page.name}: {link}"
            assert not anchor or unquote(anchor) in parts[target].ids, f"{page.name}: {link}"


def test_the_programs_that_write_pages_are_not_in_the_site(site):
    assert not list(site.rglob("*.py"))


@pytest.mark.browser
@pytest.mark.parametrize("width", [375, 1440])
def test_start_page_opens_quietly_from_a_file_and_search_finds(browser, site, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("/")
    page.keyboard.insert_text("pareto front")  # at once: letter by letter, Enter may come before the last one's results
    page.get_by_text(re.compile(r"^\d+ results?$")).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/how-to/sweep.html*")
    page.close()
    assert said == []
    assert [address for address in asked if not address.startswith(("data:", f"{site.as_uri()}/"))] == []
