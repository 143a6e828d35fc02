"""A student sought by what a hand-in, a gradebook or the path of a file says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cnnlab.classroom.results import Student
from cnnlab.classroom.roster import RosterColumns, folded, participant_number, plain, read_roster, students
from cnnlab.classroom.settings import ClassSettings
from cnnlab.classroom.table import Table

#: How platforms name what they download. Moodle's are folders or files: `First Last_12345_assignsubmission_file_`.
_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_.*")
#: `lastfirst_LATE_12345_67890_hand-in.json`: the student's number, then the submission's.
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<number>\d+)_\d+_.+")
#: `Homework 3_username_attempt_2026-12-04-17-59-59_hand-in.json`
_BLACKBOARD = re.compile(r"(?P<before>.+)_attempt_\d{4}(?:-\d\d){5}(?:[_.].*)?")


class Found(NamedTuple):
    """Who was found, None for nobody, and how, or why not: `by the id`, `2 students are called Anna Schmidt`."""

    student: Student | None
    how: str


class _Index:
    """Students by words that name them; a word may name several."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Student]] = {}

    def add(self, word: str, student: Student) -> None:
        if word:
            self._found.setdefault(word, {})[student.key] = student

    def __getitem__(self, word: str) -> list[Student]:
        return list(self._found.get(word, {}).values())


class Finder:
    """Students, found by their id, e-mail address or name, or by what a platform's download calls them."""

    def __init__(self, students: Iterable[Student], numbers: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Seek among students. numbers: key → what else the platform calls that student, such as its own number."""
        self.students, self.numbers = tuple(students), dict(numbers or {})
        self._ids, self._shorter_ids, self._emails = _Index(), _Index(), _Index()
        self._numbers, self._participants = _Index(), _Index()
        self._names = (_Index(), _Index(), _Index())
        self._run_together = _Index()
        for one in self.students:
            self._ids.add(plain(one.id), one)
            self._shorter_ids.add(plain(one.id).lstrip("0"), one)
            self._emails.add(plain(one.email), one)
            for index, form in zip(self._names, _forms(one.name), strict=True):
                index.add(form, one)
            words = folded(_in_order(one.name)).split()
            for word in ("".join(words), *("".join(words[cut:] + words[:cut]) for cut in range(1, len(words)))):
                self._run_together.add(word, one)
            for number in self.numbers.get(one.key, ()):
                self._numbers.add(plain(number), one)
                self._participants.add(participant_number(number), one)

    @classmethod
    def of(cls, table: Table, columns: RosterColumns) -> Finder:
        """A finder of the students of a roster, or of a gradebook."""
        found = students(table, columns)
        numbers = {
            one.key: tuple(filter(None, (table.cell(one.row, column) for column in columns.numbers)))
            for one in found
            if one.row is not None
        }
        return cls(found, numbers)

    @classmethod
    def of_class(cls, folder: Path, settings: ClassSettings) -> Finder:
        """A finder of a class's students; it finds nobody where the class has no roster. Raises as `read_roster`."""
        roster = read_roster(folder, settings)
        return cls(()) if roster is None else cls.of(*roster)

    def find(self, *, id: str = "", email: str = "", name: str = "", path: str = "") -> Found:
        """Who it is, by the first of these that names one student alone, and how they were found.

        id: theirs, or what else they are known by, an e-mail address too. name: in either order, `Last, First` too;
        accents and capitals need not agree. path: of the file in what a platform gave, `/` between its parts.
        """
        failed: list[str] = []
        for what, word, matches in self._ways(id, email, name, path):
            if len(matches) == 1:
                other = self._other_in(path, matches[0]) if what != "path" else ""
                return Found(matches[0], "; ".join([f"by the {what}", *failed, *([other] if other else [])]))
            who = f"{len(matches)} students have" if matches else "nobody has"
            failed.append(f"{who} the {what} {word}")
        return Found(None, "; ".join(failed) or "nothing says whose it is")

    def _ways(self, id: str, email: str, name: str, path: str) -> Iterator[tuple[str, str, list[Student]]]:
        """What is sought by, the word as it was given, and whom it names."""
        if plain(id):
            sought = plain(id)
            indices = ((self._ids, sought), (self._numbers, sought), (self._emails, sought))
            yield "id", id.strip(), _first(*indices, (self._shorter_ids, sought.lstrip("0")))
        if plain(email):
            yield "e-mail address", email.strip(), _first((self._emails, plain(email)), (self._ids, plain(email)))
        if plain(name):
            yield "name", " ".join(name.split()), self._named(name)
        if path:
            yield "path", path, self._in_path(path)

    def _named(self, name: str) -> list[Student]:
        return _first(*zip(self._names, _forms(name), strict=True))

    def _in_path(self, path: str) -> list[Student]:
        """Whom a path names: by a platform's own pattern, or by a folder or file that is called after a student.

        So are `Anna Meier` and Google Classroom's `Anna Meier - hand-in.json`.
        """
        parts = [part for part in re.split(r"[/\\]", path) if part]
        for part in reversed(parts):
            if found := self._by_pattern(part):
                return found
        for part in reversed(parts):
            word = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", part)
            if found := _first((self._ids, plain(word)), (self._emails, plain(part))) or self._named(word):
                return found
            before = (word[: cut.start()] for cut in reversed(list(re.finditer(" - ", word))))
            if found := next((those for name in before if (those := self._named(name))), []):
                return found
        return []

    def _by_pattern(self, part: str) -> list[Student]:
        if moodle := _MOODLE.fullmatch(part):
            return self._participants[moodle["number"]] or self._of_moodle(moodle["name"])
        if blackboard := _BLACKBOARD.fullmatch(part):
            return self._at_the_end(blackboard["before"])
        if canvas := _CANVAS.fullmatch(part):
            return self._of_canvas(canvas["number"], "".join(folded(canvas["name"]).split()))
        return []

    def _of_canvas(self, number: str, name: str) -> list[Student]:
        """Whom a number means that is another student's elsewhere, and so only with a part of the name; or a name."""
        numbered = [*self._numbers[number], *self._ids[number]]
        fitting = [one for one in numbered if not one.name or any(word in name for word in folded(one.name).split())]
        return fitting or self._run_together[name]

    def _of_moodle(self, name: str) -> list[Student]:
        """Whom a name means before which a group may stand: `Group A-Anna-Lena Meier`."""
        cuts = [0, *(found.end() for found in re.finditer("-", name))]
        return next((found for cut in cuts if (found := self._named(name[cut:]))), [])

    def _at_the_end(self, words: str) -> list[Student]:
        """Whose login stands after the last `_`, or after an earlier one, as logins may hold some."""
        for cut in (found.end() for found in re.finditer("_", words)):
            if found := _first((self._numbers, plain(words[cut:])), (self._ids, plain(words[cut:]))):
                return found
        return []

    def _other_in(self, path: str, found: Student) -> str:
        """What to say where the path names somebody else."""
        others = self._in_path(path) if path else []
        if len(others) != 1 or others[0].key == found.key:
            return ""
        return f"the path is of {others[0].name or others[0].id or others[0].email}"


def _first(*sought: tuple[_Index, str]) -> list[Student]:
    """Whom the first index names that knows its word."""
    return next((found for index, word in sought if (found := index[word])), [])


def _in_order(name: str) -> str:
    """`Last, First` → `First Last`."""
    last, comma, first = name.partition(",")
    return f"{first} {last}" if comma else name


def _forms(name: str) -> tuple[str, str, str]:
    """A name as it is compared: as written, without accents and signs, and in any order; the stricter first."""
    bare = folded(_in_order(name))
    return plain(_in_order(name)), bare, " ".join(sorted(bare.split()))
