"""The lesson's progress: one bar over all its parts with the time left; in a pipe a line now and then."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.progress import TaskID

from cnnlab.cli.terminal import long_bar, notice, stderr
from cnnlab.numbers import duration

#: Seconds between two lines where there is no terminal, and the share of the work (0–1) from which on a guess at the
#: time left is worth its line.
LINE_EVERY_S, WORTH_A_GUESS = 15.0, 0.02


class LessonView:
    """Counts pieces of work, trainings among them, in any one unit."""

    def __init__(self) -> None:
        self.work: dict[Any, float] = {}
        self.done: dict[Any, float] = {}
        self.part = ""
        self.bar = long_bar()
        self.task: TaskID | None = None
        self.started = self.line_at = time.monotonic()

    def expect(self, work: Mapping[Any, float]) -> None:
        """Add pieces of work to those that the bar counts."""
        self.work |= work

    def begin(self, part: str) -> None:
        """Say which part of the lesson begins."""
        self.part = part
        if not stderr.is_terminal:
            notice(f"lesson: {part}")
            self.line_at = time.monotonic()
        self._show()

    def progress(self, piece: Any, share: float) -> None:
        """Say that a share (0–1) of a piece of work is done; one that nobody expected is not counted."""
        if piece in self.work:
            self.done[piece] = share
        self._show()

    def say(self, sentence: str) -> None:
        """Print a line that stays on the screen."""
        notice(sentence)

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.stop()

    def _show(self) -> None:
        total = sum(self.work.values())
        completed = sum(share * self.work[piece] for piece, share in self.done.items())
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task(self.part, total=total)
        self.bar.update(self.task, completed=completed, total=total, description=f"lesson: {self.part}")
        now = time.monotonic()
        if not stderr.is_terminal and completed >= WORTH_A_GUESS * total and now - self.line_at >= LINE_EVERY_S:
            self.line_at = now
            left = (now - self.started) * (total - completed) / completed
            notice(f"lesson: {self.part}, {completed / total:.0%} of all, about {duration(left)} left")
