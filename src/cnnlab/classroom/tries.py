"""Whose each hand-in is, and which of several tries counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Literal

from cnnlab.classroom.finder import Finder
from cnnlab.classroom.hand_in import HandIn
from cnnlab.classroom.results import Student
from cnnlab.classroom.roster import folded, student_key
from cnnlab.classroom.store import Place
from cnnlab.classroom.variants import plain_id

#: What a student may hand in side by side: the file of each kind that came last counts.
Source = Literal["lesson page", "cnnlab hand-in", "playground"]
SOURCES: tuple[Source, ...] = ("lesson page", "cnnlab hand-in", "playground")

#: What Moodle adds to a student's name in its folders.
_MOODLE = re.compile(r"_\d+_assignsubmission_.*")


@dataclass(frozen=True)
class Try:
    """A hand-in of one student. digest: of the file. path, time: where it was found first. hand_in: without its files,
    as `light` makes it, so that those of a whole class fit into the memory.
    """

    student: Student
    digest: str
    path: str
    time: datetime | None
    hand_in: HandIn

    @property
    def source(self) -> Source:
        """What made it, by its own word."""
        if self.hand_in.made_by == "cnnlab hand-in":
            return "cnnlab hand-in"
        is_record = self.hand_in.form == "playground record" or self.hand_in.made_by == "playground"
        return "playground" if is_record else "lesson page"

    def order(self) -> tuple[bool, datetime, str, str, str]:
        """Tries in the order in which they came; those of no known time first.

        Of one time, as where a platform gives all files the time of its download, the one that was saved last is last.
        """
        time = self.time or datetime.min.replace(tzinfo=UTC)
        return self.time is not None, time, self.hand_in.saved, self.path, self.digest

    def is_late(self, due: datetime | None) -> bool:
        """Whether it came after `due`."""
        return due is not None and self.time is not None and self.time > due


def light(hand_in: HandIn) -> HandIn:
    """A hand-in without nets, runs, drawings, notebook and texts."""
    return replace(hand_in, playground=(), weights=(), runs=(), notebook=None, texts={}, answers={}, text="")


def sorted_out(found: Mapping[str, tuple[Sequence[Place], HandIn]], finder: Finder) -> list[list[Try]]:
    """Each student's tries, in the order in which they came: those of the roster by its order, then everybody else.

    found: a file's SHA-256 → where it was found, and what it holds. The path in what a platform gave says whose it is;
    where it does not, the id and then the name that the file says.
    """
    by_student: dict[str, dict[str, Try]] = {one.key: {} for one in finder.students}
    unknown: dict[tuple[str, str], dict[str, Try]] = {}
    for digest, (places, hand_in) in found.items():
        for place in places:
            student = _in_path(finder, place.path)
            if student is None:
                student = finder.find(id=hand_in.student_id, name=hand_in.student_name).student
            if student is not None:
                tries = by_student[student.key]
            else:
                student, who = _stranger(hand_in, place.path)
                tries = unknown.setdefault(who, {})
            one = Try(student, digest, place.path, place.time, light(hand_in))
            tries[digest] = min(one, tries.get(digest, one), key=Try.order)
    taken = set(by_student)
    strangers = []
    for several in _together(unknown):
        tries = list({digest: one for who in reversed(several) for digest, one in unknown[who].items()}.values())
        student = min(unknown[several[0]].values(), key=Try.order).student
        key = _free(student.key, taken)
        taken.add(key)
        strangers.append([replace(one, student=replace(student, key=key)) for one in tries])
    of_roster = [list(by_student[one.key].values()) for one in finder.students]
    return [sorted(tries, key=Try.order) for tries in (*of_roster, *strangers)]


def _in_path(finder: Finder, path: str) -> Student | None:
    """Whom a path names; of several the outermost part counts, as the inner ones are a student's own words."""
    parts = PurePosixPath(path).parts
    found = (finder.find(path="/".join(parts[:count])).student for count in range(1, len(parts) + 1))
    return next((student for student in found if student is not None), None)


def _stranger(hand_in: HandIn, path: str) -> tuple[Student, tuple[str, str]]:
    """Somebody who is not in the roster, and what tells them from others."""
    id, name = hand_in.student_id.strip(), " ".join(hand_in.student_name.split())
    if not id and not name:
        parts = PurePosixPath(path).parts
        name = _MOODLE.sub("", parts[0] if len(parts) > 1 else PurePosixPath(path).stem)
    return Student(student_key(id, "", name), id, "", name, None), (plain_id(id), folded(name))


def _together(unknown: Iterable[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Ids and names of students who are in no roster, those of one student together, the whole name first.

    The same id with a part of the name, or with none, is the same student, unless several have that id and that part.
    """
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for id, name in sorted(unknown, key=lambda one: (one[0], -len(one[1].split()), one[1])):
        words = set(name.split())
        whole = [other for other in found if id and other[0] == id and words <= set(other[1].split())]
        found.setdefault(whole[0] if len(whole) == 1 else (id, name), []).append((id, name))
    return [found[who] for who in sorted(found)]


def _free(key: str, taken: Iterable[str]) -> str:
    """A key that nobody has: the same, or with a number after it."""
    number, free = 2, key
    while free in taken:
        free, number = f"{key}-{number}", number + 1
    return free


def counting(tries: Sequence[Try], due: datetime | None) -> list[Try]:
    """Of each source the last try that came in time, or the last of all where none did; in the order of `SOURCES`.

    tries: one student's, in the order in which they came.
    """
    found = []
    for source in SOURCES:
        of_it = [one for one in tries if one.source == source]
        in_time = [one for one in of_it if not one.is_late(due)]
        found += (in_time or of_it)[-1:]
    return found
