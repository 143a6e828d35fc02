"""What all tests share: a cache of their own, the command line, the full public sets where this machine has them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cnnlab.cli import main

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
# Read before any test changes its environment.
_GIVEN = os.environ.get("CNNLAB_DATA")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter of bytes as it is called: its bytes may differ in each worker (gzip writes the time)."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's cache out of the tests, and the tests out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CNNLAB_CACHE", str(folder))
        yield folder


class Outcome(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def result(self) -> Any:
        """The same of a command that has to end well."""
        assert self.code == 0, self.err
        return self.json


@pytest.fixture
def cnnlab(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`cnnlab("train", "mlp", …)`: the command line in this process."""

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["cnnlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capfd.readouterr()
        return Outcome(int(exit_.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def cnnlab_process() -> Callable[..., Outcome]:
    """`cnnlab_process("train", "mlp", …, folder=…)`: the same in a process of its own."""

    def run(*arguments: object, folder: Path | None = None) -> Outcome:
        command = [sys.executable, "-m", "cnnlab", *map(str, arguments)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def full_sets() -> Path:
    """A data root with all of MNIST and Fashion-MNIST: $CNNLAB_DATA, else ../shared/data."""
    folder = Path(_GIVEN) if _GIVEN else _BESIDE
    if not (folder / "MNIST" / "raw").is_dir():
        pytest.skip(f"needs the full MNIST: set CNNLAB_DATA ({folder} has none)")
    return folder


def _program(name: str) -> str:
    """Where a browser is. Where there is none its tests skip, unless CNNLAB_BROWSERS=required, as CI has it."""
    path = shutil.which(name)
    if path is None:
        says = f"needs Debian's {name}: apt-get install {name}"
        (pytest.fail if os.environ.get("CNNLAB_BROWSERS") == "required" else pytest.skip)(says)
    return path


#: Those that run.
_BROWSERS: list[Any] = []


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    path = _program("chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        _BROWSERS.append(chromium)
        yield chromium
        _BROWSERS.remove(chromium)
        chromium.close()


@pytest.fixture(scope="module", autouse=True)
def no_page_outlives_its_module() -> Iterator[None]:
    """One that a test left open may train on, and would take a core from all tests after it.

    So a fixture that opens a page is of a module at most.
    """
    yield
    for chromium in _BROWSERS:
        for context in chromium.contexts:
            context.close()


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Debian's Firefox."""
    path = _program("firefox-esr")
    from tests.firefox import started

    with started(path, tmp_path_factory.mktemp("firefox")) as program:
        yield program
