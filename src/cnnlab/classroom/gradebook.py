"""A teacher's own gradebook, filled: a column each for questions, homework and accuracy, and nothing else changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnlab.classroom.finder import Finder
from cnnlab.classroom.results import ClassResults, Student, StudentResult
from cnnlab.classroom.roster import RosterColumns, find_columns, is_points_row, plain, students
from cnnlab.classroom.settings import GradeColumns
from cnnlab.classroom.table import Table, read_table
from cnnlab.errors import UserError

#: What follows a title that a platform lengthens: `Homework (12345)`, `Homework [Total Pts: 10 Score] |12`.
_LENGTHENED = (" (", " [", ":")
#: What Moodle puts before it: `Assignment: Homework (Real)`.
_KIND = re.compile(r"[^\W\d_]+: ")
#: The columns of the same title that hold no mark.
_NO_MARKS = re.compile(r"\((feedback|rückmeldung|letter|buchstabe)\)$")
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
    numbers: Mapping[str, tuple[str, ...]] | None = None,
    what: str = "the gradebook",
) -> Filled:
    """A gradebook with what students came to: points, and accuracy in per cent, to two decimals.

    data: the table as it was exported. columns: titles; a column of that title is filled, also where a platform has
    lengthened it, else one is added at the end. numbers: key → what else the platform calls a student (`Finder`). A
    student who handed nothing in, or is not marked whole, leaves the cell as it is.
    Raises UserError for what is no table, and for one that does not say who somebody is.
    """
    table = read_table(data, what)
    who = find_columns(table)
    if not who.says_who:
        raise UserError(f"{what} has the columns {listed(table.header)}; expected an id, an e-mail address or a name")
    row_of, told = _rows(table, who, results, numbers or {})
    written, added, comma = {}, {}, _has_decimal_commas(table)
    for mark in _marks(results, columns):
        texts = {row_of[key]: _number(value, comma) for key, value in mark.values.items() if key in row_of}
        place, says = _column(table, mark)
        told.append(f"{mark.title}: {len(texts)} of {len(mark.values)} students with a mark, {says}")
        if isinstance(place, int):
            written |= {(row, place): text for row, text in texts.items()}
        elif place:
            points = {row: _number(mark.most, comma) for row in range(len(table.rows)) if is_points_row(table, row)}
            added[mark.title] = points | texts
    return Filled(table.with_cells(written, added), tuple(told))


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
    rows = [(one, _by_number(table, who, finder, one)) for one in students(table, who)]
    same_ids = any(found is not None for _, found in rows)
    row_of: dict[str, int] = {}
    told, lost = [], []
    found_in = []
    for row, found in rows:
        how = "nobody has its id"
        if found is None and not (row.id and same_ids):
            found, how = finder.find(email=row.email, name=row.name)
        if found is None:
            lost.append(f"row {_line(row)} ({_called(row)}) is left as it is: {how}")
        else:
            found_in.append((found, row))
    times = Counter(found.key for found, _ in found_in)
    for found, row in found_in:
        if times[found.key] == 1 and row.row is not None:
            row_of[found.key] = row.row
        else:
            lost.append(f"row {_line(row)} ({_called(row)}) is left as it is: {times[found.key]} rows are this student's")
    lost += [
        f"{_called(one.student)} has handed something in and has no row of their own"
        for one in results.results
        if one.file and one.student.key not in row_of
    ]
    told += lost[:_TOLD]
    if len(lost) > _TOLD:
        told.append(f"and {len(lost) - _TOLD} more rows or students like these")
    return row_of, told


def _by_number(table: Table, who: RosterColumns, finder: Finder, row: Student) -> Student | None:
    """Who has one of the row's numbers."""
    assert row.row is not None
    for word in (row.id, *(table.cell(row.row, column) for column in who.numbers)):
        if word and (found := finder.find(id=word).student) is not None:
            return found
    return None


def _column(table: Table, mark: _Mark) -> tuple[int | bool, str]:
    """The column that is filled, or whether one is added, and what to say of it."""
    sought = plain(mark.title)
    exact = [index for index, title in enumerate(table.header) if plain(title) == sought]
    longer = [index for index, title in enumerate(table.header) if _is_longer(plain(title), sought)]
    found = exact or [index for index in longer if not _NO_MARKS.search(plain(table.header[index]))]
    real = [index for index in found if plain(table.header[index]).endswith("(real)")]
    found = real or found
    if len(found) > 1:
        return False, f"in none: {len(found)} columns are called so"
    if not found:
        return True, "in a column that was added"
    index, notes = found[0], ""
    points = _points_of(table, index)
    if points is not None and points != mark.most:
        notes = f", which has {_number(points, comma=False)} points, and here there are {_number(mark.most, comma=False)}"
    if any(plain(table.cell(row, index)) == "(read only)" for row in range(len(table.rows)) if is_points_row(table, row)):
        notes += ", which the platform says is read only"
    return index, f"in {table.header[index]!r}{notes}"


def _is_longer(title: str, sought: str) -> bool:
    kind = _KIND.match(title)
    bare = title[kind.end() :] if kind else title
    return any(one == sought or one.startswith(tuple(sought + sign for sign in _LENGTHENED)) for one in (title, bare))


def _points_of(table: Table, column: int) -> float | None:
    """How many points a column has, as Canvas's row or Blackboard's title says."""
    says = [table.cell(row, column) for row in range(len(table.rows)) if is_points_row(table, row)]
    in_title = _POINTS_IN_TITLE.search(table.header[column])
    text = says[0] if says else in_title[1] if in_title else ""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


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


def _line(student: Student) -> str:
    return str(1 if student.row is None else student.row + 2)  # as a spreadsheet counts, below the titles


def _called(student: Student) -> str:
    return student.name or student.id or student.email or student.key


def listed(titles: Sequence[str], most: int = 12) -> str:
    """A table's titles, as a message lists them."""
    named = [repr(title[:40]) for title in titles]
    return ", ".join(named[:most]) + (f" and {len(named) - most} more" if len(named) > most else "")
