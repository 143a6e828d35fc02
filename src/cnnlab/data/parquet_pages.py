"""What a Parquet file says of its columns and they of their pages, read before anything unpacks them.

Source: https://github.com/apache/parquet-format, FileMetaData and PageHeader in Thrift's compact protocol. pyarrow
reads the same, but ends the process over some columns whose statistics do not fit.
"""

from __future__ import annotations

from typing import IO, NamedTuple

_LONGEST_HEADER = 1_000_000  # bytes; statistics of a page are in it
_DEEPEST = 8  # structures in structures


class Page(NamedTuple):
    """unpacked, packed: its bytes. values: how many it holds, of a dictionary how many words."""

    unpacked: int
    packed: int
    values: int
    is_dictionary: bool


class Column(NamedTuple):
    """A column in a row group. path: its name, with a dot before a part of it. start, packed: where its pages lie, in
    bytes; unpacked: their bytes."""

    path: str
    start: int
    packed: int
    unpacked: int


def row_groups(footer: bytes) -> list[tuple[int, list[Column]]]:
    """Of each row group how many rows it has, and its columns. footer: the list at the file's end.

    Raises ValueError.
    """
    found = []
    for group in _items(_Compact(footer).struct(), 4):
        columns = [_column(each.get(3)) for each in _items(group, 1)]
        found.append((_whole(group, 3), columns))
    return found


def _column(meta: object) -> Column:
    if not isinstance(meta, dict):
        raise ValueError("a column without a description")
    path = meta.get(3)
    if not isinstance(path, list) or not all(isinstance(part, bytes) for part in path):
        raise ValueError("a column without a name")
    starts = [_whole(meta, field) for field in (11, 9) if meta.get(field)]
    name = ".".join(part.decode(errors="replace") for part in path)
    return Column(name, min(starts, default=0), _whole(meta, 7), _whole(meta, 6))


def _items(fields: dict[int, object], field: int) -> list[dict[int, object]]:
    items = fields.get(field, [])
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise ValueError("a list of something else")
    return items


def _whole(fields: dict[int, object], field: int) -> int:
    value = fields.get(field)
    if not isinstance(value, int) or value < 0:
        raise ValueError("a size or number that is missing or negative")
    return value


def pages(file: IO[bytes], start: int, length: int) -> list[Page]:
    """The pages of a column in a row group, which lie in `length` bytes from `start` on. Raises ValueError.

    Theirs are the figures by which a reader makes room and counts, so they are what has to be bounded.
    """
    found, here, end = [], start, start + length
    while here < end:
        file.seek(here)
        header = _Compact(file.read(min(_LONGEST_HEADER, end - here)))
        fields = header.struct()
        counts = [fields.get(field) for field in (5, 7, 8)]  # of data, of a dictionary, of data in version 2
        values = next((each[1] for each in counts if isinstance(each, dict) and isinstance(each.get(1), int)), None)
        unpacked, packed = fields.get(2), fields.get(3)
        if not (isinstance(values, int) and isinstance(unpacked, int) and isinstance(packed, int)):
            raise ValueError("a page without its sizes")
        if min(values, unpacked, packed) < 0:
            raise ValueError("a page of negative size")
        found.append(Page(unpacked, packed, values, 7 in fields))
        here += header.place + packed
    if here != end:
        raise ValueError("pages that end after their column")
    return found


class _Compact:
    """Thrift's compact protocol: integers, bytes, lists, and structures by their fields' numbers."""

    def __init__(self, content: bytes) -> None:
        self._content, self.place = content, 0

    def struct(self, depth: int = 0) -> dict[int, object]:
        """Fields by number; truths and fractions are passed over."""
        if depth > _DEEPEST:
            raise ValueError("structures too deep in one another")
        fields: dict[int, object] = {}
        number = 0
        while kind_and_step := self._byte():
            kind, step = kind_and_step & 15, kind_and_step >> 4
            number = number + step if step else self._integer()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> object:
        if kind in (1, 2):  # true and false stand in the kind itself; in a list each is a byte
            return None
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            self._pass(8)
            return None
        if kind == 8:
            count = self._unsigned()
            self._pass(count)
            return self._content[self.place - count : self.place]
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError("a field of a kind that no header of a page has")

    def _list(self, depth: int) -> list[object]:
        if depth > _DEEPEST:
            raise ValueError("lists too deep in one another")
        size_and_kind = self._byte()
        kind, count = size_and_kind & 15, size_and_kind >> 4
        if count == 15:
            count = self._unsigned()
        if count > len(self._content) - self.place:  # each takes a byte at least
            raise ValueError("a list longer than its file")
        return [self._byte() if kind in (1, 2) else self._value(kind, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        if self.place >= len(self._content):
            raise ValueError("a header of a page that does not end")
        self.place += 1
        return self._content[self.place - 1]

    def _pass(self, count: int) -> None:
        self.place += count
        if self.place > len(self._content):
            raise ValueError("a header of a page that does not end")

    def _unsigned(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a number without end")

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
