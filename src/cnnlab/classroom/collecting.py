"""From what an LMS's download gives to what a class's hand-ins come to; the same again gives the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cnnlab.classroom.arrivals import arrivals
from cnnlab.classroom.finder import Finder
from cnnlab.classroom.hand_in import HandIn, read_hand_in
from cnnlab.classroom.marking import Marked, Marking, most_points
from cnnlab.classroom.marks import read_marks
from cnnlab.classroom.measuring import Measuring
from cnnlab.classroom.questions import read_questions
from cnnlab.classroom.remarks import of_one_time, own_remarks, shared_remarks
from cnnlab.classroom.results import ClassResults, StudentResult
from cnnlab.classroom.settings import read_class
from cnnlab.classroom.store import Place, Store, add, hand_in_bytes, read_store
from cnnlab.classroom.to_run import write_to_run
from cnnlab.classroom.tries import counting, light, sorted_out
from cnnlab.classroom.variants import numbers_key, order_key
from cnnlab.classroom.withheld import withheld_images
from cnnlab.errors import UserError

#: The longest line of what was found, in letters; and the most of one folder or zip.
_LONGEST_LINE, _MOST_LINES = 1_000, 20


def collect(
    folder: Path,
    given: Sequence[Path],
    *,
    data_root: str | Path | None = None,
    say: Callable[[str], None] | None = None,
    to_run: Path | None = None,
) -> ClassResults:
    """Keep what is given beside what was collected before, and mark all of it.

    folder: the class's. given: folders, zips and files, as a platform's download gives them; none to mark again.
    data_root: where data sets lie, as in `load`. say: told in a line what is done. to_run: where to write what only the
    teacher may run; None for nowhere. Nothing that a student wrote is run.
    Raises UserError where the class's own files are damaged or cannot be written, or what is given does not exist.
    """
    say = say or (lambda line: None)
    settings = read_class(folder)
    key = numbers_key(settings.secret)
    asked, finder = read_questions(folder), Finder.of_class(folder, settings)
    store = add(folder, arrivals(given, leave_out=folder), key) if given else read_store(folder)
    found, lines = _kept(folder, store, key)
    marks, of_marks = read_marks(folder, settings.made)
    lines += of_marks
    say(f"hand-ins: {len(found):,}; other files: {len(store.lines):,}")
    withheld = withheld_images(settings, None if asked is None else asked.data, data_root=data_root)
    measuring = Measuring(withheld, data_root=data_root)
    marking = Marking(settings, key, asked, marks, measuring.nets)

    results: list[StudentResult | Marked] = []
    all_tries = sorted_out(found, finder)
    for number, tries in enumerate(all_tries):
        if not tries:
            results.append(StudentResult(finder.students[number]))
            continue
        whole = {
            one.digest: read_hand_in(hand_in_bytes(folder, one.digest), key) for one in counting(tries, settings.due)
        }
        marked = marking.of(tries, [(one, whole[one.digest]) for one in counting(tries, settings.due)])
        if to_run is not None:
            write_to_run(to_run, marked.result, whole.values())
        remarks = own_remarks(marked, tries, whole, settings)
        results.append(replace(marked, result=replace(marked.result, remarks=tuple(remarks))))
        say(f"{number + 1} of {len(all_tries)} students")
    marked_ones = [one for one in results if isinstance(one, Marked)]
    shared = shared_remarks(marked_ones, (one for tries in all_tries for one in tries))
    finished = [_with(one, shared) if isinstance(one, Marked) else one for one in results]
    keys = {one.student.key for one in finished}
    lines += [f"marks of {student}, who is nobody here" for student in sorted({of for of, _ in marks} - keys)]
    lines += of_one_time((one for tries in all_tries for one in tries), settings.due)
    has_notebooks = any(one.tasks for one in finished)
    most_questions, most_homework = most_points(asked, settings.points, has_notebooks=has_notebooks)
    if asked is None:
        lines.append("there is no questions.json, so that no answer is marked: hand the lesson out first")
    return ClassResults(
        name=settings.name,
        made=settings.made,
        due=settings.due,
        results=tuple(finished),
        lines=tuple(_cut(line) for line in [*_said(store), *lines]),
        withheld=withheld.says,
        most_questions=most_questions,
        most_homework=most_homework,
        order_key=order_key(settings.secret),
    )


def _kept(folder: Path, store: Store, key: str) -> tuple[dict[str, tuple[Sequence[Place], HandIn]], list[str]]:
    """What every hand-in holds, without its files, by digest; and a line for each that is there no more."""
    found: dict[str, tuple[Sequence[Place], HandIn]] = {}
    lines = []
    for digest, places in store.hand_ins.items():
        try:
            found[digest] = places, light(read_hand_in(hand_in_bytes(folder, digest), key))
        except UserError as error:
            where = f"handed-in/{digest}.json"
            lines.append(str(error).replace(str(folder / where), where))
    return found, lines


def _said(store: Store) -> list[str]:
    """A line for each thing that is no hand-in; of very many in one folder or zip the first ones, and how many more."""
    by_part: dict[str, list[str]] = {}
    for line in store.lines:
        by_part.setdefault(line.path.split("/")[0], []).append(f"{line.path}: {line.says}")
    said = []
    for part, lines in by_part.items():
        said += lines[:_MOST_LINES]
        if len(lines) > _MOST_LINES:
            said.append(f"{part}: {len(lines) - _MOST_LINES:,} more files that are no hand-ins")
    return said


def _with(marked: Marked, shared: dict[str, list[str]]) -> StudentResult:
    result = marked.result
    return replace(result, remarks=(*result.remarks, *shared.get(result.student.key, ())))


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
