"""Node, for tests of the pages' scripts without a browser."""

from __future__ import annotations

import shutil

import pytest


def node() -> str:
    """Where Node is. Where there is none the test skips; CI installs it."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("there is no Node")
    return path
