"""Every promise of SECURITY.md names the tests that hold it, and each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (_ROOT / "SECURITY.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| promise", "| ---"))
]


def test_there_are_promises() -> None:
    assert len(_ROWS) >= 15


@pytest.mark.parametrize("row", _ROWS, ids=[row[0][:40] for row in _ROWS])
def test_a_promise_is_held_by_tests_that_are_there(row: list[str]) -> None:
    promise, _, tests = row
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tests)
    assert named, f"no test holds this: {promise}"
    assert len(named) == tests.count("`") // 2
    for file, name in named:
        tree = ast.parse((_ROOT / file).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
