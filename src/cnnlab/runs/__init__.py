"""The run folder: the only reader and writer of it, and the way from a config to a finished run.

Names are resolved when first used, so that a record can be read before PyTorch is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cnnlab.runs.executing import execute
    from cnnlab.runs.folder import Run
    from cnnlab.runs.opening import open_run

__all__ = ["Run", "execute", "open_run"]

_HOMES = {"Run": "folder", "execute": "executing", "open_run": "opening"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
