"""The notebook's tasks over the class: how many are right, what is off in the others, and whose code is to be run."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from cnnlab.classroom.results import CheckedTask, ClassResults, StudentResult
from cnnlab.report.classroom.bars import Part, in_order, parts

#: What checks said of a task that is off, at most.
OFF = 6
_STANDINGS = {
    "right": ("first", "right"),
    "off": ("not", "off"),
    "to be run by you": ("undecided", "to be run by you"),
    "not filled in": ("open", "not filled in"),
}


@dataclass(frozen=True)
class AskedTask:
    """A task of the notebook. parts: of all notebooks. off: what its check said of those that are off, and how often.

    left_out: how many of those are beside the ones in `off`. to_run: what is to be done, and for whom.
    """

    title: str
    notebooks: int
    parts: tuple[Part, ...]
    off: tuple[tuple[str, int], ...]
    left_out: int
    to_run: tuple[tuple[str, tuple[StudentResult, ...]], ...]


def asked_tasks(results: ClassResults) -> list[AskedTask]:
    """The tasks of those whose hand-in has a notebook, in its order."""
    had: dict[str, list[tuple[StudentResult, CheckedTask]]] = defaultdict(list)
    for one in results.results:
        for task in one.tasks:
            had[task.id].append((one, task))
    return [_asked(had[id]) for id in in_order(one.tasks for one in results.results)]


def _asked(had: list[tuple[StudentResult, CheckedTask]]) -> AskedTask:
    off = Counter(task.says for _, task in had if task.standing == "off" and task.says)
    shown = sorted(off.items(), key=lambda one: (-one[1], one[0]))[:OFF]
    to_run: dict[str, list[StudentResult]] = defaultdict(list)
    for one, task in had:
        if task.standing == "to be run by you" and task.says:
            to_run[task.says].append(one)
    return AskedTask(
        title=had[0][1].title,
        notebooks=len(had),
        parts=parts(Counter(task.standing for _, task in had), len(had), _STANDINGS),
        off=tuple(shown),
        left_out=off.total() - sum(count for _, count in shown),
        to_run=tuple((says, tuple(those)) for says, those in to_run.items()),
    )
