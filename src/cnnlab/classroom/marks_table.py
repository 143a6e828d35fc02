"""marks.csv: a row a student; no text of a student's is a formula in it."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime

from cnnlab.classroom.results import ClassResults, StudentResult

_TITLES = ("id", "e-mail", "name", "handed in", "late", "tries", "questions", "homework", "accuracy", "remarks")
#: Where a formula would begin for some spreadsheet, in the wide signs of East Asia, too.
_FORMULA = re.compile("((?:^|;)\\s*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
_LINES = re.compile("[\t\r\n\v\f\x85\u2028\u2029]+")


def marks_table(results: ClassResults) -> bytes:
    """A class's marks as CSV, marked as UTF-8: points, accuracy in per cent, times in the due time's zone.

    Text is as `as_text` has it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(_TITLES)
    for one in results.results:
        writer.writerow([as_text(cell) for cell in _cells(one, results.due)])
    return b"\xef\xbb\xbf" + text.getvalue().encode(errors="replace")


def _cells(one: StudentResult, due: datetime | None) -> tuple[str, ...]:
    best = None if one.best is None else one.best.accuracy
    return (
        one.student.id,
        one.student.email,
        one.student.name,
        _time(one.arrived, due),
        "late" if one.is_late else "",
        str(one.tries) if one.file else "",
        _number(one.question_points),
        _number(one.homework_points),
        _number(None if best is None else 100 * best),
        " ".join(one.remarks),
    )


def as_text(text: str) -> str:
    """Text that a spreadsheet takes for text: in one line, with an apostrophe before what would be a formula.

    A spreadsheet that expects semicolons splits at those in a cell: what stands after one counts, too.
    """
    return _FORMULA.sub(r"\1'", " ".join(_LINES.split(text)))


def _time(arrived: datetime | None, due: datetime | None) -> str:
    if arrived is None:
        return ""
    if due is not None and arrived.tzinfo is not None:
        arrived = arrived.astimezone(due.tzinfo)
    return arrived.isoformat(" ", "minutes")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
