"""The command line in this process, without pytest: what it said and how it ended."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import NamedTuple

import cnnlab.cli


class Ending(NamedTuple):
    """How a command ended. code: None where it raised something past `main`, which is `raised`."""

    code: int | None
    out: str
    err: str
    raised: BaseException | None = None

    @property
    def is_typed(self) -> bool:
        """Whether it is a result, or one line that says what a user can mend."""
        if self.code in (0, 1):
            return "Traceback" not in self.err
        last = self.err.rstrip("\n").rpartition("\n")[2]
        return self.code == 2 and last.startswith("cnnlab: ") and "Traceback" not in self.err


def command(*arguments: object) -> Ending:
    """`command("train", "mlp", …)`."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["cnnlab", *map(str, arguments)]
    code, raised = None, None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cnnlab.cli.main()
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0
    except BaseException as error:
        raised = error
    finally:
        sys.argv = before
    return Ending(code, out.getvalue(), err.getvalue(), raised)
