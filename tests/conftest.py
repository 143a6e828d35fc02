"""What all tests share: a cache of their own, and the full public sets where this machine has them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
# Read before any test changes its environment.
_GIVEN = os.environ.get("CNNLAB_DATA")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's cache out of the tests, and the tests out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNLAB_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def full_sets() -> Path:
    """A data root with all of MNIST and Fashion-MNIST: $CNNLAB_DATA, else ../shared/data."""
    folder = Path(_GIVEN) if _GIVEN else _BESIDE
    if not (folder / "MNIST" / "raw").is_dir():
        pytest.skip(f"needs the full MNIST: set CNNLAB_DATA ({folder} has none)")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium. Where there is none its tests skip, unless CNNLAB_CHROMIUM=required, as CI has it."""
    path = shutil.which("chromium")
    if path is None:
        says = "needs Debian's chromium: apt-get install chromium"
        (pytest.fail if os.environ.get("CNNLAB_CHROMIUM") == "required" else pytest.skip)(says)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()
