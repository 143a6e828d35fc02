"""axe-core finds nothing in the explorer: closed, with a unit of every kind open, with all that can be tried open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.axe import findings
from tests.explorer.test_explorer_in_chromium import opened

pytestmark = pytest.mark.browser

#: A layer of each kind, by the net that has it.
LAYERS = [
    ("simple-cnn", None),
    ("simple-cnn", "features.0"),
    ("simple-cnn", "features.1"),
    ("simple-cnn", "features.3"),
    ("lenet5", "features.1"),
    ("branching", None),
    ("mlp", "layers.1"),
]


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_axe_finds_nothing(browser: Any, explored: Callable[..., Any], name: str, layer: str | None) -> None:
    with opened(browser, explored(name).page, "image=0") as page:
        if layer is not None:
            page.evaluate(
                """name => {
                  const { shape: [channels, h = 1, w = 1] } = explorer.net.byName.get(name);
                  explorer.state.set({ layer: name, unit: [channels >> 1, h >> 1, w >> 1] });
                }""",
                layer,
            )
        assert findings(page) == []
