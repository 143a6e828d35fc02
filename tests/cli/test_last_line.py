"""What a command that is stopped says last: after its bar, which would be drawn over the line."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cnnlab.cli.terminal import ExperimentView
from cnnlab.errors import Stopped


@pytest.mark.parametrize(
    ("command", "workflow"), [("compare", "comparison.compare"), ("sweep", "sweep.sweep")], ids=["compare", "sweep"]
)
def test_the_bar_is_gone_before_the_last_line(
    cnnlab: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, workflow: str
) -> None:
    seen: list[str] = []

    def stop(*_: Any, **__: Any) -> None:
        raise Stopped("all is kept")

    monkeypatch.setattr(f"cnnlab.workflows.{workflow}", stop)
    monkeypatch.setattr(ExperimentView, "close", lambda _: seen.append("bar closed"))
    monkeypatch.setattr(import_module(f"cnnlab.cli.{command}"), "notice", lambda text: seen.append(text[:7]))
    assert cnnlab(command, "--out", tmp_path).code == 130
    assert seen == ["bar closed", "stopped"]
