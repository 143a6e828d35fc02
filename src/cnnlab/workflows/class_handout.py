"""A lesson handed out to a class: one zip of its pages, which know the class, and the assignment sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from cnnlab.classroom.asked import ASKED_BYTES, Asked, read_asked
from cnnlab.classroom.making import folder_name
from cnnlab.classroom.settings import HANDED_IN, QUESTIONS_FILE, ClassSettings, due_text, read_class
from cnnlab.classroom.variants import numbers_key
from cnnlab.data import load
from cnnlab.data.imageset import Progress
from cnnlab.errors import UserError
from cnnlab.explorer import ExploredRun, explorer_page
from cnnlab.lesson.record import Which, finished_lesson
from cnnlab.one_writer import one_writer
from cnnlab.plain_files import place_in, read_plain
from cnnlab.report.back import back_from_run
from cnnlab.report.classroom.sheet import assignment_sheet
from cnnlab.runs import open_run
from cnnlab.strict_json import strict_json
from cnnlab.whole_files import write_whole
from cnnlab.workflows.handout import Handout, pack, reached
from cnnlab.workflows.lesson import NETS

#: Where a page is told whose class's it is.
_SLOT = '<script type="application/json" id="class">{}</script>'
_EMPTY_SLOT = _SLOT.format("null").encode()
_SHEET = "assignment.html"


@dataclass(frozen=True)
class HandedOut:
    """A lesson that was handed out: the zip, the class, and what the lesson asks. is_again: one was there already."""

    handout: Handout
    settings: ClassSettings
    asked: Asked
    is_again: bool


def hand_out_to_class(
    folder: Path, lesson: Path, *, data_root: Path | None = None, progress: Progress | None = None
) -> HandedOut:
    """Write CLASS/NAME-handout.zip of a finished lesson, under 6 MB, and keep its questions in the class's folder.

    The same class and lesson give the same bytes. Raises UserError where the folder is no class's, where the lesson is
    not finished or was made by a cnnlab that knew no classes, where hand-ins of another lesson were collected already,
    and when the disk refuses.
    """
    settings = read_class(folder)
    which, asked = finished_lesson(lesson), _asked(lesson)
    with one_writer(folder, being="written", mend="wait for it"):
        _require_same(folder, asked, lesson)
        slot = _SLOT.format(_class_record(settings)).encode()
        found = reached(lesson)
        if not any(_EMPTY_SLOT in page for page in found.values()):
            raise _too_old(lesson)
        pages = {place: page.replace(_EMPTY_SLOT, slot) for place, page in found.items()}
        pages |= _light_explorers(lesson, which, pages, data_root, progress)
        sheet = assignment_sheet(
            settings,
            questions=len(asked.questions),
            texts=tuple((one.title, one.text) for one in asked.texts),
            lesson_data=str(asked.lesson.get("data", which.data)),
        )
        pages |= {_SHEET: sheet.encode(), "index.html": _leading_there(pages["index.html"], settings)}
        name = folder_name(settings.name)
        path = place_in(folder, f"{name}-handout.zip")
        is_again = path.exists()
        made = pack(pages, path, under=name, data=(which.data, which.fashion))
        write_whole(place_in(folder, QUESTIONS_FILE), read_plain(lesson / QUESTIONS_FILE, limit=ASKED_BYTES))
    return HandedOut(made, settings, asked, is_again)


def _asked(lesson: Path) -> Asked:
    try:
        return read_asked(lesson / QUESTIONS_FILE)
    except FileNotFoundError:
        raise _too_old(lesson) from None


def _too_old(lesson: Path) -> UserError:
    return UserError(
        f"{lesson} was made by a cnnlab that knew no classes, or is not whole; expected pages that can be handed in, "
        f"and {QUESTIONS_FILE}: run cnnlab lesson again"
    )


def _require_same(folder: Path, asked: Asked, lesson: Path) -> None:
    """Raise UserError where what was collected would be marked by other numbers than it was answered by."""
    try:
        before = read_asked(folder / QUESTIONS_FILE)
    except FileNotFoundError:
        return
    is_same = before.questions == asked.questions and before.lesson.get("made") == asked.lesson.get("made")
    if not is_same and has_hand_ins(folder):
        raise UserError(
            f"{lesson} is not the lesson that was handed out before, and hand-ins of that one were collected; expected "
            "the same, as they would be marked by other numbers: hand that one out, or make a new class"
        )


def has_hand_ins(folder: Path) -> bool:
    """Whether a class's folder holds hand-ins."""
    return any(len(path.stem) == 64 for path in (folder / HANDED_IN).glob("*.json"))


def _class_record(settings: ClassSettings) -> str:
    """What a page knows of the class, the secret not; nothing in it can end the page's script."""
    record = {
        "name": settings.name,
        "made": settings.made,
        "key": numbers_key(settings.secret),
        "due": None if settings.due is None else settings.due.isoformat(),
        "due_text": due_text(settings.due),
    }
    return strict_json(record, ensure_ascii=False).replace("<", "\\u003c")


def _leading_there(contents: bytes, settings: ClassSettings) -> bytes:
    """The contents with a link to the assignment sheet at their top."""
    link = (
        f'<p class="assignment"><a href="{_SHEET}">The assignment of {escape(settings.name)}</a>: what to hand in, by '
        "when, and how it is marked.</p>\n"
    )
    return contents.replace(b"</h1>\n", b"</h1>\n" + link.encode(), 1)


def _light_explorers(
    lesson: Path, which: Which, pages: Mapping[str, bytes], data_root: Path | None, progress: Progress | None
) -> dict[str, bytes]:
    """The explorers of the lesson's two nets with the finished nets alone, as the others have no room."""
    found, images = {}, None
    for name in NETS:
        place = f"{name}/explorer.html"
        if place in pages:
            images = images or load(which.data, root=data_root, fetch=False, progress=progress)
            run = open_run(place_in(lesson, name))
            back = back_from_run(run.path)
            page = explorer_page(
                [ExploredRun(run, run.load_net())],
                images,
                report="report.html",
                lesson=None if back is None else back.page,
                moments=False,
            )
            found[place] = page.html.encode()
    return found
