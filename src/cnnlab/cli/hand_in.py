"""`cnnlab hand-in`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.streams import shown_name
from cnnlab.cli.terminal import notice
from cnnlab.errors import UserError
from cnnlab.given_path import given_path

if TYPE_CHECKING:
    from cnnlab.classroom.packing import PackedNotebook, PackedRun

#: Of the text, the most letters that are repeated before it is written.
_LONGEST_REPEATED = 1_000


@click.command("hand-in")
@click.argument("paths", metavar="[RUN|NOTEBOOK]...", nargs=-1, type=options.GivenPath())
@click.option("--id", "student_id", help="Your id, as your class has it. [default: asked for on a terminal]")
@click.option("--name", "student_name", default=None, help="Your name.")
@click.option("--text", metavar="TEXT|@FILE", help="What you have to say of it; @words.md takes a file's text.")
@click.option("--out", type=options.GivenPath(is_file=True), help="The file. [default: hand-in-python-ID.json]")
@click.option("--yes", "is_agreed", is_flag=True, help="Write without asking.")
@options.data_root
def command(
    paths: tuple[Path, ...],
    student_id: str | None,
    student_name: str | None,
    text: str | None,
    out: Path | None,
    is_agreed: bool,
    data_root: Path | None,
) -> None:
    """Put finished runs, your NOTEBOOK.ipynb and a text into one file for your teacher.

    A run goes in with its settings, figures and trained weights, without checkpoints and pages; a notebook without
    pictures. What the file will hold is printed first, and on a terminal you are asked before it is written. It goes
    nowhere by itself: hand it in where your teacher says.
    """
    from cnnlab.classroom.hand_in import write_hand_in
    from cnnlab.classroom.packing import content_of, file_name, named_apart, pack_notebook, pack_run
    from cnnlab.runs import open_run
    from cnnlab.whole_files import write_whole

    notebooks = [path for path in paths if path.suffix == ".ipynb"]
    if len(notebooks) > 1:
        raise UserError(f"got {len(notebooks)} notebooks; expected one: leave out {notebooks[-1]}")
    if not paths and text is None:
        raise UserError("nothing to hand in; expected runs, a notebook or a text: cnnlab hand-in RUN NOTEBOOK.ipynb")
    has_terminal = _has_terminal()
    who = _id(student_id, student_name, has_terminal)
    words = "" if text is None else _words(text)
    runs = [open_run(path, data_root=data_root, say=notice) for path in paths if path not in notebooks]
    names = named_apart([run.path for run in runs])
    packed = [pack_run(run, name) for run, name in zip(runs, names, strict=True)]
    notebook = pack_notebook(notebooks[0]) if notebooks else None
    content = content_of(packed, notebook, text=words, student_id=who, student_name=student_name or "")
    file = write_hand_in(content, None)
    place = out or Path(file_name(who))
    replaces = _is_there(place)
    for line in _summary(place, who, student_name or "", packed, notebook, words, len(file), replaces):
        click.echo(line)
    if has_terminal and not is_agreed and not click.confirm("write it?", default=True, err=True):
        notice("not written")
        return
    write_whole(place, file)
    click.echo(f"written   {shown_name(str(place))}; nothing was sent: hand it in where your teacher says")


def _has_terminal() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _words(text: str) -> str:
    """The text, or that of the file which it names after an @. Raises UserError where there is no such file."""
    from cnnlab.classroom.packing import LONGEST_TEXT
    from cnnlab.plain_files import read_plain

    if not text.startswith("@"):
        return text
    path = given_path(text[1:], "--text")
    try:
        return read_plain(path, limit=4 * LONGEST_TEXT).decode()
    except UnicodeError:
        raise UserError(f"--text: {path} is not UTF-8; expected a file of plain text: save it as UTF-8") from None
    except FileNotFoundError:
        raise UserError(f"--text: there is no file {path}; expected one after the @: check the path") from None


def _id(student_id: str | None, student_name: str | None, has_terminal: bool) -> str:
    if student_id is not None or (student_name is not None and not has_terminal):
        return (student_id or "").strip()
    if not has_terminal:
        raise UserError("whose is it? expected the id that your class knows you by: add --id 1234567")
    given = click.prompt("your id, as your class has it", default="", show_default=False, err=True).strip()
    if not given and student_name is None:
        raise UserError("whose is it? expected an id or a name: add --id 1234567, or --name 'Ada Lovelace'")
    return given


def _is_there(place: Path) -> bool:
    """Whether the file replaces an earlier hand-in. Raises UserError where something else is there."""
    from cnnlab.classroom.hand_in import BYTES
    from cnnlab.plain_files import open_plain

    try:
        with open_plain(place, limit=BYTES) as file:
            is_one = file.read(24) == b'{"kind":"cnnlab hand-in"'
    except FileNotFoundError:
        return False
    except (UserError, OSError):
        is_one = False
    if not is_one:
        raise UserError(f"{place} is there and is no hand-in; expected another place: choose it with --out")
    return True


def _summary(
    place: Path,
    student_id: str,
    student_name: str,
    runs: Sequence[PackedRun],
    notebook: PackedNotebook | None,
    text: str,
    size: int,
    replaces: bool,
) -> Iterator[str]:
    """What the file will hold, a line each."""
    yield f"{shown_name(str(place))}{', which replaces the one that is there,' if replaces else ''} will hold:"
    who = [f"id {student_id}" if student_id else "no id", *([student_name] if student_name else [])]
    yield f"student   {shown_name(', '.join(who))}"
    for run in runs:
        yield from _of_run(run)
    if notebook is not None:
        yield from _of_notebook(notebook)
    if text:
        more = f" … ({len(text):,} letters in all)" if len(text) > _LONGEST_REPEATED else ""
        yield "text      " + (text[:_LONGEST_REPEATED] + more).strip().replace("\n", "\n          ")
    yield f"in all    {_size(size)}"


def _of_run(run: PackedRun) -> Iterator[str]:
    validation, test = run.result.validation, run.result.test
    low, high = test.accuracy_interval
    times = "once" if run.openings == 1 else f"{run.openings} times"
    yield f"run       {shown_name(run.name)}: {shown_name(run.net)} on {shown_name(run.data)}, seed {run.seed}"
    yield (
        f"          accuracy {validation.accuracy:.2%} on validation, {test.accuracy:.2%} on test "
        f"[{low:.2%}, {high:.2%}], which was opened {times}"
    )
    records = [file["name"] for file in run.files]
    yield f"          {', '.join(map(shown_name, records))}; {_size(run.size)}"
    for each in run.says:
        yield f"          {shown_name(each)}"


def _of_notebook(notebook: PackedNotebook) -> Iterator[str]:
    filled = [task.id for task in notebook.tasks if task.standing != "not filled in"]
    blank = [task.id for task in notebook.tasks if task.standing == "not filled in"]
    yield f"notebook  {shown_name(notebook.name)}, {_size(notebook.size)} without pictures"
    yield f"          filled in: {', '.join(filled) or 'none'}"
    yield f"          not filled in: {', '.join(blank) or 'none'}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"
