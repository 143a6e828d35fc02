"""The command line: arguments → config → one call. Figures go to stdout, progress to stderr.

Exit codes: 0 done; 1 some of several inputs failed; 2 something the user can mend; 70 a bug; 130 interrupted.
"""

from __future__ import annotations

import errno
import math
import os
import sys
import traceback
from importlib import import_module
from typing import Any, NoReturn

import click

from cnnlab.cli.interrupts import interrupts, was_interrupted
from cnnlab.cli.sharing import share_processor
from cnnlab.cli.streams import text_alone
from cnnlab.errors import UserError, nearest
from cnnlab.version import __version__

#: Command → what it does. Each lives in a module of its name, or of `_MODULES`, and is imported when it is called.
COMMANDS = {
    "lesson": "The lesson, run: train its nets, one folder of linked pages.",
    "train": "Train a net, evaluate it, report: one run folder.",
    "evaluate": "Measure a trained net on a data set.",
    "predict": "Say what a trained net sees in your own image files.",
    "look": "Look inside a trained net: filters, feature maps, what excites units.",
    "describe": "Take a net apart: shapes, parameters, multiply-adds, receptive fields.",
    "explore": "Write the explorer of a trained net: a page that opens any unit.",
    "playground": "Write the playground: a page that trains nets in the browser.",
    "export": "Write a trained net as a file that other programs read.",
    "compare": "Compare variants of a training on matched seeds, with verdicts.",
    "sweep": "Search a net's options for the best net, and train it again on fresh seeds.",
    "claims": "Put the lesson's statements to the test, each with a verdict.",
    "find-lr": "Find a learning rate by one short run with a rising rate.",
    "hand-in": "Put runs, a notebook and a text into one file for your teacher.",
    "class": "Hand the lesson out to a class, collect what students hand in, and mark it.",
    "data": "List the data sets: what is on this machine, from where, verified or not.",
    "bench": "Compare this machine's stock notebook pipeline with cnnlab, side by side.",
}

#: Commands whose module cannot have their name, as Python has the word.
_MODULES = {"class": "classroom"}

#: What a system refuses by no fault of the program; a system has not all of them.
_REFUSALS = {
    getattr(errno, name, None)
    for name in (
        *("EACCES", "EDQUOT", "EIO", "EISDIR", "ELOOP", "EMFILE", "ENAMETOOLONG", "ENFILE"),
        *("ENODEV", "ENOSPC", "ENOTDIR", "ENXIO", "EPERM", "EROFS", "ESTALE"),
    )
}


def _sensible(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Refuse an empty word, as a script's unset variable makes one, which would pass for a default, and NaN and inf."""
    for one in value if isinstance(value, tuple) else (value,):
        if one == "":
            raise click.BadParameter("got an empty word; expected a name: give one, or leave it out", ctx, param)
        if isinstance(one, float) and not math.isfinite(one):
            raise click.BadParameter(f"got {one}; expected a finite number", ctx, param)
    return value


class Commands(click.Group):
    """A group that imports a command when it is called, so that `--help` waits for nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or a usage error with the nearest one."""
        if cmd_name not in COMMANDS:
            raise click.UsageError(f"unknown command {cmd_name}; {nearest(cmd_name, COMMANDS)}")
        share_processor()
        command = import_module(f"cnnlab.cli.{_MODULES.get(cmd_name, cmd_name.replace('-', '_'))}").command
        below = command.commands.values() if isinstance(command, click.Group) else ()
        for one in (command, *below):
            for param in one.params:
                param.callback = _sensible
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table above, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="NET is lenet5, lenet5-1998, simple-cnn, mlp, conv-net or your own path/to/file.py:ClassName. "
    "DATA is mnist-5k (needs no network), mnist, fashion-mnist, kmnist, folder:PATH, npz:PATH, csv:FILE, idx:PATH, "
    "cifar:PATH or parquet:PATH.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cnnlab() -> None:
    """A laboratory for convolutional networks: train one in seconds, look inside it, test what is said about it.

    Start with: cnnlab train simple-cnn
    """


def main() -> NoReturn:
    """Run the command line and turn what goes wrong into one line and an exit code."""
    with text_alone(), interrupts():
        code = _run()
    raise SystemExit(code)


def _run() -> int:
    try:
        code = cnnlab.main(prog_name="cnnlab", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        code = _say(str(error), 2)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "cnnlab"
        code = _say(f"{error.format_message()} (see {command} --help)", 2)
    except click.ClickException as error:
        code = _say(error.format_message(), 2)
    except (click.Abort, KeyboardInterrupt):
        code = _say("interrupted", 130)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (Exception, SystemExit) as error:
        if was_interrupted():  # what an import or a library makes of Ctrl-C
            return _say("interrupted", 130)
        from cnnlab.own_code import own_mistake  # a quarter of --help's time, which raises nothing

        mistake = own_mistake(error) or _system_s(error)
        if mistake is not None:
            code = _say(str(mistake), 2)
        elif isinstance(error, SystemExit):
            raise
        else:
            traceback.print_exc()
            code = _say("this is a bug in cnnlab; the lines above say where", 70)
    return code if isinstance(code, int) else 0


def _system_s(error: BaseException) -> UserError | None:
    """What to tell a user whose system refused: a place that it does not take, a disk or a memory that is full."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in _REFUSALS:
        where = "the system" if error.filename is None else os.fsdecode(error.filename)
        return UserError(f"{where}: {os.strerror(error.errno).lower()}; check the path, its disk and your rights there")
    if isinstance(error, MemoryError) or "allocate memory" in str(error):
        return UserError("this machine's memory is too small for it; expected less: fewer or smaller images, or nets")
    return None


def _say(message: str, code: int) -> int:
    print("cnnlab: " + " ".join(message.split()), file=sys.stderr)
    return code
