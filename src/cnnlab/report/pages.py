"""The pages' common frame: templates, their filters, one style for all."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cnnlab import numbers
from cnnlab.numbers import typeset


def render(template: str, **values: Any) -> str:
    """Fill a template of `templates/`. All text is escaped; only `Markup` goes in as it is."""
    return _environment().get_template(template).render(interval=numbers.interval, **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cnnlab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    for name in ("percent", "accuracy", "signed", "count", "duration", "plain"):
        environment.filters[name] = getattr(numbers, name)
    return environment
