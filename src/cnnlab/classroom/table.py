"""A table as a learning platform exports it: read as text, and written back with cells changed and nothing else."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from cnnlab.errors import UserError

#: The most bytes of a table, its rows, and the cells of one; 300 students in 200 columns make half a million bytes.
TABLE_BYTES, MOST_ROWS, MOST_CELLS = 16_000_000, 100_000, 5_000

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DELIMITERS = ",;\t:"
#: What tells a spreadsheet the delimiter, in a line above the titles.
_SAID = re.compile(r'"?sep=([,;\t:])"?(?=[\r\n])')
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_PLAIN = {delimiter: re.compile(rf"[^{delimiter}\r\n]*+") for delimiter in _DELIMITERS}
#: What spreadsheets read as this text, never as a number: `="00123"`.
_KEPT_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')
#: What no text holds.
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_OTHER_FILES = (
    (b"PK\x03\x04", "an Excel workbook or another zip"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"%PDF", "a PDF"),
)


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where a cell stands in the text, its quotes with it, and what it says."""

    start: int
    end: int
    says: str
    is_quoted: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """A line's cells, none where it is empty, and where it ends, before its line end."""

    cells: tuple[_Cell, ...]
    end: int


@dataclass(frozen=True)
class Table:
    """A table, and the text that it was read from.

    header: the titles. rows: below them, each as long as its line has cells, () for an empty line. delimiter: what
    stands between cells.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str
    _text: str = field(repr=False)
    _bom: bytes = field(repr=False)
    _encoding: str = field(repr=False)
    _lines: tuple[_Line, ...] = field(repr=False)  # the titles' line first

    @property
    def width(self) -> int:
        """The cells of the longest line."""
        return max(len(self.header), max(map(len, self.rows), default=0))

    def cell(self, row: int, column: int | None) -> str:
        """What a cell says, without white space around it and without what keeps spreadsheets from counting: `="007"`.

        "" where the row is too short for it, and for a column of None.
        """
        if column is None or column >= len(self.rows[row]):
            return ""
        says = self.rows[row][column].strip()
        kept = _KEPT_AS_TEXT.fullmatch(says)
        return says if kept is None else kept[1].replace('""', '"').strip()

    def with_cells(
        self, cells: Mapping[tuple[int, int], str], new_columns: Mapping[str, Mapping[int, str]] | None = None
    ) -> bytes:
        """The table's bytes with cells changed and columns added at its end; every other byte is as it was.

        cells: (row, column) → text, rows counted from 0 below the titles. new_columns: title → row → text; the cells
        of other rows are empty. A line that is too short for its cell gets empty ones before it; an empty line stays
        empty unless a cell of it is set. Raises UserError for text that the table's encoding has no signs for.
        """
        changes: list[dict[int, str]] = [{} for _ in self._lines]
        for (row, column), text in cells.items():
            changes[row + 1][column] = text
        for column, (title, texts) in enumerate((new_columns or {}).items(), self.width):
            changes[0][column] = title
            for row, line in enumerate(self._lines[1:]):
                if line.cells or row in texts:
                    changes[row + 1][column] = texts.get(row, "")
        pieces, at = [], 0
        for line, texts in zip(self._lines, changes, strict=True):
            for start, end, text in self._edits(line, texts):
                pieces += [self._text[at:start], text]
                at = end
        return self._bom + self._encoded("".join([*pieces, self._text[at:]]))

    def _edits(self, line: _Line, texts: Mapping[int, str]) -> Iterator[tuple[int, int, str]]:
        """What is put where in the text for one line's new cells, in the order of the text."""
        there = line.cells
        for column in sorted(column for column in texts if column < len(there)):
            cell = there[column]
            yield cell.start, cell.end, self._written(texts[column], is_quoted=cell.is_quoted)
        if texts and max(texts) >= len(there):
            style = bool(there) and there[-1].is_quoted
            columns = range(len(there), max(texts) + 1)
            new = [self._written(texts.get(column, ""), is_quoted=style) for column in columns]
            yield line.end, line.end, (self.delimiter if there else "") + self.delimiter.join(new)

    def _written(self, text: str, *, is_quoted: bool) -> str:
        if text and (is_quoted or re.search(rf'["\r\n{self.delimiter}]', text)):
            return '"' + text.replace('"', '""') + '"'
        return text

    def _encoded(self, text: str) -> bytes:
        try:
            return text.encode(self._encoding)
        except UnicodeEncodeError as error:
            raise UserError(
                f"the table is {self._encoding} and has no {text[error.start]!r}; expected text that it can hold: "
                "save the table as UTF-8, or choose other words"
            ) from None


def read_table(data: bytes, what: str = "the table") -> Table:
    """A table of text: UTF-8 or UTF-16 with its mark, UTF-8, or else Windows' cp1252.

    Commas, semicolons, tabs or colons stand between cells. These may stand in quotes, with line ends in them; any line
    end will do. The titles are in the first line that is not empty and does not name the delimiter alone. what: what
    messages call it.
    Raises UserError for what is no table, or a larger one than 16 MB, 100,000 rows or 5,000 cells in a row.
    """
    if len(data) > TABLE_BYTES:
        raise UserError(f"{what} has {len(data):,} bytes; expected a table of at most {TABLE_BYTES:,}: check the file")
    text, bom, encoding = _decoded(data, what)
    said = _SAID.match(text)
    at = said.end() if said else 0
    at += len(text) - at - len(text[at:].lstrip("\r\n"))
    if not text[at:].strip():
        raise UserError(f"{what} is empty; expected a table with titles in its first line: export it again")
    delimiter = said[1] if said else _delimiter_of(text, at, what)
    lines = []
    for line in _lines(text, at, delimiter, what):
        lines.append(line)
        if len(lines) > MOST_ROWS + 1:
            raise UserError(f"{what} has more than {MOST_ROWS:,} rows; expected a class's: check the file")
    header, *rows = (tuple(cell.says for cell in line.cells) for line in lines)
    return Table(header, tuple(rows), delimiter, text, bom, encoding, tuple(lines))


def _decoded(data: bytes, what: str) -> tuple[str, bytes, str]:
    """The text, the mark before it, and its encoding, which gives the same bytes back."""
    for begins, kind in _OTHER_FILES:
        if data.startswith(begins):
            raise UserError(f"{what} is {kind}; expected a table as text: export it, or save it, as CSV")
    bom, encoding = next(((mark, name) for mark, name in _BOMS if data.startswith(mark)), (b"", ""))
    body = data.removeprefix(bom)
    for name in (encoding,) if bom else ("utf-8", "cp1252", "latin-1"):
        try:
            text = body.decode(name)
        except UnicodeDecodeError:
            continue
        strange = _NO_TEXT.search(text)
        if strange is not None:
            raise UserError(f"{what} has {strange[0]!r} in it, which no text has; expected a table: export it as CSV")
        return text, bom, name
    raise UserError(f"{what} begins like {encoding} and goes on otherwise; expected text: export it again")


def _delimiter_of(text: str, at: int, what: str) -> str:
    """What stands between the titles: of several signs one that splits the line below into as many cells, if any does.

    Titles hold colons, as `Assignment: Lesson 3` does: these count only where nothing else splits the titles.
    """
    *others, colon = _DELIMITERS
    titles = {one: len(next(_lines(text, at, one, what)).cells) for one in _DELIMITERS}
    fitting = [one for one in _DELIMITERS if titles[one] > 1 and _below(text, at, one, what) in (titles[one], None)]
    likely = [one for one in others if titles[one] > 1]
    if not likely:
        return colon if colon in fitting else others[0]
    return max([one for one in likely if one in fitting] or likely, key=lambda one: titles[one])


def _below(text: str, at: int, delimiter: str, what: str) -> int | None:
    """How many cells the line below the titles has, 0 where it cannot be split so; None where there is none."""
    try:
        full = (len(line.cells) for line in _lines(text, at, delimiter, what) if line.cells)
        return next(islice(full, 1, None), None)
    except UserError:
        return 0


def _lines(text: str, at: int, delimiter: str, what: str) -> Iterator[_Line]:
    """The lines of a text from a place on. Raises UserError for a quote that never ends, and for too many cells."""
    plain = _PLAIN[delimiter]
    while at < len(text):
        begins, cells = at, []
        while True:
            start, says, is_quoted = at, "", text[at : at + 1] == '"'
            if is_quoted:
                quoted = _QUOTED.match(text, at)
                if quoted is None:
                    raise UserError(
                        f"{what}: line {_line_number(text, at)} has a quote that never ends; expected another after "
                        "the cell: mend it, or export it again"
                    )
                at, says = quoted.end(), quoted[0][1:-1].replace('""', '"')
            rest = plain.match(text, at)
            assert rest is not None
            at = rest.end()
            cells.append(_Cell(start, at, says + rest[0], is_quoted))
            if len(cells) > MOST_CELLS:
                raise UserError(f"{what}: line {_line_number(text, begins)} has more than {MOST_CELLS:,} cells")
            if text[at : at + 1] != delimiter:
                break
            at += 1
        yield _Line((), at) if at == begins else _Line(tuple(cells), at)
        ends = _LINE_END.match(text, at)
        at = at if ends is None else ends.end()


def _line_number(text: str, at: int) -> int:
    """Which line of the file a place is in, counted from 1."""
    return len(_LINE_END.findall(text, 0, at)) + 1
