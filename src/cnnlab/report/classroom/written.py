"""How the pages of a class write days, points and answers, whatever a hand-in holds."""

from __future__ import annotations

import math
import re
from datetime import datetime

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.numbers import true_minus

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TITLES = {chapter.file: chapter.title for chapter in CHAPTERS}


def in_short(moment: datetime) -> str:
    """`4 Dec, 18:00`."""
    return f"{moment.day} {_MONTHS[moment.month - 1]}, {moment:%H:%M}"


def as_due(moment: datetime, due: datetime | None) -> datetime:
    """A moment in the zone of the day by which to hand in, where both have one."""
    if due is None or due.tzinfo is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(due.tzinfo)


def points(number: float) -> str:
    """1.0 → `1`, 17.5 → `17.5`."""
    return f"{number:g}"


def answer(given: str) -> str:
    """A right answer as pages write numbers: `-2416.5` → `−2,416.5`; a choice as it is."""
    try:
        value = float(given)
    except ValueError:
        return given
    return true_minus(f"{value:,.10g}") if math.isfinite(value) else given


def told_command(says: str) -> tuple[str, str]:
    """A sentence and the command that it ends with, after "to be run by you: "; "" for none.

    Sentences quote what hand-ins hold, so that a command is only what has no sign that a shell would act upon.
    """
    found = re.fullmatch(r"(.*to be run by you:) (cnnlab [\w ./:=+,@%'-]+)", says, re.DOTALL)
    return (says, "") if found is None else (found[1], found[2])


def chapter_title(page: str) -> str:
    """A page's title by its file's name; the name itself where it is of no chapter."""
    return _TITLES.get(page, page)


def whole(page: str) -> str:
    """The page with � for halves of pairs, which a hand-in may hold and no file can."""
    return re.sub("[\ud800-\udfff]", "\ufffd", page)
