"""The assignment sheet: what to hand in, by when, and how it is marked, on one printed page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnlab.classroom.settings import in_full
from cnnlab.report.classroom.written import points, whole
from cnnlab.report.pages import render
from cnnlab.version import __version__

if TYPE_CHECKING:
    from cnnlab.classroom.settings import ClassSettings


def assignment_sheet(
    settings: ClassSettings, *, questions: int, texts: Sequence[tuple[str, str]], lesson_data: str
) -> str:
    """The sheet as HTML that loads nothing from elsewhere; it leads to index.html beside it.

    settings: of the class; its secret is not in the page. questions: how many the lesson's pages ask. texts: title and
    what is asked, for each text to write. lesson_data: what the lesson's own nets learned from.
    """
    return whole(
        render(
            "classroom/sheet.html",
            name=settings.name,
            due=None if settings.due is None else in_full(settings.due),
            worth=settings.points,
            images=settings.withheld.images,
            withheld=settings.withheld.data is not None,
            # A path would tell how the teacher's disk is laid out.
            data=None
            if settings.withheld.data is None or re.search(r"[/\\]", settings.withheld.data)
            else settings.withheld.data,
            questions=questions,
            texts=texts,
            lesson_data=lesson_data,
            points=points,
            version=__version__,
        )
    )
