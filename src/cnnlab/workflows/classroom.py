"""What a class handed in, collected: marks, the teacher's page, each student's feedback, and the filled gradebook."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cnnlab.classroom.collecting import collect
from cnnlab.classroom.finder import Finder
from cnnlab.classroom.gradebook import Filled, fill, read_gradebook
from cnnlab.classroom.marks_table import marks_table
from cnnlab.classroom.results import ClassResults
from cnnlab.classroom.roster import read_given
from cnnlab.classroom.settings import COLLECTED, MARKS, QUESTIONS_FILE, read_class
from cnnlab.classroom.whole_folder import whole_folder
from cnnlab.errors import UserError
from cnnlab.one_writer import one_writer
from cnnlab.plain_files import place_in
from cnnlab.report.classroom.feedback import feedback_page
from cnnlab.report.classroom.teacher import teacher_page
from cnnlab.strict_json import strict_json
from cnnlab.whole_files import write_whole
from cnnlab.workflows.class_handout import has_hand_ins

#: The teacher's page, and the one for showing in class, which names nobody.
PAGE, ANONYMOUS_PAGE = "index.html", "anonymous.html"
#: The folder of what only the teacher may run, a folder a student.
TO_RUN = "to-run"
#: What collecting itself writes; a gradebook is never called so there.
_OWN = (PAGE, ANONYMOUS_PAGE, "feedback", TO_RUN, "marks.csv", "results.json")


@dataclass(frozen=True)
class Collected:
    """What collecting came to: files in CLASS/collected, None where they were not asked for.

    told: what is to be said of the gradebook, a sentence each.
    """

    results: ClassResults
    page: Path
    anonymous_page: Path | None
    gradebook: Path | None
    told: tuple[str, ...]


def collect_class(
    folder: Path,
    given: Sequence[Path],
    *,
    gradebook: Path | None = None,
    is_anonymous: bool = False,
    data_root: Path | None = None,
    say: Callable[[str], None],
) -> Collected:
    """Add what is given to what was handed in before, mark all of it, and write CLASS/collected/ whole.

    given: folders, zips or files as a platform's download has them; none to mark again. gradebook: the teacher's own
    table, a copy of which is filled under its own name there. is_anonymous: whether there is to be a page for showing
    in class, too. say: called with a sentence while something long runs. The same hand-ins and marks give the same
    bytes.
    Raises UserError for a folder that is no class's, or has handed nothing out; for a gradebook that cannot be filled;
    for marks that were saved into CLASS/collected/; and when the disk refuses: what was collected before stays then.
    """
    settings = read_class(folder)
    if not (folder / QUESTIONS_FILE).is_file():
        raise UserError(
            f"{folder} has handed nothing out; expected a lesson's questions there: begin with cnnlab class hand-out"
        )
    if not given and not has_hand_ins(folder):
        raise UserError(
            f"{folder} has no hand-ins yet; expected what a platform's download gave: name its folder or its zip"
        )
    _require_no_marks(folder / COLLECTED)
    table = None if gradebook is None else read_given(gradebook)
    if table is not None:
        read_gradebook(table, str(gradebook), settings.roster)  # before nets are measured, which takes a while
    with one_writer(folder, being="written", mend="wait for it"):
        with suppress(OSError):  # a place for what the page saves; nothing of this depends on it
            (folder / MARKS).mkdir(exist_ok=True)
        name = None if gradebook is None else _name_of(gradebook)
        with whole_folder(folder / COLLECTED, is_new=False) as made:
            results = collect(folder, given, data_root=data_root, say=say, to_run=made / TO_RUN)
            filled = None
            if table is not None and gradebook is not None:
                numbers = Finder.of_class(folder, settings).numbers
                filled = fill(
                    table, results, settings.columns, roster=settings.roster, numbers=numbers, what=str(gradebook)
                )
            _write(made, results, is_anonymous, filled, name)
    there = folder / COLLECTED
    return Collected(
        results,
        there / PAGE,
        there / ANONYMOUS_PAGE if is_anonymous else None,
        None if name is None else there / name,
        () if filled is None else filled.told,
    )


def _require_no_marks(collected: Path) -> None:
    """Raise UserError where the teacher's page saved marks into the folder that is about to be written anew."""
    mislaid = sorted(path for path in collected.glob("*.json") if path.name.casefold() not in _OWN)
    if mislaid:
        raise UserError(
            f"{mislaid[0]} would be lost, as {collected} is written anew; expected marks in "
            f"{collected.parent / MARKS}: move it there"
        )


def _write(made: Path, results: ClassResults, is_anonymous: bool, filled: Filled | None, name: str | None) -> None:
    write_whole(made / PAGE, teacher_page(results, is_anonymous=False).encode())
    if is_anonymous:
        write_whole(made / ANONYMOUS_PAGE, teacher_page(results, is_anonymous=True).encode())
    for one in results.results:
        if one.file:
            write_whole(place_in(made, f"feedback/{one.student.key}.html"), feedback_page(one, results).encode())
    write_whole(made / "marks.csv", marks_table(results))
    write_whole(made / "results.json", results_json(results))
    if filled is not None and name is not None:
        write_whole(made / name, filled.data)


def results_json(results: ClassResults) -> bytes:
    """A class's results as JSON: times as ISO 8601, drawings' pixels as base64."""
    return (strict_json(_plain(asdict(results)), indent=1, ensure_ascii=False) + "\n").encode(errors="replace")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _name_of(gradebook: Path) -> str:
    """The gradebook's own name; lengthened where collecting writes a file of that name itself."""
    return f"filled-{gradebook.name}" if gradebook.name.casefold() in _OWN else gradebook.name
