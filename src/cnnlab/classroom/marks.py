"""What the teacher made of students' texts: the files that the teacher's page saves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from cnnlab.classroom.settings import MARKS
from cnnlab.config import Strict, checked
from cnnlab.errors import UserError
from cnnlab.plain_files import read_plain
from cnnlab.runs.records import RECORD_BYTES, parse_json

#: The most files that are read.
_FILES = 1_000


class _Mark(Strict):
    points: Annotated[float, Field(ge=0, le=1000)] | None = None
    remark: Annotated[str, Field(max_length=100_000)] | None = None
    of: Annotated[str, Field(max_length=64)] = ""


class _Marks(Strict):
    kind: Literal["cnnlab marks"]
    format: Literal[1]
    made: str = Field(alias="class")
    marks: dict[str, dict[str, _Mark]]


@dataclass(frozen=True)
class Mark:
    """points: None for none yet. remark: the teacher's, "" for none. of: `text_sum` of the text that was marked."""

    points: float | None = None
    remark: str = ""
    of: str = ""


def _as_saved(path: Path) -> tuple[str, int]:
    """The order in which a browser named files: `marks.json`, `marks (1).json`, `marks(2).json`."""
    found = re.fullmatch(r"(.*?) ?\((\d{1,9})\)", path.stem)
    return (path.stem, 0) if found is None else (found[1], int(found[2]))


def read_marks(folder: Path, made: str) -> tuple[dict[tuple[str, str], Mark], list[str]]:
    """(student's key, text's id) → mark, and a line for each file that is none, or another class's.

    folder: the class's. made: tells it from others. Of several files the later by name counts, field by field.
    """
    found: dict[tuple[str, str], Mark] = {}
    lines = []
    try:
        files = sorted((folder / MARKS).glob("*.json"), key=_as_saved)
    except OSError as error:
        return {}, [f"{MARKS}: not to be read ({error.strerror}); expected the files that the teacher's page saved"]
    for path in files[:_FILES]:
        said = f"{MARKS}/{path.name}"
        try:
            values = parse_json(read_plain(path, limit=RECORD_BYTES), said, mend="save it again from the page")
            record = checked(_Marks, values, said, is_file=True)
            if record.made != made:
                raise UserError(f"{said} is of another class; expected {made}: move it away")
        except UserError as error:
            lines.append(str(error).replace(str(path), said))
            continue
        except OSError as error:
            lines.append(f"{said}: not to be read ({error.strerror}); expected a file that you may read")
            continue
        for student, texts in record.marks.items():
            for text, mark in texts.items():
                before = found.get((student, text), Mark())
                is_given = "points" in mark.model_fields_set
                remark = before.remark if mark.remark is None else mark.remark
                found[student, text] = Mark(mark.points if is_given else before.points, remark, mark.of or before.of)
    if len(files) > _FILES:
        lines.append(f"{MARKS}: {len(files):,} files; expected at most {_FILES:,}: the rest was not read")
    return found, lines
