"""How things end that do not come to their end: by what a user can mend, said in one line, or because they asked."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

#: The most characters of an error's text: what was got may be a name of thousands.
_LONGEST = 4_000


class UserError(Exception):
    """Something the user can mend: its text says what, what was got, what was expected and how to mend it.

    The command line prints the text as one line and exits with code 2; no traceback is shown. A text of more than 4,000
    characters is cut in its middle.
    """

    def __init__(self, text: str) -> None:
        half = _LONGEST // 2
        super().__init__(text if len(text) <= _LONGEST else f"{text[:half]}…{text[-half + 1 :]}")


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """A training or an experiment was asked to stop, and did so between two steps; its text says what is kept."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase that offers the nearest known name, or lists them all.

    `nearest("mnits", ["mnist", "kmnist"])` is `"did you mean mnist? (known: mnist, kmnist)"`.
    """
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    listing = ", ".join(names)
    return f"did you mean {close[0]}? (known: {listing})" if close else f"known: {listing}"
