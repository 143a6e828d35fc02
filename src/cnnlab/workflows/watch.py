"""How somebody who waits for an experiment follows its progress, and stops it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cnnlab.data.imageset import Progress


@dataclass(frozen=True)
class Watch:
    """What is called while an experiment runs; by default nothing.

    on_data: while images are brought or decoded. on_found: once, with how many runs are there already, of how many.
    on_ahead: with how many runs are left at most. on_work: with the runs to come, each with its work in multiply-adds,
    where that is known beforehand. on_progress: with a run and the share of it (0–1) that is done.
    should_stop: asked between two steps; the experiment then ends and raises Stopped, and what is finished is kept.
    say: with a sentence, where an engine does otherwise than asked.
    """

    on_data: Progress | None = None
    on_found: Callable[[int, int], None] = field(default_factory=lambda: _nothing)
    on_ahead: Callable[[int], None] = field(default_factory=lambda: _nothing)
    on_progress: Callable[[Any, float], None] = field(default_factory=lambda: _nothing)
    on_work: Callable[[Mapping[Any, float]], None] = field(default_factory=lambda: _nothing)
    should_stop: Callable[[], bool] = field(default_factory=lambda: _never)
    say: Callable[[str], None] = field(default_factory=lambda: _nothing)


def _nothing(*_: object) -> None:
    pass


def _never() -> bool:
    return False
