"""`cnnlab class`: new, hand-out, collect."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnlab.cli import options
from cnnlab.cli.terminal import Work, notice
from cnnlab.errors import nearest
from cnnlab.strict_json import strict_json

if TYPE_CHECKING:
    from cnnlab.workflows.class_handout import HandedOut
    from cnnlab.workflows.classroom import Collected

#: Of what was found and is nobody's hand-in, and of what was left out: how many the summary names.
_NAMED = 5


class Subcommands(click.Group):
    """A group that lists its commands in their order, and answers an unknown name with the nearest one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which a class needs them."""
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or a usage error."""
        found = super().get_command(ctx, cmd_name)
        if found is None:
            raise click.UsageError(f"unknown command {cmd_name}; {nearest(cmd_name, self.commands)}", ctx)
        return found


@click.group("class", cls=Subcommands)
def command() -> None:
    """Hand the lesson out to a class, collect what students hand in, and mark it.

    A class is a folder: `new` makes it, `hand-out` puts a zip for students into it, `collect` what they handed in, a
    page for you, a page of feedback for each student, and your gradebook, filled. Nothing leaves this machine, and
    no student's code is run.
    """


@command.command("new", short_help="Make a class's folder, with your roster.")
@click.argument("name", metavar="NAME")
@click.option(
    "--roster", type=options.GivenPath(is_file=True), metavar="CSV", help="Who is in it: your platform's export."
)
@click.option("--id-column", metavar="TITLE", help="The roster's column of ids. [default: found by its title]")
@click.option("--email-column", metavar="TITLE", help="Of e-mail addresses. [default: found by its title]")
@click.option(
    "--name-column",
    "name_columns",
    metavar="TITLE",
    multiple=True,
    help="Of names; twice for first and last names. [default: found by its title]",
)
@click.option(
    "--due", metavar="TIME", help='Until when: "2026-12-04 18:00", in this machine\'s zone. [default: no end]'
)
@click.option(
    "--withheld",
    metavar="DATA",
    help="What handed-in nets are measured on; none: nothing. [default: mnist where it is here, else none]",
)
@click.option("--out", type=options.GivenPath(), help="Where to make its folder. [default: NAME]")
@options.data_root
@options.as_json
def new(
    name: str,
    roster: Path | None,
    id_column: str | None,
    email_column: str | None,
    name_columns: tuple[str, ...],
    due: str | None,
    withheld: str | None,
    out: Path | None,
    data_root: Path | None,
    as_json: bool,
) -> None:
    """Make a class: a folder with its settings, its secret, and the roster as it was exported.

    The roster is any platform's table of students as CSV, with commas, semicolons, tabs or colons. Say how things are
    marked, and what your gradebook's columns are called, in NAME/class.json.
    """
    from cnnlab.classroom.finder import Finder
    from cnnlab.classroom.making import checked_withheld, default_withheld, due_time, folder_name, new_class

    folder = Path(folder_name(name)) if out is None else out
    if len(name_columns) > 2:
        raise click.UsageError("--name-column: got more than two; expected one, or two: first names, last names")
    until = None if due is None else due_time(due)
    if withheld is None:
        measured_on = default_withheld(data_root)
    else:
        measured_on = None if withheld == "none" else checked_withheld(withheld, data_root)
    settings, told = new_class(
        folder,
        name,
        roster,
        id_column=id_column,
        email_column=email_column,
        name_columns=name_columns,
        due=until,
        withheld=measured_on,
    )
    if as_json:
        students = len(Finder.of_class(folder, settings).students)
        record = settings.model_dump(mode="json", exclude={"secret"})
        click.echo(strict_json({"class": str(folder), "students": students, "told": told} | record))
        return
    click.echo(f"class       {folder}")
    for line in told:
        click.echo(line)
    click.echo(f"next        {shlex.join(['cnnlab', 'class', 'hand-out', str(folder), '--lesson', 'lesson'])}")


@command.command("hand-out", short_help="Write the zip for students: lesson, playground, assignment.")
@click.argument("folder", metavar="[CLASS]", type=options.GivenPath(), required=False)
@click.option(
    "--lesson", type=options.GivenPath(), default=Path("lesson"), show_default=True, help="What cnnlab lesson made."
)
@options.data_root
@options.as_json
def hand_out(folder: Path | None, lesson: Path, data_root: Path | None, as_json: bool) -> None:
    """Write a zip of a finished lesson for the students of a class, under 6 MB, with an assignment sheet.

    In it the numbers of questions differ from student to student, by the id that each types in. CLASS is the class's
    folder; without it the current one. The same class and lesson give the same file.
    """
    from cnnlab.classroom.settings import class_folder

    of_class = class_folder(folder)
    from cnnlab.workflows.class_handout import hand_out_to_class  # PyTorch takes seconds to load

    made = hand_out_to_class(of_class, lesson, data_root=data_root, progress=Work())
    if as_json:
        handout, asked = made.handout, made.asked
        record = {
            "handout": str(handout.path),
            "bytes": handout.path.stat().st_size,
            "pages": handout.pages,
            "left_out": handout.left_out,
            "questions": len(asked.questions),
            "texts": len(asked.texts),
        }
        click.echo(strict_json(record))
    else:
        _print_handed_out(made, of_class, folder is not None)


def _print_handed_out(made: HandedOut, folder: Path, is_named: bool) -> None:
    path, left_out = made.handout.path, made.handout.left_out
    size = path.stat().st_size / 1e6
    click.echo(f"handout     {path}  {size:.1f} MB, {made.handout.pages} pages{', anew' if made.is_again else ''}")
    varied = sum(len(one.variants) > 1 for one in made.asked.questions)
    click.echo(
        f"asked       {len(made.asked.questions)} questions, {varied} of them with numbers of each student's own; "
        f"{len(made.asked.texts)} texts"
    )
    if left_out:
        named = ", ".join(left_out[:_NAMED]) + (f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else "")
        click.echo(f"left out    {len(left_out)} pages for which there was no room: {named}")
    of_class = ["--class", str(folder)] if is_named else []
    again = shlex.join(["cnnlab", "class", "collect", *of_class, "DOWNLOAD.zip"])
    click.echo(f"next        give students the zip; once they have handed in: {again}")


@command.command("collect", short_help="Mark what students handed in; fill your gradebook.")
@click.argument("given", metavar="[FOLDER|ZIP]...", type=options.GivenPath(), nargs=-1)
@click.option(
    "--class", "folder", type=options.GivenPath(), metavar="CLASS", help="Its folder. [default: the current one]"
)
@click.option(
    "--gradebook",
    type=options.GivenPath(is_file=True),
    metavar="CSV",
    help="Your platform's table of marks, of which a filled copy is written.",
)
@click.option("--anonymous", is_flag=True, help="A page for showing in class, too, that names nobody.")
@options.data_root
@options.as_json
def collect(
    given: tuple[Path, ...],
    folder: Path | None,
    gradebook: Path | None,
    anonymous: bool,
    data_root: Path | None,
    as_json: bool,
) -> None:
    """Mark what students handed in: FOLDER or ZIP as your platform's download has it, late ones added later.

    CLASS/collected/ gets a page for you, a page of feedback for each student, marks.csv and the gradebook. Without
    FOLDER or ZIP everything is marked again, with what your page saved in CLASS/marks/.
    """
    from cnnlab.classroom.settings import class_folder

    of_class = class_folder(folder)
    from cnnlab.workflows.classroom import collect_class  # PyTorch takes seconds to load

    made = collect_class(
        of_class,
        given,
        gradebook=gradebook,
        is_anonymous=anonymous,
        data_root=data_root,
        say=notice,
    )
    if as_json:
        click.echo(strict_json(_record(made)))
    else:
        _print_collected(made)


def _record(made: Collected) -> dict[str, object]:
    there = [one for one in made.results.results if one.file]
    return {
        "page": str(made.page),
        "anonymous_page": None if made.anonymous_page is None else str(made.anonymous_page),
        "gradebook": None if made.gradebook is None else str(made.gradebook),
        "students": len(made.results.results),
        "handed_in": len(there),
        "late": sum(one.is_late for one in there),
        "lines": list(made.results.lines),
        "told": list(made.told),
    }


def _print_collected(made: Collected) -> None:
    results = made.results
    there = [one for one in results.results if one.file]
    late = sum(one.is_late for one in there)
    has_roster = any(one.student.row is not None for one in results.results)
    strangers = sum(one.student.row is None for one in there) if has_roster else 0
    click.echo(
        f"class       {results.name}: {len(there)} of {len(results.results)} handed in"
        + (f", {late} of them late" if late else "")
        + (f"; {strangers} are not in the roster" if strangers else "")
    )
    unmarked = sum(one.homework_points is None for one in there)
    measured = sum(one.best is not None for one in there)
    click.echo(
        f"marked      questions of {len(there)}, homework of {len(there) - unmarked}"
        + (f" ({unmarked} have texts for you to mark)" if unmarked else "")
        + f", accuracy of {measured}"
    )
    for line in results.lines[:_NAMED]:
        click.echo(f"not read    {line}")
    if len(results.lines) > _NAMED:
        click.echo(f"            and {len(results.lines) - _NAMED} more, in the page")
    if made.gradebook is not None:
        click.echo(f"gradebook   {made.gradebook}")
        for line in made.told:
            click.echo(f"            {line}")
    if made.anonymous_page is not None:
        click.echo(f"to show     {made.anonymous_page}")
    click.echo(f"page        {made.page}")
