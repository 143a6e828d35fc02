"""lesson.json: what a lesson is, what each part of it took, and what it came to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from pydantic import Field

from cnnlab.claims.judging import VerdictWord
from cnnlab.config import Count, Seconds, Strict
from cnnlab.data.imageset import ImageSet
from cnnlab.errors import UserError
from cnnlab.lesson.sizes import Sizes
from cnnlab.runs.environment import Environment, environment
from cnnlab.runs.folder import RunResult, write_json
from cnnlab.runs.records import read_record
from cnnlab.training.machine import resolve_device, resolve_precision

#: The lesson's parts, in their order.
PARTS = ("trainings", "homework", "explorers", "insides", "claims", "pages")


class Which(Strict):
    """Which lesson it is: two that differ in any of this share no folder."""

    full: bool
    data: str
    data_sha256: str
    fashion: str
    seed: Count
    seeds: Count


class Part(Strict):
    """A part of the lesson. time_s: that it took so far."""

    name: Literal["trainings", "homework", "explorers", "insides", "claims", "pages"]
    time_s: Seconds
    is_finished: bool


class LessonOutcome(Strict):
    """What the lesson came to: both nets' runs, and each claim's verdict."""

    runs: tuple[RunResult, ...] = ()
    claims: dict[str, VerdictWord] = Field({})


class _Whole(Strict):
    lesson: Which
    environment: Environment
    parts: tuple[Part, ...]
    time_s: Seconds
    outcome: LessonOutcome


def finished_lesson(folder: Path) -> Which:
    """Which lesson a folder holds, all of whose pages are there. Raises UserError where it holds none, or a part."""
    path = folder / "lesson.json"
    if not path.is_file():
        raise UserError(f"{folder} holds no lesson; expected the folder that cnnlab lesson made: name it, or make one")
    record = read_record(_Whole, path)
    if not any(part.name == "pages" and part.is_finished for part in record.parts):
        raise UserError(f"{folder} holds a part of a lesson; expected all: go on with cnnlab lesson --out {folder}")
    return record.lesson


class LessonRecord:
    """A lesson's record, written anew as each part ends; a lesson that was stopped goes on with its own."""

    def __init__(self, path: Path, sizes: Sizes, data: ImageSet, *, seed: int) -> None:
        """Begin a record, or go on with the one at `path`. Raises UserError where it is another lesson's."""
        device = resolve_device("auto")
        self.path = path
        self.lesson = Which(
            full=sizes.is_full,
            data=data.name,
            data_sha256=data.sha256,
            fashion=sizes.fashion,
            seed=seed,
            seeds=sizes.seeds,
        )
        self.parts: dict[str, float] = {}
        self.finished: set[str] = set()
        self.outcome = LessonOutcome()
        self.environment = environment(device, resolve_precision("auto", device))
        if path.exists():
            self._go_on(read_record(_Whole, path))

    def _go_on(self, before: _Whole) -> None:
        for name, value in self.lesson:
            was = getattr(before.lesson, name)
            if was != value:
                raise UserError(
                    f"{self.path.parent} holds a lesson with {name.replace('_', ' ')} {was}; this one has {value}: "
                    "choose another --out"
                )
        self.parts = {part.name: part.time_s for part in before.parts}
        self.finished = {part.name for part in before.parts if part.is_finished}
        self.outcome = before.outcome
        if before.environment.cnnlab != self.environment.cnnlab:
            self.finished.clear()

    @property
    def made(self) -> str:
        """What tells this lesson from another: twelve hex digits."""
        return hashlib.sha256(json.dumps(self.lesson.model_dump(), sort_keys=True).encode()).hexdigest()[:12]

    @contextmanager
    def part(self, name: str) -> Generator[None]:
        """Time a part of the lesson; it is finished when nothing is raised in it.

        What a part took before it was stopped counts; looking at one that was finished before does not.
        """
        is_again, started = name in self.finished, perf_counter()
        try:
            yield
            self.finished.add(name)
        finally:
            if not is_again:
                self.parts[name] = round(self.parts.get(name, 0.0) + perf_counter() - started, 2)
            self.write()

    def reopen(self, name: str) -> None:
        """Mark a part as to be done again, its time to be measured anew."""
        self.finished.discard(name)
        self.parts.pop(name, None)

    @property
    def time_s(self) -> float:
        """What all parts took so far."""
        return round(sum(self.parts.values()), 2)

    def to_json(self) -> dict[str, Any]:
        """The record as it is written; the outcome is empty until there is one."""
        parts = tuple(
            Part(name=name, time_s=self.parts[name], is_finished=name in self.finished)
            for name in PARTS
            if name in self.parts
        )
        whole = _Whole(
            lesson=self.lesson, environment=self.environment, parts=parts, time_s=self.time_s, outcome=self.outcome
        )
        outcome = self.outcome.model_dump(mode="json") if self.outcome.runs else {}
        return whole.model_dump(mode="json", exclude={"environment"}) | {
            "environment": self.environment.to_json(of_a_run=False),
            "outcome": outcome,
        }

    def write(self) -> None:
        """Write the record to its file."""
        write_json(self.path, self.to_json())
