"""questions.json: what a lesson asks, with all numbers that a question may have; a class keeps a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cnnlab.config import Strict, checked
from cnnlab.plain_files import read_plain
from cnnlab.runs.records import parse_json, unreadable

#: The most bytes of questions.json; that of the whole lesson has half a million.
ASKED_BYTES = 32_000_000


class AskedQuestion(Strict):
    """A question. variants: as the pages show it, the plain numbers first."""

    id: str
    page: str
    variants: tuple[dict[str, Any], ...] = Field(min_length=1)


class AskedText(Strict):
    """A text to write. title: of its page. text: what is asked."""

    id: str
    page: str
    title: str
    text: str


class Asked(Strict):
    """What a lesson asks. lesson: which one, as its pages say it; `made` tells it from others."""

    format: Literal[1]
    lesson: dict[str, Any]
    questions: tuple[AskedQuestion, ...]
    texts: tuple[AskedText, ...]


def read_asked(path: Path) -> Asked:
    """What a questions.json holds. Raises UserError where it is damaged, FileNotFoundError where there is none."""
    try:
        content = read_plain(path, limit=ASKED_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    values = parse_json(content, str(path), mend="run cnnlab lesson again")
    return checked(Asked, values, str(path), is_file=True)
