"""A table's cells change, and not a byte else, whatever its encoding, delimiter, quotes and line ends."""

from __future__ import annotations

import codecs
import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.classroom.table import read_table
from cnnlab.errors import UserError

ENCODINGS = {
    "utf-8": b"",
    "utf-8 marked": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "cp1252": b"",
}
WORDS = st.text(alphabet='abz 09.,;:\t"\r\n=-äÖß', max_size=8)


@st.composite
def tables(draw):
    """A table as lines of cells, each as it is written and as it is read, and how it is put together."""
    delimiter = draw(st.sampled_from(",;\t:"))
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    width = draw(st.integers(2, 5))

    def cell(word: str, in_quotes: bool) -> tuple[str, str]:
        needs = any(sign in word for sign in f'"\r\n{delimiter}')
        return ('"' + word.replace('"', '""') + '"', word) if needs or in_quotes else (word, word)

    titles = [cell(f"t{index}", draw(st.booleans())) for index in range(width)]
    lines = [titles]
    for row in range(draw(st.integers(0, 5))):
        count = draw(st.sampled_from([0, 1, width - 1, width, width, width, width + 1]))
        if delimiter == ":" and row == 0:  # a colon counts only where the line below the titles is as long
            count = width
        lines.append([cell(draw(WORDS), draw(st.booleans())) for _ in range(count)])
    # A lone cell that is written as nothing is an empty line.
    lines = [line if line != [("", "")] else [] for line in lines]
    ends = draw(st.booleans()) or not lines[-1]
    return delimiter, line_end, lines, ends, draw(st.sampled_from(list(ENCODINGS)))


def put_together(table, lines) -> bytes:
    delimiter, line_end, _, ends, encoding = table
    text = line_end.join(delimiter.join(written for written, _ in line) for line in lines) + (line_end if ends else "")
    return ENCODINGS[encoding] + text.encode(encoding.removesuffix(" marked"))


@settings(max_examples=300, deadline=None)
@given(tables())
def test_cells_are_read_as_pythons_own_reader_reads_them(table):
    delimiter, _, lines, _, encoding = table
    data = put_together(table, lines)
    read = read_table(data)
    assert read.with_cells({}) == data
    text = data.removeprefix(ENCODINGS[encoding]).decode(encoding.removesuffix(" marked"))
    expected = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    assert [list(read.header), *map(list, read.rows)] == expected


@settings(max_examples=300, deadline=None)
@given(tables(), st.data())
def test_a_changed_cell_is_all_that_changes(table, data):
    delimiter, _, lines, _, _ = table
    before = read_table(put_together(table, lines))
    assert before.delimiter == delimiter
    rows = [row for row, line in enumerate(lines[1:]) if line and row < len(before.rows)]
    if not rows:
        return
    row = data.draw(st.sampled_from(rows))
    column = data.draw(st.integers(0, len(lines[row + 1]) - 1))
    after = [list(line) for line in lines]
    was_quoted = lines[row + 1][column][0].startswith('"')
    after[row + 1][column] = ('"17.5"' if was_quoted else "17.5", "17.5")
    assert before.with_cells({(row, column): "17.5"}) == put_together(table, after)


@settings(max_examples=300, deadline=None)
@given(tables(), st.data())
def test_a_column_is_added_after_the_longest_line_and_empty_where_nothing_is_to_stand(table, data):
    lines = table[2]
    before = read_table(put_together(table, lines))
    filled = data.draw(st.sets(st.integers(0, max(len(before.rows) - 1, 0)))) if before.rows else set()
    after = read_table(before.with_cells({}, {"marks": {row: f"{row};5,5" for row in filled}}))
    width = max(map(len, [before.header, *before.rows]))
    if width > len(before.header):  # a line is longer than the titles, and the mark is not to stand under a wrong one
        assert after.header[len(before.header) : width] == ("",) * (width - len(before.header))
    assert after.header[width] == "marks"
    for row, cells in enumerate(before.rows):
        assert after.rows[row][: len(cells)] == cells
        assert after.rows[row][len(cells) : width] == ("",) * max(0, (width - len(cells)) if after.rows[row] else 0)
        if row in filled:
            assert after.rows[row][width] == f"{row};5,5"
        else:
            assert not cells or after.rows[row][width] == ""
            assert cells or after.rows[row] == ()


def test_text_that_holds_the_delimiter_is_quoted():
    assert read_table(b"a,b\n1,2\n").with_cells({(0, 1): '3,5"'}) == b'a,b\n1,"3,5"""\n'
    assert read_table(b"a;b\n1;2\n").with_cells({(0, 1): "3,5"}) == b"a;b\n1;3,5\n"


def test_a_table_whose_first_line_names_the_delimiter():
    data = b"sep=;\r\nName;Punkte, Summe\r\nAnna;\r\n"
    table = read_table(data)
    assert table.header == ("Name", "Punkte, Summe")
    assert table.with_cells({(0, 1): "3"}) == b"sep=;\r\nName;Punkte, Summe\r\nAnna;3\r\n"


@pytest.mark.parametrize(
    ("data", "titles"),
    [
        (b'"First name":"ID number":"Assignment: Lesson 3 (Real)"\nAnna:s1:-\n', 3),
        (b"Name;Assignment: Lesson 3 (Real);Total: all\r\nAnna;1;2\r\n", 3),
        (b"Name, Vorname;Matrikelnr.;Punkte, gesamt\r\nMeier, Anna;7;2,5\r\n", 3),
        (b"Last, First;Id\r\nMeier, Anna;7\r\n", 2),
        (b"Name\tLast, first, all\r\nAnna\t1\r\n", 2),
        (b"Name: in full\r\nAnna\r\n", 1),
        (b'Name,Note\nAnna,"a:""b"\n', 2),
        (b'Name,Note: all\nAnna,x:"b\n', 2),
    ],
)
def test_titles_may_hold_what_separates_them_elsewhere(data, titles):
    table = read_table(data)
    assert len(table.header) == titles
    assert len(table.rows[0]) == titles
    assert table.with_cells({}) == data


def test_windows_umlauts_come_back_as_they_were():
    data = "Name;Ort\r\nMüller;Köln €\r\n".encode("cp1252")
    table = read_table(data)
    assert table.rows == (("Müller", "Köln €"),)
    assert table.with_cells({(0, 1): "Bonn"}) == "Name;Ort\r\nMüller;Bonn\r\n".encode("cp1252")


def test_a_title_that_the_encoding_cannot_hold_is_refused_rather_than_spoilt():
    with pytest.raises(UserError, match="cp1252 and has no 'λ'"):
        read_table("Näme;b\n1;2\n".encode("cp1252")).with_cells({}, {"λ": {}})


def test_what_keeps_a_spreadsheet_from_counting_is_not_part_of_what_a_cell_says():
    table = read_table(b'id,name\n"=""00123"""," Anna "\n')
    assert (table.cell(0, 0), table.cell(0, 1), table.cell(0, None), table.cell(0, 7)) == ("00123", "Anna", "", "")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\r\n \r\n", "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "is a picture"),
        (b"PK\x03\x04" + bytes(100), "Excel workbook"),
        ("a,b\n".encode("utf-16-le"), "no text has"),
        (codecs.BOM_UTF16_LE + b"a\x00,\x00b", "goes on otherwise"),
        (b'a,b\n1,"2\n3,4\n', "line 2 has a quote that never ends"),
        (b"," * 6000, "more than 5,000 cells"),
        (b"a\n" * 100_003, "more than 100,000 rows"),
        (b"a" * 16_000_001, "expected a table of at most 16,000,000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_table_is_refused_in_a_line(data, says):
    with pytest.raises(UserError, match=says) as error:
        read_table(data, "roster.csv")
    assert str(error.value).startswith("roster.csv")
    assert "\n" not in str(error.value)
