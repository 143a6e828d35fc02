"""The code cells of a notebook, from whatever wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cnnlab.errors import UserError

#: Of a notebook's text, the most letters, and of the code in it: the lesson's has 16,000.
LONGEST = 5_000_000
LONGEST_CODE = 100_000
#: The most cells.
MOST = 10_000
#: Of what a cell shows, the most letters that are kept.
LONGEST_SHOWN = 2_000


@dataclass(frozen=True)
class CodeCell:
    """Code as it stands in a cell, and what the file shows below it: its last line's value, else what it printed."""

    source: str
    shown: str


def notebook_of(text: str) -> dict[str, Any]:
    """A notebook as its JSON has it, with a list of cells. Raises UserError where the text is none."""
    try:
        found = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half of a pair of UTF-16 is no text
    except UnicodeError:
        reason = "letters that are none"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        reason = " ".join(str(error).split())[:100]
    else:
        if isinstance(found, dict) and isinstance(found.get("cells"), list):
            if len(found["cells"]) <= MOST:
                return found
            reason = f"{len(found['cells']):,} cells, at most {MOST:,} are read"
        else:
            reason = "it has no cells"
    raise UserError(
        f"the notebook cannot be read ({reason}); expected an .ipynb of format 4, as JupyterLab saves it: save it again"
    )


def code_cells(text: str) -> tuple[CodeCell, ...]:
    """The code cells of a notebook, in its order; what is no cell is left out.

    text: of the .ipynb. Raises UserError where it is no notebook, and where it or its code is longer than one may be.
    """
    if len(text) > LONGEST:
        raise UserError(
            f"the notebook has {len(text):,} letters; expected at most {LONGEST:,}: clear the outputs of all cells"
        )
    cells = [cell for cell in notebook_of(text)["cells"] if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    found = tuple(CodeCell(joined(cell.get("source")), _shown(cell.get("outputs"))) for cell in cells)
    length = sum(len(cell.source) for cell in found)
    if length > LONGEST_CODE:
        raise UserError(
            f"the notebook has {length:,} letters of code; expected at most {LONGEST_CODE:,}: keep data out of it"
        )
    return found


def joined(lines: Any) -> str:
    """A text that stands in a notebook in one piece or line by line; "" for anything else."""
    if isinstance(lines, list):
        return "".join(line for line in lines if isinstance(line, str))
    return lines if isinstance(lines, str) else ""


def _shown(outputs: Any) -> str:
    given = [each for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []
    values, printed = list(_values(given)), [joined(each.get("text")) for each in given]
    return (values[-1] if values else "".join(printed)).strip()[:LONGEST_SHOWN]


def _values(outputs: list[dict[str, Any]]) -> Iterator[str]:
    for output in outputs:
        data = output.get("data")
        if output.get("output_type") == "execute_result" and isinstance(data, dict):
            yield joined(data.get("text/plain"))
