"""A class without names: for showing its page in class."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from cnnlab.classroom.results import ClassResults, Student, StudentResult

#: Characters from which on a name, id or address is found inside of words, too; shorter ones only as words.
LONG = 5
#: Characters that a part of a name has at least to be taken for one.
PART = 3


def anonymous(results: ClassResults) -> ClassResults:
    """The same figures of "Student 1", "Student 2" …, in an order that only the class's secret gives.

    Gone are ids, addresses, keys, names of files, nets and data, times, remarks, lines, and what checks say. Names, ids
    and addresses of the class are taken out of what students wrote, but for ids that are short numbers; whatever else
    they wrote about themselves stays.
    """
    secret = results.order_key.encode()
    ordered = sorted(results.results, key=lambda one: hmac.digest(secret, one.student.key.encode(), "sha256"))
    names = {one.student.key: f"Student {place}" for place, one in enumerate(ordered, start=1)}
    clean = _cleaner([(one.student, names[one.student.key]) for one in ordered])
    return replace(
        results,
        made="",
        order_key="",
        lines=(),
        withheld="the withheld images",
        results=tuple(_without_names(one, names[one.student.key], clean) for one in ordered),
    )


def mentions(text: str, others: Iterable[Student], *, own: Student) -> bool:
    """Whether a text names one of these others by a name, a part of it, an id, an address or a key.

    own: who may be named, by what another may share, such as a first name.
    """
    return _cleaner([(other, "") for other in others], known=own)(text) != text


def _without_names(one: StudentResult, name: str, clean: Callable[[str], str]) -> StudentResult:
    number = name.rpartition(" ")[2]
    nets = tuple(replace(net, name="", digest="", says="") for net in one.nets)
    return replace(
        one,
        student=Student(key=number, id="", email="", name=name, row=one.student.row),
        file="handed in" if one.file else "",
        arrived=None,
        answered=tuple(replace(each, given=tuple(map(clean, each.given))) for each in one.answered),
        texts=tuple(replace(each, text=clean(each.text), remark="") for each in one.texts),
        tasks=tuple(replace(each, says="") for each in one.tasks),
        nets=nets,
        drawings=tuple(replace(each, label=clean(each.label)) for each in one.drawings),
        remarks=(),
        best=None if one.best is None else replace(one.best, name="", digest="", says=""),
    )


def _cleaner(students: Iterable[tuple[Student, str]], *, known: Student | None = None) -> Callable[[str], str]:
    """Puts a student's new name in place of all that tells who it is, the longest first. known: who keeps the old."""
    told: dict[str, str] = {}
    parts: dict[str, str] = {}
    for student, name in students:
        for identity in _identities(student):
            told.setdefault(identity.casefold(), name)
        for part in _parts_of_name(student):
            parts.setdefault(part, name)
    for identity in () if known is None else _identities(known):
        told.pop(identity.casefold(), None)
    for part in () if known is None else _parts_of_name(known):
        parts.pop(part, None)
    longest_first = sorted(told, key=len, reverse=True), sorted(parts, key=len, reverse=True)

    @cache  # many gave the same answers
    def clean(text: str) -> str:
        folded = text.casefold()
        there = [known for known in longest_first[0] if known in folded]
        if there:
            whole = re.compile("|".join(map(_found, there)), re.IGNORECASE)
            text = whole.sub(lambda found: told.get(found[0].casefold(), ""), text)
        there = [part for part in longest_first[1] if part in text]
        if there:
            words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, there))})(?!\w)")
            text = words.sub(lambda found: parts[found[0]], text)
        return text

    return clean


def _identities(student: Student) -> list[str]:
    those = (student.key, student.id, student.email, student.email.partition("@")[0], student.name)
    return [one.strip() for one in those if one.strip() and not _is_any_number(one.strip())]


def _parts_of_name(student: Student) -> list[str]:
    return [part for part in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", student.name) if len(part) >= PART]


def _found(known: str) -> str:
    pattern = re.escape(known)
    return pattern if len(known) >= LONG or not known.isascii() else rf"(?<!\w){pattern}(?!\w)"


def _is_any_number(known: str) -> bool:
    """Whether it is a short number, which pages are full of: as an answer it tells nothing of who has it as an id."""
    return known.isdecimal() and len(known) < LONG
