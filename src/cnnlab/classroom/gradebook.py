"""A teacher's own gradebook, filled: a column each for questions, homework and accuracy, and nothing else changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cnnlab.classroom.finder import Finder
from cnnlab.classroom.results import ClassResults, Student, StudentResult
from cnnlab.classroom.roster import RosterColumns, find_columns, folded, is_points_row, plain, students
from cnnlab.classroom.settings import GradeColumns, RosterFile
from cnnlab.classroom.table import Table, read_table
from cnnlab.errors import UserError

#: What follows a title that a platform lengthens: `Homework (12345)`, `Homework [Total Pts: 10 Score] |12`.
_LENGTHENED = (" (", " [", ":")
#: What Moodle puts before it: `Assignment: Homework (Real)`, `External tool: Homework (Real)`.
_KIND = re.compile(r"[^\W\d_]+(?: [^\W\d_]+){0,2}: ")
#: Its columns of the same title: those that hold points, no mark, and per cent of the points.
_REAL = re.compile(r"\((real|punkte)\)$")
_NO_MARKS = re.compile(r"\((feedback|rückmeldung|letter|buchstabe)\)$")
_PER_CENT = re.compile(r"\((percentage|prozentsatz|pourcentage|porcentaje|percentuale)\)$")
_POINTS_IN_TITLE = re.compile(r"\[.*?Pts: (?:up to )?(\d+(?:[.,]\d+)?)")
#: Rows that are told one by one.
_TOLD = 20


@dataclass(frozen=True)
class Filled:
    """A gradebook as it is written, and what the teacher is told of it, a sentence each."""

    data: bytes
    told: tuple[str, ...]


@dataclass(frozen=True)
class _Mark:
    """What a column is filled with. values: student's key → number. most: the most there is."""

    title: str
    values: Mapping[str, float]
    most: float


def fill(
    data: bytes,
    results: ClassResults,
    columns: GradeColumns,
    *,
    roster: RosterFile | None = None,
    numbers: Mapping[str, tuple[str, ...]] | None = None,
    what: str = "the gradebook",
) -> Filled:
    """A gradebook with what students came to: points, and accuracy in per cent, to two decimals.

    data: the table as it was exported. columns: titles; a column of that title is filled, also where a platform has
    lengthened it, else one is added at the end once there is a mark for it. roster: what the class's own columns are
    called; they count here, too. numbers: key → what else the platform calls a student (`Finder`). A student who handed
    nothing in, or is not marked whole, leaves the cell as it is.
    Raises UserError for what is no table, and for one that does not say who somebody is.
    """
    table, who = read_gradebook(data, what, roster)
    row_of, told = _rows(table, who, results, numbers or {})
    written, added, comma = {}, {}, _has_decimal_commas(table)
    for mark in _marks(results, columns):
        if not mark.values:
            told.append(f"{mark.title}: nobody has a mark yet")
            continue
        texts = {row_of[key]: _number(value, comma) for key, value in mark.values.items() if key in row_of}
        place, says = _column(table, mark)
        told.append(f"{mark.title}: {len(texts)} of {len(mark.values)} students with a mark, {says}")
        if place == "new":
            points = {row: _number(mark.most, comma) for row in range(len(table.rows)) if is_points_row(table, row)}
            added[mark.title] = points | texts
        elif place is not None:
            written |= {(row, place): text for row, text in texts.items()}
    return Filled(table.with_cells(written, added), tuple(told))


def read_gradebook(data: bytes, what: str, roster: RosterFile | None = None) -> tuple[Table, RosterColumns]:
    """A gradebook, and where it says who somebody is, in columns called as the roster's are or else found.

    Raises UserError where it does not say it, and for what is no table.
    """
    table = read_table(data, what)
    named = roster or RosterFile(id=None, email=None, name=())
    there = set(table.header)
    who = find_columns(
        table,
        id=named.id if named.id in there else None,
        email=named.email if named.email in there else None,
        name=named.name if there.issuperset(named.name) else (),
    )
    if not who.says_who:
        raise UserError(
            f"{what} has the columns {listed(table.header)}; expected an id, an e-mail address or a name: mend it"
        )
    return table, who


def _marks(results: ClassResults, columns: GradeColumns) -> tuple[_Mark, ...]:
    """The three columns; only what is marked whole and was handed in."""
    there = [one for one in results.results if one.file]

    def accuracy(one: StudentResult) -> float | None:
        return None if one.best is None or one.best.accuracy is None else 100 * one.best.accuracy

    return (
        _Mark(columns.questions, _known({x.student.key: x.question_points for x in there}), results.most_questions),
        _Mark(columns.homework, _known({x.student.key: x.homework_points for x in there}), results.most_homework),
        _Mark(columns.accuracy, _known({x.student.key: accuracy(x) for x in there}), 100.0),
    )


def _known(values: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in values.items() if value is not None}


def _rows(
    table: Table, who: RosterColumns, results: ClassResults, numbers: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, int], list[str]]:
    """Student's key → their row, and what to say of rows and students that have none.

    Where ids of the table are the class's, a row of another id is another student, whatever its name.
    """
    finder = Finder((one.student for one in results.results), numbers)
    by_id = [(one, _by_number(table, who, finder, one)) for one in students(table, who)]
    same_ids = any(found is not None for _, found in by_id)
    rows: dict[str, list[Student]] = {}
    lost = []
    for row, found in by_id:
        how = "nobody has its id"
        if found is None:
            found, how = finder.find(email=row.email, name=row.name)
            if found is not None and found.id and row.id and same_ids and how != "by the e-mail address":
                found, how = None, f"{_called(found)} has another id"
        if found is None:
            lost.append(f"{_place(row)} is left as it is: {how}")
        else:
            rows.setdefault(found.key, []).append(row)
    for several in rows.values():
        if len(several) > 1:
            lost += [f"{_place(row)} is left as it is: {len(several)} rows are this student's" for row in several]
    row_of = {key: rows[0].row for key, rows in rows.items() if len(rows) == 1 and rows[0].row is not None}
    lost += [
        f"{_called(one.student)} has handed something in and has no row of their own"
        for one in results.results
        if one.file and one.student.key not in row_of
    ]
    more = [f"and {len(lost) - _TOLD} more rows or students like these"] if len(lost) > _TOLD else []
    return row_of, lost[:_TOLD] + more


def _by_number(table: Table, who: RosterColumns, finder: Finder, row: Student) -> Student | None:
    """Who has the row's id, or another of its numbers and, as those may be of another kind, a part of its name."""
    if row.id and (found := finder.find(id=row.id).student) is not None:
        return found
    assert row.row is not None
    words = set(folded(row.name).split())
    for number in (table.cell(row.row, column) for column in who.numbers):
        found = finder.find(id=number).student if number else None
        if found is not None and (not words or not found.name or words & set(folded(found.name).split())):
            return found
    return None


def _column(table: Table, mark: _Mark) -> tuple[int | Literal["new"] | None, str]:
    """The column that is filled, a new one or none, and what to say of it."""
    sought = plain(mark.title)
    exact = [index for index, title in enumerate(table.header) if plain(title) == sought]
    longer = [index for index, title in enumerate(table.header) if _is_longer(plain(title), sought)]
    other = [_NO_MARKS] if mark.most == 100 else [_NO_MARKS, _PER_CENT]
    found = exact or [index for index in longer if not any(one.search(plain(table.header[index])) for one in other)]
    real = [index for index in found if _REAL.search(plain(table.header[index]))]
    found = real or found
    if len(found) > 1:
        return None, f"in none: {len(found)} columns are called so; put the whole title of one into class.json"
    if not found:
        return "new", "in a column that was added"
    index, says = found[0], f"in {table.header[found[0]]!r}"
    points = _points_of(table, index)
    try:
        there = float(points.replace(",", "."))
    except ValueError:
        return index, says + (f", which the platform calls {points}" if points else "")
    if there != mark.most:
        says += (
            f", which has {_number(there, comma=False)} points, and here there are {_number(mark.most, comma=False)}"
        )
    return index, says


def _is_longer(title: str, sought: str) -> bool:
    kind = _KIND.match(title)
    bare = title[kind.end() :] if kind else title
    return any(one == sought or one.startswith(tuple(sought + sign for sign in _LENGTHENED)) for one in (title, bare))


def _points_of(table: Table, column: int) -> str:
    """What Canvas's row, or Blackboard's title, says of a column's points: a number, `(read only)` or nothing."""
    says = [table.cell(row, column) for row in range(len(table.rows)) if is_points_row(table, row)]
    in_title = _POINTS_IN_TITLE.search(table.header[column])
    return says[0] if says else in_title[1] if in_title else ""


def _has_decimal_commas(table: Table) -> bool:
    """Whether a table's numbers have commas; one that is delimited by commas has points."""
    if table.delimiter == ",":
        return False
    cells = [cell.strip() for row in table.rows for cell in row]
    commas, points = (sum(re.fullmatch(rf"-?\d+{sign}\d+", one) is not None for one in cells) for sign in (",", "[.]"))
    return commas > points


def _number(value: float, comma: bool) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


def _place(row: Student) -> str:
    """A row as a spreadsheet counts it, the titles' being the first."""
    return f"row {0 if row.row is None else row.row + 2} ({_called(row)})"


def _called(student: Student) -> str:
    return student.name or student.id or student.email or student.key


def listed(titles: Sequence[str], most: int = 12) -> str:
    """A table's titles, as a message lists them."""
    named = [repr(title[:40]) for title in titles]
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
