"""What is noticed about hand-ins, a sentence each: said, never judged."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from cnnlab.classroom.hand_in import HandIn
from cnnlab.classroom.marking import Marked
from cnnlab.classroom.measuring import LookedAt
from cnnlab.classroom.one_line import one_line
from cnnlab.classroom.results import Student
from cnnlab.classroom.roster import folded
from cnnlab.classroom.settings import ClassSettings
from cnnlab.classroom.tries import Source, Try
from cnnlab.classroom.variants import plain_id
from cnnlab.numbers import percent
from cnnlab.version import __version__

#: Looks at a run's test images that nobody wonders at; and how many points (0–1) a claim may be above the measurement.
USUAL_OPENINGS = 3
USUAL_DIFFERENCE = 0.03

#: Files of at least so many students that lie no further apart came of one download.
_STUDENTS, _MOMENT = 3, timedelta(minutes=5)

_CANVAS_LATE = re.compile(r"(^|/)[^/_]+_LATE_\d+_\d+_")

#: The most names that a remark repeats.
_NAMED = 10


def own_remarks(
    marked: Marked, tries: Sequence[Try], whole: Mapping[str, HandIn], settings: ClassSettings
) -> list[str]:
    """What is noticed of one student's hand-ins. tries: all. whole: digest → hand-in, of those that count."""
    student, said = marked.result.student, []
    for one in marked.tries:
        hand_in = one.hand_in
        if one.is_late(settings.due) and settings.due is not None and one.time is not None:
            said.append(f"{one.path} came {_span(one.time - settings.due)} after it was due")
        if _CANVAS_LATE.search(one.path):
            said.append(f"{one.path} is late by the platform's own word")
        if hand_in.is_edited:
            said.append(f"{one.path} was edited since it was saved")
        said += _of_identity(one, student)
        if hand_in.cnnlab and hand_in.cnnlab != __version__:
            said.append(f"{one.path} was made by cnnlab {one_line(hand_in.cnnlab)}; this is {__version__}")
        if backwards := _running_backwards(whole[one.digest]):
            said.append(f"the times of answers run backwards in {_listed(backwards)}")
    said += _of_several(tries, marked.tries)
    said += marked.notes
    for looked_at in marked.looked_at:
        said += _of_net(looked_at)
    if marked.openings > USUAL_OPENINGS:
        said.append(f"a net of the playground had its test images looked at {marked.openings} times")
    return said


def of_one_time(tries: Iterable[Try], due: datetime | None) -> list[str]:
    """What to say where several students' files are all late, and all of one moment, as nobody hands in together."""
    late = [one for one in tries if one.time is not None]
    times = [one.time for one in late if one.time is not None]
    students = {one.student.key for one in late}
    if due is None or len(students) < _STUDENTS or min(times) <= due or max(times) - min(times) > _MOMENT:
        return []
    at = min(times).astimezone(due.tzinfo)
    return [
        f"when files came: all {len(times)} are of {at:%Y-%m-%d %H:%M}, after it was due; that may be when the "
        "platform packed them"
    ]


def _of_identity(one: Try, student: Student) -> list[str]:
    """What a file says of its student that the roster says otherwise."""
    if student.row is None:
        return []
    said = []
    typed, name = one.hand_in.student_id.strip(), " ".join(one.hand_in.student_name.split())
    if typed and student.id and plain_id(typed) != plain_id(student.id):
        said.append(f"{one.path} names the id {one_line(typed)}; the roster has {student.id}")
    if name and student.name and not set(folded(name).split()) & set(folded(student.name).split()):
        said.append(f"{one.path} names {one_line(name)}; the roster has {student.name}")
    return said


def _of_several(tries: Sequence[Try], counted: Sequence[Try]) -> list[str]:
    of: dict[Source, list[Try]] = defaultdict(list)
    for one in tries:
        of[one.source].append(one)
    said = []
    for one in counted:
        if (number := len(of[one.source])) > 1:
            which = "the last one that came in time" if one != of[one.source][-1] else "the last one"
            said.append(f"{number} files from the {one.source} were handed in: {which}, {one.path}, counts")
    return said


def _of_net(looked_at: LookedAt) -> list[str]:
    net, said = looked_at.net, []
    if net.accuracy is not None and net.claimed is not None and net.claimed - net.accuracy > USUAL_DIFFERENCE:
        said.append(
            f"{net.name} claims {percent(net.claimed)} on its test images, and was measured to have "
            f"{percent(net.accuracy)} on the withheld ones"
        )
    if looked_at.openings > USUAL_OPENINGS:
        said.append(f"{net.name} had its test images looked at {looked_at.openings} times")
    return said


def _running_backwards(hand_in: HandIn) -> list[str]:
    """The questions whose later tries came earlier, by their own word."""
    found = []
    for question, given in hand_in.answers.items():
        times = [time for one in given if (time := _time(one.when)) is not None]
        if any(later < earlier for earlier, later in pairwise(times)):
            found.append(one_line(question))
    return sorted(found)


def _time(when: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(when)
        return time.astimezone() if time.tzinfo is None else time
    except (ValueError, OverflowError):
        return None


def shared_remarks(found: Sequence[Marked], tries: Iterable[Try]) -> dict[str, list[str]]:
    """Student's key → what is noticed of them and others: the same file, id, weights or drawing.

    found: what counts. tries: all, which count or not.
    """
    same: dict[tuple[str, str], dict[str, tuple[Student, str]]] = defaultdict(dict)
    for one in tries:
        same["file", one.digest].setdefault(one.student.key, (one.student, one.path))
        if id := plain_id(one.hand_in.student_id):
            same["id", id].setdefault(one.student.key, (one.student, one_line(one.hand_in.student_id.strip())))
    for marked in found:
        student = marked.result.student
        for net in marked.result.nets:
            if net.digest and (net.accuracy is not None or net.net):
                same["weights", net.digest].setdefault(student.key, (student, net.name))
        for drawing in marked.result.drawings:
            if len(set(drawing.pixels)) > 1:
                same["drawing", drawing.digest].setdefault(student.key, (student, one_line(drawing.label)))
    said: dict[str, list[str]] = defaultdict(list)
    for (kind, _), students in same.items():
        for key, (_, what) in students.items():
            others = [_called(other) for other_key, (other, _) in students.items() if other_key != key]
            if others:
                said[key].append(_SHARED[kind].format(what=what, others=_listed(sorted(others))))
    return said


_SHARED = {
    "file": "{what} is the same file as of {others}",
    "id": "the same id, {what}, stands in hand-ins of {others}",
    "weights": "{what} has the same weights as of {others}, number for number, as the same settings, seed and steps in "
    "the playground give, too",
    "drawing": "the drawing of {what} is the same as of {others}, pixel for pixel",
}


def _called(student: Student) -> str:
    return one_line(student.name or student.id or student.email or student.key)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _span(time: timedelta) -> str:
    """`2 days 3 h`, `3 h 20 min`, `20 min`, `less than a minute`."""
    minutes = int(time.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} day{'s' * (days > 1)} {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"
