"""What the commands show while they work: bars and lines on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from cnnlab.cli.streams import shown

if TYPE_CHECKING:
    from cnnlab.training import Epoch, Step

#: Seconds over which the speed of an experiment is averaged: runs of one kind after another differ in speed.
SPEED_PERIOD_S = 300.0


class Console(rich.console.Console):
    """Rich's console, whose colours and moves are its own: what is printed is shown, see `streams`."""

    def __init__(self, **how: Any) -> None:
        super().__init__(highlight=False, emoji=False, **how)

    @property
    def file(self) -> IO[str]:
        """The stream itself: a bar on the screen stands before what stands before it."""
        file = super().file
        return getattr(file, "rich_proxied_file", file)

    @file.setter
    def file(self, file: IO[str]) -> None:
        self._file = file

    def render_str(self, text: str, **how: Any) -> Text:
        """Text as it will be seen, before its width is measured."""
        return super().render_str(shown(text), **how)

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The pieces that are written, whatever they came from."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(shown(piece.text), piece.style)


#: Everything that is not a figure.
stderr = Console(stderr=True, soft_wrap=True)


def notice(text: str) -> None:
    """Print one line on stderr."""
    stderr.print(text, style="dim", markup=False)


def prepare_training() -> None:
    """Set this process up for a training; say so when loops are compiled, as it takes seconds."""
    from cnnlab.training.fused import tell_of_compiling
    from cnnlab.training.machine import keep_freed_memory

    keep_freed_memory()
    tell_of_compiling(lambda: notice("compiling the loops of fused layers, once on this machine: some 20 s"))


def has_display() -> bool:
    """Whether a browser can show something here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Work:
    """A bar for anything that reports `(what, done, total)`; gone when it is done."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
            disable=not stderr.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        if what not in self.tasks:
            self.bar.start()
            self.tasks[what] = self.bar.add_task(what, total=total)
        self.bar.update(self.tasks[what], completed=done, total=total)
        if done >= total:
            self.bar.stop()


class TrainingView:
    """Live figures of a training: a bar with rate, time left and the last figures, and a line an epoch."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rate]:>6,.0f} images/s"),
            TimeRemainingColumn(compact=True),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.2%}"),
            console=stderr,
            transient=True,
            disable=not stderr.is_terminal,
        )
        self.task: TaskID | None = None
        self.headed = False

    def step(self, step: Step) -> None:
        """Move the bar to where the training stands, with its figures so far."""
        fields: dict[str, Any] = {
            "epoch": step.epoch,
            "rate": step.images_per_s,
            "loss": step.loss,
            "accuracy": step.accuracy,
        }
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task("training", total=step.total_steps, completed=step.step, **fields)
        self.bar.update(self.task, completed=step.step, **fields)

    def epoch(self, record: Epoch) -> None:
        """Write the epoch's line, under a head that says what its columns are."""
        if not self.headed:
            stderr.print("       ┌ as seen training ┐  ┌ same, measured after ┐  ┌─ validation ─┐", style="dim")
            self.headed = True
        stderr.print(
            f"epoch {record.epoch:<3d} loss {record.training_loss:.4f} {record.training_accuracy:7.2%}   "
            f"loss {record.remeasured_loss:.4f} {record.remeasured_accuracy:7.2%}      "
            f"loss {record.validation_loss:.4f} {record.validation_accuracy:7.2%}"
            f"{' *' if record.is_best else '  '} {record.train_time_s:6.1f} s"
        )

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.stop()


def long_bar() -> Progress:
    """A bar on stderr with its share and the time left; nothing where that is no terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=stderr,
        transient=True,
        disable=not stderr.is_terminal,
        speed_estimate_period=SPEED_PERIOD_S,
    )


class ExperimentView:
    """A bar over all runs of an experiment, with the time left; it comes with the first progress."""

    def __init__(self, runs: int = 0) -> None:
        """Expect `runs` runs, all of equal work."""
        self.runs = runs
        self.work: dict[Any, float] = {}
        self.shares: dict[Any, float] = {}
        self.what = ""
        self.bar = long_bar()
        self.task: TaskID | None = None

    def expect(self, work: Mapping[Any, float]) -> None:
        """Count these runs by the work that each of them is; one that nobody expected is one more of the average."""
        self.work = dict(work)

    def begin(self, what: str) -> None:
        """Say what the next runs are for."""
        self.what = what
        if self.task is not None:
            self._show()
            self.bar.start()

    def expect_runs(self, ahead: int) -> None:
        """Expect at most `ahead` more runs, besides those that are done."""
        self.runs = len(self.shares) + ahead

    def progress(self, run: Any, share: float) -> None:
        """Say that a share (0–1) of a run is done."""
        self.shares[run] = share
        self._show()

    def pause(self) -> None:
        """Take the bar off the screen, for something to be printed there; `begin` brings it back."""
        self.bar.stop()

    def _show(self) -> None:
        average = sum(self.work.values()) / len(self.work) if self.work else 1.0
        work = {run: self.work.get(run, average) for run in self.work | self.shares}
        runs = max(self.runs, len(work))
        total = sum(work.values()) + (runs - len(work)) * average
        done = sum(one >= 1 for one in self.shares.values())
        if self.task is None:
            self.bar.start()
            self.task = self.bar.add_task("", total=total)
        says = f"{self.what} {done} of {runs} runs".strip()
        completed = sum(share * work[run] for run, share in self.shares.items())
        self.bar.update(self.task, completed=completed, total=total, description=says)

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.stop()
