"""The lesson folder's first page: its runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cnnlab.config import RunConfig
from cnnlab.report.pages import render
from cnnlab.runs.folder import Run


@dataclass(frozen=True)
class LessonEntry:
    """A finished run of the lesson, and where its page lies from the lesson's folder: `lenet5/report.html`."""

    run: Run
    link: str


@dataclass(frozen=True)
class _Row:
    config: RunConfig
    result: dict[str, Any]
    link: str


def lesson_page(entries: Sequence[LessonEntry], *, anatomy: str | None = None) -> str:
    """The page that leads to the runs of a lesson, in the order given.

    anatomy: link to the page on shapes and receptive fields, where there is one.

    Raises UserError when a run is not finished.
    """
    # Quoted: a link can only ever be a path below this page, whatever the run's folder is called.
    rows = [_Row(entry.run.config, entry.run.result(), quote(entry.link)) for entry in entries]
    return render(
        "lesson.html",
        rows=rows,
        anatomy=anatomy,
        data_names=list(dict.fromkeys(row.config.data.name for row in rows)),
    )
