"""A lesson's pages as one file to hand out: what its pages link to, without weights and records."""

from __future__ import annotations

import html
import io
import json
import os
import posixpath
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import markupsafe

from cnnlab.errors import UserError
from cnnlab.plain_files import place_in
from cnnlab.runs.records import PAGE_BYTES, read_file
from cnnlab.whole_files import write_whole

#: The most that a handout may have, in bytes.
MOST_BYTES = 6_000_000
#: What is set aside for notes on what was left out, and for the list of files.
_SPARE_BYTES = 100_000

_LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


@dataclass(frozen=True)
class Handout:
    """A handout that was written. left_out: pages for which there was no room, by their place in the folder."""

    path: Path
    pages: int
    left_out: tuple[str, ...]


def handout_path(lesson: Path) -> Path:
    """Where a lesson's handout lies: beside its folder."""
    named = lesson if lesson.name else lesson.resolve()
    return named.with_name(f"{named.name}-handout.zip")


def hand_out(
    lesson: Path, instead: Mapping[str, bytes], *, data: Iterable[str] = (), most_bytes: int = MOST_BYTES
) -> Handout:
    """Write a finished lesson's handout: the contents, and every page that links lead to from there.

    instead: page → what is handed out in its place. data: as in `pack`. Pages of which a handout can do without are
    left out where there is no room: runs' reports first, then the playground, then explorers; a link to one becomes
    plain text that says so. The same folder gives the same bytes. Raises UserError when the disk refuses; nothing is
    left behind then.
    """
    pages = {place: instead.get(place, page) for place, page in reached(lesson).items()}
    return pack(pages, handout_path(lesson), under=lesson.resolve().name, data=data, most_bytes=most_bytes)


def pack(
    pages: Mapping[str, bytes], path: Path, *, under: str, data: Iterable[str] = (), most_bytes: int = MOST_BYTES
) -> Handout:
    """Write pages as a handout, in a folder called `under`; what has no room is left out, as by `hand_out`.

    pages: place → page, `index.html` among them. data: names of the sets that the pages speak of; one that lies in a
    file or folder keeps that name alone, as where it lies is nobody's business. The same pages give the same bytes.
    Raises UserError when the disk refuses; nothing is left behind then.
    """
    places = [place for name in dict.fromkeys(data) if (place := _place_of(name)) is not None]
    pages = {at: _without_folders(page, places) for at, page in pages.items()}
    room, left_out = most_bytes - _SPARE_BYTES, []
    for place in sorted(pages, key=_rank):
        size = len(_zipped({place: pages[place]}, ""))
        if _rank(place)[0] and size > room:
            left_out.append(place)
        else:
            room -= size
    for place in left_out:
        del pages[place]
    without = {place: _without(page, place, frozenset(left_out)) for place, page in pages.items()}
    write_whole(path, _zipped(without, f"{under}/"))
    return Handout(path, len(pages), tuple(sorted(left_out)))


def _place_of(data: str) -> str | None:
    """Where a set named `npz:/home/ada/digits.npz` lies, in full; None for one whose name tells of no folder."""
    _, _, place = data.partition(":")
    return place if os.path.isabs(place) and os.path.basename(place) else None


def _without_folders(page: bytes, places: Iterable[str]) -> bytes:
    """The page with the last name alone of these files and folders."""
    for place in places:
        for whole, name in zip(_spellings(place), _spellings(os.path.basename(place)), strict=True):
            page = page.replace(whole.encode(), name.encode())
    return page


def _spellings(text: str) -> list[str]:
    """A text as pages have it: as it is or as a string in JSON, each by itself and in HTML."""
    spelt = [text, *(json.dumps(text, ensure_ascii=is_ascii)[1:-1] for is_ascii in (False, True))]
    in_html = (str, partial(html.escape, quote=False), html.escape, markupsafe.escape)
    return [str(written(each)) for each in spelt for written in in_html]


def reached(lesson: Path) -> dict[str, bytes]:
    """The pages that links lead to from the contents, in the order in which they are met; none outside the folder."""
    found, ahead = {}, ["index.html"]
    while ahead:
        place = ahead.pop(0)
        found[place] = read_file(lesson / place, limit=PAGE_BYTES)
        for target in _targets(place, found[place].decode(errors="replace")):
            if target not in found and target not in ahead and _is_of(lesson, target):
                ahead.append(target)
    return found


def _is_of(lesson: Path, target: str) -> bool:
    """Whether there is a page at a place of the folder itself: what a link leads to elsewhere is not handed out."""
    try:
        return place_in(lesson, target).is_file()
    except (OSError, UserError, ValueError):  # no name of a file, or outside
        return False


def _targets(place: str, page: str) -> Iterator[str]:
    for href, _ in _LINK.findall(page):
        if (target := _target(place, href)) is not None:
            yield target


def _target(place: str, href: str) -> str | None:
    """Where a link of the page at `place` leads, in the lesson's folder; None within the page."""
    path = unquote(href.replace("&amp;", "&").partition("#")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), path)) if path else None


def _rank(place: str) -> tuple[int, str]:
    """How soon a page has to be in: the lesson's own, the explorers, the playground, the experiments' reports."""
    if place.endswith("/explorer.html"):
        return 1, place
    if place == "playground.html":
        return 2, place
    return (3 if place.startswith("claims/runs/") else 0), place


def _without(page: bytes, place: str, left_out: frozenset[str]) -> bytes:
    """The page with no link to what is left out, and with a note where that took one away."""
    taken = 0

    def plain(found: re.Match[str]) -> str:
        nonlocal taken
        if _target(place, found[1]) not in left_out:
            return found[0]
        taken += 1
        return f'<span title="Not in this handout">{found[2]}</span>'

    text = _LINK.sub(plain, page.decode(errors="replace"))
    if not taken:
        return page
    pages = "1 page that this one would lead to is" if taken == 1 else f"{taken} links of this page lead to what is"
    note = f'<p class="small muted">{pages} not in this handout: <code>cnnlab lesson</code> makes all of it.</p>\n'
    return text.replace("</main>", f"{note}</main>", 1).encode()


def _zipped(files: Mapping[str, bytes], under: str) -> bytes:
    """The files as a zip that has no times and no owners in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in _sorted(files):
            entry = zipfile.ZipInfo(f"{under}{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, files[name])
    return packed.getvalue()


def _sorted(names: Iterable[str]) -> list[str]:
    """The contents first, so that who opens the zip meets them first."""
    return sorted(names, key=lambda name: (name != "index.html", name))
