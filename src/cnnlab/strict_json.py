"""JSON as its standard has it (RFC 8259), which every reader takes: no bare `NaN`, no bare `Infinity`."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(record: Any, *, indent: int | None = None, ensure_ascii: bool = True) -> str:
    """A record as JSON text; numbers that JSON has no word for become strings: "NaN", "Infinity", "-Infinity".

    Python's float, JavaScript's Number and pydantic take these strings for the numbers that they name.
    """
    text = json.dumps(_named(record), indent=indent, ensure_ascii=ensure_ascii, allow_nan=False)
    return text.replace("\x7f", "\\u007f")  # the one control character that JSON's standard lets stand


def _named(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _named(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_named(inner) for inner in value]
    return value
