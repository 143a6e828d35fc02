"""This machine: the stock notebook pipeline against cnnlab, side by side.

Names are loaded when first used: a contender's process starts without torch, and so does the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.bench.benchmark import bench
    from cnnlab.bench.contender import ContenderFailed
    from cnnlab.bench.table import markdown, renderable

__all__ = ["ContenderFailed", "bench", "markdown", "renderable"]

_HOMES = {"ContenderFailed": "contender", "bench": "benchmark", "markdown": "table", "renderable": "table"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
