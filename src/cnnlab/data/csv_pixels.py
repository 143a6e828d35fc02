"""`csv:FILE`: a line an image, its label and its pixels: how competitions hand out MNIST and its like."""

from __future__ import annotations

import csv
import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from cnnlab.data.arrays import LabelledArrays, set_of_arrays
from cnnlab.data.cache import decoded_place, keep_arrays, kept_arrays, state_of
from cnnlab.data.imageset import ImageSet
from cnnlab.data.labels import LONGEST_LABEL, numbered_words
from cnnlab.data.unread import Joined, Unread
from cnnlab.errors import UserError
from cnnlab.plain_files import open_plain

#: The most bytes of a file, of its pixels as uint8 and of a line; the most images.
LONGEST = 4_000_000_000
LARGEST = 500_000_000
LONGEST_LINE = 1_000_000
MOST_IMAGES = 1_000_000

_LABELS = ("label", "labels", "class", "target", "category", "y")
_NUMBERS_OF_ROWS = ("", "id", "index", "imageid", "image_id", "unnamed: 0")
_DELIMITERS = (b",", b";", b"\t")
_AT_ONCE = 4_000_000  # bytes of lines that are parsed together
_WORTH_KEEPING = 1_000_000  # bytes of a file from which on the cache saves time
_FORMAT = "csv 1"  # of what is kept: raise it when reading changes


def load_csv(path: str | Path, *, cache: str | Path | None = None) -> ImageSet:
    """Load a file of comma-separated values: each line a label and the pixels of a square image, row by row.

    With a line of names or without; delimited by commas, semicolons or tabs. The label is in the column called label,
    class, target, category or y, else in the first. Columns called id or index are left out. All others are pixels,
    whole numbers 0–255: S×S of them are gray, S×S×3 red, green and blue of each pixel in turn.
    Labels 0 … K-1 are class numbers; others, words too, are classes by name, numbers in their order.
    Split 80/10/10 % of each class by a fixed shuffle; equal images stay in one split.
    cache: what was read of a file of 1 MB and more is kept in cache/folder until the file changes or others need the
    room.
    Raises UserError when a line is anything else, with its number, and when there is no label.
    """
    if not str(path):
        raise UserError("csv: names no file; expected csv:FILE: give the path of a file of pixels")
    file = Path(os.path.expanduser(path))
    if file.is_dir():
        raise UserError(f"{file} is a folder; expected a file of pixels: mend the path, or use folder:PATH")
    try:
        read = _read_or_kept(file, cache)
    except FileNotFoundError:
        raise UserError(f"{file} does not exist; expected a file of pixels: mend the path") from None
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error.strerror}); expected a readable file: mend its permissions"
        ) from None
    return set_of_arrays(
        {"all": LabelledArrays(read.images, read.numbers, f"{file}: pixels", f"{file}: labels")},
        np.array(read.names),
        name=f"csv:{path}",
        where=str(file),
        source=f"csv: {file.resolve()}",
        by="as the file says",
        notes=read.notes,
    )


class _Table(NamedTuple):
    """images: uint8 (N, S, S) or (N, S, S, 3). numbers: int64 (N,). names: of the classes."""

    images: np.ndarray | Unread
    numbers: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...]


def _read_or_kept(file: Path, cache: str | Path | None) -> _Table:
    with open_plain(file, limit=LONGEST) as lines:
        status = os.fstat(lines.fileno())
        size, key = status.st_size, f"{_FORMAT} {state_of(status)}"
        named = hashlib.sha256(f"csv {file.resolve()}".encode(errors="surrogateescape"))
        place = decoded_place(named.hexdigest()[:32], cache)
        kept = _of_kept(kept_arrays(place, key)) if size >= _WORTH_KEEPING else None
        if kept is not None:
            return kept
        layout, labels, blocks = _read(lines, file)
    numbers, names, note = numbered_words(labels, str(file))
    notes = [f"{layout.side}×{layout.side} from {layout.side**2 * layout.channels} columns", *([note] if note else [])]
    if layout.channels == 3:
        notes.append("three channels: red, green and blue of each pixel in turn")
    if size >= _WORTH_KEEPING:
        blocks = [np.concatenate(blocks)]
        keep_arrays(place, key, cache, images=blocks[0], numbers=numbers, names=np.array(names), notes=np.array(notes))
    return _Table(Joined(tuple(blocks)), numbers, names, tuple(notes))


def _of_kept(arrays: dict[str, np.ndarray] | None) -> _Table | None:
    if arrays is None or set(arrays) != {"images", "numbers", "names", "notes"}:
        return None
    images, numbers, names = arrays["images"], arrays["numbers"], arrays["names"]
    is_right = images.dtype == np.uint8 and numbers.dtype == np.int64 and names.dtype.kind == "U"
    if not is_right or len(images) != len(numbers) or numbers.min() < 0 or numbers.max() >= len(names):
        return None
    return _Table(images, numbers, tuple(names.tolist()), tuple(arrays["notes"].tolist()))


@dataclass(frozen=True)
class _Layout:
    delimiter: bytes
    columns: int
    label: int
    pixels: list[int]
    has_names: bool

    @property
    def channels(self) -> int:
        return 1 if _side(len(self.pixels)) else 3

    @property
    def side(self) -> int:
        return _side(len(self.pixels) // self.channels) or 0


def _read(lines: IO[bytes], file: Path) -> tuple[_Layout, list[str], list[np.ndarray]]:
    first = _line(lines, 1, file).removeprefix(b"\xef\xbb\xbf")
    _require_text(first, file)
    layout = _layout(first, file)
    labels: list[str] = []
    blocks: list[np.ndarray] = []
    waiting: list[tuple[int, bytes]] = [] if layout.has_names else [(1, first)]
    size, number = 0, 1
    while True:
        line = _line(lines, number := number + 1, file)
        if line.strip():
            waiting.append((number, line))
            size += len(line)
        if waiting and (not line or size > _AT_ONCE):
            blocks.append(_parse(waiting, layout, labels, file))
            waiting, size = [], 0
        if len(labels) > MOST_IMAGES or len(labels) * len(layout.pixels) > LARGEST:
            raise UserError(
                f"{file} holds more than {MOST_IMAGES:,} images or {LARGEST:,} pixels; expected at most that: take "
                "fewer lines, or give them as npz:FILE"
            )
        if not line:
            break
    if not blocks:
        raise UserError(f"{file} holds no image; expected a line for each: add lines")
    return layout, labels, blocks


def _line(lines: IO[bytes], number: int, file: Path) -> bytes:
    line = lines.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise UserError(
            f"{file}: line {number} has more than {LONGEST_LINE:,} bytes; expected a line an image: it is no such file"
        )
    return line


def _require_text(first: bytes, file: Path) -> None:
    """Raise UserError where a file's first line tells that it is no text in UTF-8."""
    kinds = {
        b"\x1f\x8b": "is packed by gzip; expected plain text: unpack it",
        b"PK\x03\x04": "is a zip file or an Excel workbook; expected plain text: unpack it, or save the table as CSV",
        b"\xff\xfe": "is text in UTF-16; expected UTF-8: save it as CSV in UTF-8",
        b"\xfe\xff": "is text in UTF-16; expected UTF-8: save it as CSV in UTF-8",
    }
    for begin, says in kinds.items():
        if first.startswith(begin):
            raise UserError(f"{file} {says}")
    if not first.strip():
        raise UserError(f"{file} {'begins with an empty line' if first else 'is empty'}; expected a line an image")


def _cells(line: bytes, delimiter: bytes) -> list[str]:
    text = line.decode(errors="replace").strip("\r\n")
    try:
        found = next(csv.reader([text], delimiter=delimiter.decode(), skipinitialspace=True))
    except (csv.Error, StopIteration):  # a quotation mark that nothing closes, or nothing at all
        found = [cell.strip().strip('"') for cell in text.split(delimiter.decode())]
    return [cell.strip() for cell in found]


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _layout(first: bytes, file: Path) -> _Layout:
    delimiter = max(_DELIMITERS, key=first.count)
    cells = _cells(first, delimiter)
    words = sum(not _is_number(cell) for cell in cells)
    has_names = words > 1 or (words == 1 and cells[0].casefold() in _LABELS)
    names = [cell.casefold() for cell in cells] if has_names else []
    label = next((names.index(name) for name in _LABELS if name in names), None if has_names else 0)
    pixels = [i for i in range(len(cells)) if i != label and (not has_names or names[i] not in _NUMBERS_OF_ROWS)]
    if label is None or (not has_names and not _is_square(len(pixels)) and _is_square(len(cells))):
        if _is_square(len(pixels) + (label is not None)):
            raise UserError(
                f"{file} has {len(cells)} columns of pixels and no label, as a competition's test file has; expected a "
                "label in each line: take the training file, of which a tenth becomes the test"
            )
        raise UserError(
            f"{file} has no column called label; expected one of {', '.join(_LABELS)}: name the column of labels so"
        )
    if not _is_square(len(pixels)):
        raise UserError(
            f"{file} has {len(pixels)} columns beside the label; expected S×S, or S×S×3, such as 784: leave out "
            "columns that are no pixels"
        )
    return _Layout(delimiter, len(cells), label, pixels, has_names)


def _side(count: int) -> int | None:
    side = math.isqrt(count)
    return side if side > 1 and side * side == count else None


def _is_square(count: int) -> bool:
    return _side(count) is not None or (count % 3 == 0 and _side(count // 3) is not None)


def _parse(waiting: list[tuple[int, bytes]], layout: _Layout, labels: list[str], file: Path) -> np.ndarray:
    """Pixels of some lines, whose labels are added to the others."""
    lines = []
    for number, line in waiting:
        plain, word = line.replace(b'"', b"").strip(b"\r\n"), None
        count = plain.count(layout.delimiter) + 1
        marks = line.count(b'"')
        if marks and (marks % 2 or count != layout.columns or b'""' in line):  # they do more than surround values
            plain, count, word = _unquoted(line, layout)
        line = plain
        if count != layout.columns:
            raise UserError(
                f"{file}: line {number} has {count} values; expected {layout.columns}, as in line 1: mend or "
                "remove the line"
            )
        label = line.split(layout.delimiter, layout.label + 1)[layout.label].strip() if word is None else word
        if len(label) > LONGEST_LABEL:
            raise UserError(
                f"{file}: line {number} has a label of {len(label):,} bytes; expected at most {LONGEST_LABEL}: check "
                "which column is the label"
            )
        labels.append(label.decode(errors="replace"))
        lines.append(line.decode("latin-1"))
    values = _digits(lines, layout)
    if values is None:
        values = _values(lines, layout)
    if values is None:
        number = next(
            number
            for (number, _), line in zip(waiting, lines, strict=True)
            if len(waiting) == 1 or _values([line], layout) is None
        )
        raise UserError(
            f"{file}: line {number} holds pixels that are no whole numbers from 0 to 255; expected these alone: "
            "mend or remove the line; multiply values from 0 to 1 by 255 and round them"
        )
    rows = values.astype(np.uint8)
    shape = (layout.side, layout.side) if layout.channels == 1 else (layout.side, layout.side, 3)
    return rows.reshape(len(rows), *shape)


def _unquoted(line: bytes, layout: _Layout) -> tuple[bytes, int, bytes]:
    """A line with quotation marks as one without, how many values it has, and its label, which is empty in the line."""
    cells = _cells(line, layout.delimiter)
    label = cells[layout.label] if layout.label < len(cells) else ""
    plain = ["" if i == layout.label else cell for i, cell in enumerate(cells)]
    return layout.delimiter.join(cell.encode() for cell in plain), len(cells), label.encode()


def _digits(lines: list[str], layout: _Layout) -> np.ndarray | None:
    """The pixels of lines of one to three digits each, 0–255, uint8 (n, pixels); None where any is written otherwise.

    Much faster than `_values`, which takes all that is a number. Only where the label is the first or the last value.
    """
    sign = layout.delimiter.decode()
    if layout.pixels == list(range(1, layout.columns)):
        rests = [line.partition(sign)[2] for line in lines]
    elif layout.pixels == list(range(layout.columns - 1)):
        rests = [line.rpartition(sign)[0] for line in lines]
    else:
        return None
    text = np.frombuffer((sign.join(rests) + sign).encode("latin-1"), np.uint8)
    digits = text - ord("0")  # of other signs more than 9
    ends = np.flatnonzero(text == ord(sign))
    lengths = np.diff(ends, prepend=-1) - 1
    if len(ends) != len(lines) * len(layout.pixels) or lengths.min() < 1 or lengths.max() > 3:
        return None
    if np.count_nonzero(digits <= 9) != len(text) - len(ends):
        return None
    values = digits[ends - 1].astype(np.uint16)
    for place, worth in ((2, 10), (3, 100)):
        longer = np.flatnonzero(lengths >= place)
        values[longer] += worth * digits[ends[longer] - place].astype(np.uint16)
    return values.reshape(len(lines), -1) if values.max() <= 255 else None


def _values(lines: list[str], layout: _Layout) -> np.ndarray | None:
    """The pixels of lines, whole numbers 0–255, or None where there are others."""
    try:
        values = np.loadtxt(
            lines, np.float64, delimiter=layout.delimiter.decode(), usecols=layout.pixels, comments=None, ndmin=2
        )
    except ValueError:
        return None
    return values if ((values >= 0) & (values <= 255) & (values == np.rint(values))).all() else None
