"""What the pages of a Parquet file say of themselves, read before anything unpacks them.

Source: https://github.com/apache/parquet-format, PageHeader in Thrift's compact protocol.
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
    """Thrift's compact protocol, as far as headers need it: integers, and structures by their fields' numbers."""

    def __init__(self, content: bytes) -> None:
        self._content, self.place = content, 0

    def struct(self, depth: int = 0) -> dict[int, object]:
        """Fields by number; what is no integer and no structure is passed over."""
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
        if kind in (1, 2):  # true and false stand in the kind itself
            return None
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._integer()
        if kind == 7:
            self._pass(8)
            return None
        if kind == 8:
            self._pass(self._unsigned())
            return None
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError("a field of a kind that no header of a page has")

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
