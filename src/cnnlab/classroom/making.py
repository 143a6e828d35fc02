"""A new class: its folder, whole or not at all, with its settings, its secret and the roster as it was exported."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path

from cnnlab.classroom.gradebook import listed
from cnnlab.classroom.results import Student
from cnnlab.classroom.roster import RosterColumns, find_columns, plain, read_given, record_of, students
from cnnlab.classroom.settings import ROSTER_FILE, ClassSettings, begun, due_text, write_class
from cnnlab.classroom.table import Table, read_table
from cnnlab.classroom.whole_folder import whole_folder
from cnnlab.data.known import MNIST
from cnnlab.data.places import search
from cnnlab.errors import UserError
from cnnlab.whole_files import write_whole

#: Rows, or names, that a message lists.
_LISTED = 5


def new_class(
    folder: Path,
    name: str,
    roster: Path | None = None,
    *,
    id_column: str | None = None,
    email_column: str | None = None,
    name_columns: Sequence[str] = (),
    due: datetime | None = None,
    withheld: str | None = None,
) -> tuple[ClassSettings, list[str]]:
    """Make a class's folder, which is not to exist yet, and say what was taken from where, a line each.

    roster: a platform's export; its bytes are kept. id_column, email_column, name_columns: titles, where they are not
    to be sought. due: with a zone. withheld: what handed-in nets are measured on; None for nothing.
    Raises UserError for a folder that there is, for a roster that names nobody, or two students by one id, and when
    the disk refuses; nothing is left behind then.
    """
    if os.path.lexists(folder):
        raise UserError(f"{folder} is there already; expected a new folder: choose another --out, or another name")
    told, kept, record = [], b"", None
    if roster is None:
        if id_column or email_column or name_columns:
            raise UserError("a column was named, and no roster; expected one that has it: give it by --roster")
        told.append("students: whoever hands something in, as there is no roster")
    else:
        kept = read_given(roster)
        table = read_table(kept, str(roster))
        columns = _columns(table, roster, id_column, email_column, name_columns)
        told += _told_of(table, columns, _students(table, columns, roster))
        record = record_of(table, columns)
    settings = begun(name, due=due, withheld=withheld, roster=record)
    past = (
        ", which is past: what is handed in now is late" if due is not None and due < datetime.now(due.tzinfo) else ""
    )
    told.append(f"due: {due_text(due) or 'never'}{past}")
    measured = f"on up to {settings.withheld.images:,} withheld images of {withheld}"
    told.append(f"handed-in nets are measured {measured if withheld else 'on nothing: --withheld names images'}")
    with whole_folder(folder, is_new=True) as made:
        write_class(made, settings)
        if settings.roster is not None:
            write_whole(made / ROSTER_FILE, kept)
    return settings, told


def folder_name(name: str) -> str:
    """A class's name as a folder's: `CNNs 2026/27` → `CNNs-2026-27`. Raises UserError where nothing is left of it."""
    kept = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60].strip("-.")
    if not kept:
        raise UserError(f"the class's name is {name!r}; expected letters or digits in it: give it another")
    return kept


def due_time(text: str) -> datetime:
    """When hand-ins are due, from `2026-12-04 18:00`, in the zone of this machine unless it names one.

    A date alone means the last minute of that day. Raises UserError for what is no such time.
    """
    try:
        given = datetime.fromisoformat(text.strip())
        if re.fullmatch(r"[\dW-]+", text.strip()):
            given = datetime.combine(given.date(), time(23, 59))
        return given if given.tzinfo is not None else given.astimezone()
    except (ValueError, OverflowError, OSError):
        raise UserError(f'--due: got {text!r}; expected a date and a time: --due "2026-12-04 18:00"') from None


def default_withheld(data_root: Path | None) -> str | None:
    """MNIST where this machine has it, for nets that were trained on a part of its training images; None elsewhere.

    Raises UserError for a data root that does not exist, or holds it wrongly.
    """
    return MNIST.name if search(MNIST, root=data_root).found is not None else None


def checked_withheld(data: str, data_root: Path | None) -> str:
    """The name of a set that is on this machine, with the path of a file or folder in full.

    Raises UserError where there is no such set; nothing is fetched.
    """
    from cnnlab.data import load  # PyTorch takes seconds to load

    load(data, root=data_root, fetch=False)
    kind, colon, path = data.partition(":")
    return f"{kind}:{os.path.abspath(os.path.expanduser(path))}" if colon else data


def _columns(
    table: Table, roster: Path, id_column: str | None, email_column: str | None, name_columns: Sequence[str]
) -> RosterColumns:
    try:
        columns = find_columns(table, id=id_column, email=email_column, name=name_columns)
    except UserError as error:
        raise UserError(f"{roster}: {error}") from None
    if not columns.says_who:
        raise UserError(
            f"{roster} has the columns {listed(table.header)}; expected an id, an e-mail address or a name: say which "
            "is one, by --id-column, --email-column or --name-column"
        )
    return columns


def _students(table: Table, columns: RosterColumns, roster: Path) -> tuple[Student, ...]:
    found = students(table, columns)
    if not found:
        raise UserError(f"{roster} has titles and no students; expected a row for each: export it again")
    times = Counter(plain(one.id) for one in found if one.id)
    twice = [one for one in found if one.id and times[plain(one.id)] > 1]
    if twice:
        rows = [str(one.row + 2) for one in twice if plain(one.id) == plain(twice[0].id) and one.row is not None]
        raise UserError(
            f"{roster}: the id {twice[0].id} stands in the rows {' and '.join(rows)}; expected each once: mend it, or "
            "choose another column by --id-column"
        )
    return found


def _told_of(table: Table, columns: RosterColumns, found: Sequence[Student]) -> list[str]:
    """Which columns were taken, how many students there are, and who cannot be told from others."""

    places = {"id": (columns.id,), "e-mail address": (columns.email,), "name": columns.name}
    taken = [
        f"{what} in {' and '.join(repr(table.header[column]) for column in of_it if column is not None)}"
        for what, of_it in places.items()
        if any(column is not None for column in of_it)
    ]
    told = [f"students: {len(found)}; {', '.join(taken)}"]
    without = sum(not one.id for one in found)
    if columns.id is not None and without:
        told.append(f"{without} of them have no id there and are found by what else is known of them")
    others = len([cells for cells in table.rows if any(cell.strip() for cell in cells)]) - len(found)
    if others:
        told.append(f"{others} rows are no students' and are left out")
    if columns.id is None and columns.email is None:
        times = Counter(plain(one.name) for one in found)
        twice = [one.name for one in found if times[plain(one.name)] > 1]
        if twice:
            told.append(f"called alike, and so not to be told apart: {', '.join(sorted(set(twice))[:_LISTED])}")
    return told
