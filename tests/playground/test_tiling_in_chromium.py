"""A net's columns have a row each at the least, however narrow the page is for a moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_there_is_a_column_in_a_row_even_without_any_width(in_modules: Callable[..., Any]) -> None:
    found = in_modules(
        """const { ranksInARow } = await module("../../explorer/web/tiling.js");
        return given.map((width) => ranksInARow(7, width, 100));""",
        [0, 99, 100, 201, 400, 699, 700, 5000],
    )
    assert found == [1, 1, 1, 2, 4, 4, 7, 7]
