"""What reaches the terminal: text alone. Names and records of others may hold signs that would steer it."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TextIO

#: Control characters but line feed and tab; line separators; marks that turn the direction of writing; bytes of a
#: file's name that are no text (surrogates).
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str) -> str:
    r"""Text with what would steer a terminal written out: ESC is shown as `\x1b`, a turn to the left as `\u202e`."""
    return _STEERING.sub(lambda sign: _written_out(ord(sign[0])), text)


def shown_name(name: str) -> str:
    r"""A name as `shown` has it, on one line: a line feed in it is `\n`."""
    return shown(name).replace("\n", "\\n").replace("\t", "\\t")


@contextmanager
def text_alone() -> Generator[None]:
    """Inside, whatever is printed on either stream is shown; signs that its encoding lacks are replaced."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Shown(stream) if stream is not None else None for stream in streams)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


class _Shown:
    """A stream that shows what is written to it. It has no `buffer`, through which bytes would pass it by."""

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        self.rich_proxied_file = stream  # where rich writes, whose text `terminal.Console` has shown already

    def write(self, text: str) -> int:
        self.rich_proxied_file.write(shown(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.rich_proxied_file, name)


def _written_out(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not read
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
