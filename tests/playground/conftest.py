"""The page's modules in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.playground.module_site import module_site


@pytest.fixture(scope="module")
def in_modules(browser: Any) -> Iterator[Callable[..., Any]]:
    """Call with the body of a function of `given` and what it is given; `module(name)` is a module of `web/`."""
    with module_site(browser) as call:
        yield call
