"""Who is in a class: the columns of an exported table that say so, and the students that its rows name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnlab.classroom.results import Student
from cnnlab.classroom.settings import ClassSettings, RosterFile
from cnnlab.classroom.table import TABLE_BYTES, Table, read_table
from cnnlab.errors import UserError, nearest
from cnnlab.plain_files import read_plain
from cnnlab.runs.records import unreadable

#: Titles of columns by which a student is known, the likelier first: Moodle's, Canvas's, Blackboard's, Brightspace's,
#: other schools'; without accents, capitals and signs. Students know their own number or login.
_IDS = (
    *("id number", "sis user id", "student id", "orgdefinedid", "student number", "student no", "studentid"),
    *("matriculation number", "matrikelnummer", "matrikelnr", "matrikel nr", "matr nr", "martikelnummer"),
    *("registration number", "roll number", "roll no", "university id", "campus id", "id nummer", "idnummer"),
    *("numero d identification", "numero etudiant", "numero de id", "numero di matricola", "matricola", "studienummer"),
    *("sis login id", "username", "user name", "login", "login id", "netid", "benutzername", "nutzername", "kennung"),
    *("anmeldename", "identifiant", "nom d utilisateur", "nombre de usuario", "user id", "userid", "uid", "id"),
)
_EMAILS = (
    *("email address", "email", "e mail", "e mail address", "mail", "e mail adresse", "email adresse", "emailadresse"),
    *("adresse de courriel", "adresse e mail", "courriel", "direccion de correo", "correo electronico"),
    *("indirizzo email", "indirizzo e mail", "e mailadres"),
)
_NAMES = (
    *("full name", "fullname", "student name", "student", "display name", "vollstandiger name", "nom complet"),
    *("nombre completo", "first name last name", "last name first name", "name", "nombre apellido s", "teilnehmer"),
)
_FIRST_NAMES = ("first name", "firstname", "given name", "given names", "forename", "vorname", "vornamen", "prenom")
_FIRST_NAMES += ("nombre", "nome", "voornaam")
_LAST_NAMES = ("last name", "lastname", "surname", "family name", "nachname", "familienname", "nom de famille", "nom")
_LAST_NAMES += ("apellido s", "apellidos", "cognome", "achternaam")
#: What a platform calls a student by in what it downloads, besides the above.
_NUMBERS = ("identifier", "participant number", "integration id")

#: Moodle's number of somebody in one assignment, in any of its languages: `Participant 50118`, `Teilnehmer/in 50118`.
_PARTICIPANT = re.compile(r"[^\W\d_][^\d\s]*\s(\d+)")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
#: What the names of devices are in Windows, so that no file is called so.
_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


@dataclass(frozen=True)
class RosterColumns:
    """Where a table says who somebody is: columns, counted from 0; None where it has none.

    name: one column, or two: first names, last names. numbers: columns with what the platform itself calls a student,
    which stands in the names of files that it downloads.
    """

    id: int | None
    email: int | None
    name: tuple[int, ...]
    numbers: tuple[int, ...]

    @property
    def says_who(self) -> bool:
        """Whether there is any of them."""
        return self.id is not None or self.email is not None or bool(self.name)


def find_columns(
    table: Table, *, id: str | None = None, email: str | None = None, name: Sequence[str] = ()
) -> RosterColumns:
    """The columns of a table that say who somebody is, by their titles and by what is in them.

    id, email, name: titles that the teacher chose; name: one, or two: first names, last names. A column that is empty
    for more than half of the students counts only where there is no other. Moodle's numbers of participants are no ids.
    Raises UserError for a chosen title that the table has not.
    """
    titles = [folded(title) for title in table.header]

    def chosen(title: str) -> int:
        exact = [index for index, one in enumerate(table.header) if one.strip() == title.strip()]
        called = exact or [index for index, one in enumerate(titles) if one == folded(title)]
        if called:
            return next(_fuller(table, called), called[0])
        raise UserError(f"no column is called {title!r}; {nearest(title, filter(None, table.header))}")

    def first(known: Sequence[str], but: Callable[[Table, int], bool] = lambda table, column: False) -> int | None:
        there = [index for one in known for index, title in enumerate(titles) if title == one and not but(table, index)]
        return next(_fuller(table, there), None)

    of_name = tuple(chosen(one) for one in name) or _name_columns(titles)
    of_email = chosen(email) if email is not None else first(_EMAILS)
    of_id = chosen(id) if id is not None else first(_IDS, but=_is_of_participants)
    if of_email is None:
        others = (index for index in range(len(titles)) if index != of_id and index not in of_name)
        of_email = next((index for index in others if _holds_addresses(table, index)), None)
    numbers = (index for index, title in enumerate(titles) if title in (*_IDS, *_NUMBERS) and index != of_id)
    return RosterColumns(of_id, of_email, of_name, tuple(numbers))


def _name_columns(titles: Sequence[str]) -> tuple[int, ...]:
    firsts = [titles.index(one) for one in _FIRST_NAMES if one in titles]
    lasts = [titles.index(one) for one in _LAST_NAMES if one in titles]
    wholes = [titles.index(one) for one in _NAMES if one in titles]
    if firsts and lasts:
        return firsts[0], lasts[0]
    if firsts and wholes and titles[wholes[0]] == "name":  # `Name` beside `Vorname` is the last name
        return firsts[0], wholes[0]
    return tuple((wholes or lasts or firsts)[:1])


def _fuller(table: Table, columns: Sequence[int]) -> Iterator[int]:
    """Those of some columns that say something, the ones first that do so for at least half of the students."""
    filled = [(column, _filled(table, column)) for column in columns]
    yield from (column for column, share in filled if share >= 0.5)
    yield from (column for column, share in filled if 0 < share < 0.5)


def _filled(table: Table, column: int) -> float:
    """The share of a table's lines in which a column says something; those that are no students' do not count."""
    rows = [row for row, cells in enumerate(table.rows) if any(map(str.strip, cells)) and not _is_aside(table, row)]
    return sum(bool(table.cell(row, column)) for row in rows) / max(len(rows), 1)


def _holds_addresses(table: Table, column: int) -> bool:
    return _holds(table, column, lambda says: _ADDRESS.fullmatch(says) is not None)


def _is_of_participants(table: Table, column: int) -> bool:
    return _holds(table, column, lambda says: participant_number(says) != "")


def _holds(table: Table, column: int, kind: Callable[[str], bool]) -> bool:
    says = [said for row in range(len(table.rows)) if (said := table.cell(row, column))]
    return bool(says) and sum(map(kind, says)) > 0.8 * len(says)


def participant_number(says: str) -> str:
    """`Participant 50118` → `50118`; "" for anything else."""
    found = _PARTICIPANT.fullmatch(says.strip())
    return found[1] if found else ""


def record_of(table: Table, columns: RosterColumns) -> RosterFile:
    """The columns by their titles, as class.json keeps them."""

    def title(column: int | None) -> str | None:
        return None if column is None else table.header[column]

    return RosterFile(
        id=title(columns.id), email=title(columns.email), name=tuple(table.header[one] for one in columns.name)
    )


def students(table: Table, columns: RosterColumns) -> tuple[Student, ...]:
    """The students that a table's rows name, in its order; rows that name nobody, or nobody real, are none."""
    found = []
    for row in range(len(table.rows)):
        id, email = table.cell(row, columns.id), table.cell(row, columns.email)
        name = " ".join(filter(None, (table.cell(row, one) for one in columns.name)))
        if (id or email or name) and not _is_nobody(table, row, columns):
            found.append(Student(student_key(id, email, name), id, email, name, row))
    return tuple(_told_apart(found))


def _is_nobody(table: Table, row: int, columns: RosterColumns) -> bool:
    """Whether a row is Canvas's points or its test student, Blackboard's preview user, or says where addresses stand
    what the columns beside it are of, as Google Classroom's `Points` does.
    """
    has_others = columns.id is not None or columns.name
    if has_others and not any(table.cell(row, one) for one in (columns.id, *columns.name)):
        return "@" not in table.cell(row, columns.email)
    says = [table.cell(row, one) for one in (columns.id, columns.email, *columns.name, *columns.numbers)]
    return _is_aside(table, row) or any(one.casefold().endswith("_previewuser") for one in says)


def _is_aside(table: Table, row: int) -> bool:
    return is_points_row(table, row) or table.cell(row, 0).casefold() in ("student, test", "test student")


def is_points_row(table: Table, row: int) -> bool:
    """Whether a row is Canvas's, which says how many points there are."""
    return table.cell(row, 0).casefold() == "points possible"


def _told_apart(found: Sequence[Student]) -> list[Student]:
    """The same students; those who cannot be told apart by what the roster says get their row into the key."""
    times = Counter(one.key for one in found)
    return [
        one if times[one.key] == 1 else Student(f"{one.key}-row{one.row}", one.id, one.email, one.name, one.row)
        for one in found
    ]


def student_key(id: str, email: str, name: str) -> str:
    """What tells a student from others and names files of theirs: letters, digits and `-` alone.

    An id of letters and digits is its own key; other words are cut short, with a part of their SHA-256.
    """
    who = plain(id) or plain(email) or plain(name)
    if id and re.fullmatch(r"[a-z0-9]{1,40}", who) and not _DEVICES.fullmatch(who):
        return who
    short = re.sub(r"[^a-z0-9]+", "-", folded(who))[:40].strip("-") or "student"
    return f"{short}-{hashlib.sha256(who.encode(errors='replace')).hexdigest()[:8]}"


def plain(text: str) -> str:
    """A text as it is compared: NFKC, lower case, blanks alike: ` Müller  ANNA` → `müller anna`."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def folded(text: str) -> str:
    """A text without accents, capitals and signs: `E-Mail-Adresse` → `e mail adresse`."""
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[\W_]+", " ", bare.casefold()).split())


def read_roster(folder: Path, settings: ClassSettings) -> tuple[Table, RosterColumns] | None:
    """The roster that a class's folder keeps, and its columns; None where it has none.

    Raises UserError where it is missing or no longer has its columns.
    """
    if settings.roster is None:
        return None
    path = folder / settings.roster.file
    table = read_table(read_given(path), str(path))
    said = settings.roster
    try:
        columns = find_columns(table, id=said.id, email=said.email, name=said.name)
    except UserError as error:
        raise UserError(f"{path}: {error}: mend its titles, or `roster` in class.json") from None
    return table, columns


def read_given(path: Path) -> bytes:
    """The bytes of a table that a teacher gives. Raises UserError where it is missing or no such file."""
    try:
        return read_plain(path, limit=TABLE_BYTES)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; expected a table as CSV: mend the path") from None
    except OSError as error:
        raise unreadable(path, error) from None
