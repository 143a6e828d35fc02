"""Any platform's export is a roster: who is in it, and who a hand-in is of."""

from __future__ import annotations

import re

import pytest
from tests.classroom import exports

from cnnlab.classroom.finder import Finder
from cnnlab.classroom.results import Student
from cnnlab.classroom.roster import find_columns, student_key, students
from cnnlab.classroom.table import read_table
from cnnlab.errors import UserError

IDS = ["s1001", "s1002", "s1003"]
COLUMNS = {
    "moodle": ("ID number", "Email address", ("First name", "Last name")),
    "worksheet": (None, "Email address", ("Full name",)),
    "canvas": ("SIS User ID", None, ("Student",)),
    "blackboard": ("Student ID", None, ("First Name", "Last Name")),
    "german": ("Matrikelnr.", "E-Mail", ("Vorname", "Name")),
}


def finder_of(data: bytes) -> Finder:
    table = read_table(data)
    return Finder.of(table, find_columns(table))


def found_id(finder: Finder, **known: str) -> str | None:
    student = finder.find(**known).student
    return None if student is None else student.id or student.email


@pytest.mark.parametrize("platform", exports.ALL)
def test_the_columns_of_each_platform_are_found_by_their_titles(platform):
    table = read_table(exports.ALL[platform])
    columns = find_columns(table)
    of_id, email, name = COLUMNS[platform]
    assert (None if columns.id is None else table.header[columns.id]) == of_id
    assert (None if columns.email is None else table.header[columns.email]) == email
    assert tuple(table.header[one] for one in columns.name) == name


@pytest.mark.parametrize("platform", exports.ALL)
def test_the_students_are_all_of_them_and_nobody_else(platform):
    table = read_table(exports.ALL[platform])
    found = students(table, find_columns(table))
    assert len(found) == 3
    if COLUMNS[platform][0] is not None:
        assert [one.id for one in found] == IDS
    if COLUMNS[platform][1] is not None:
        assert [one.email for one in found] == ["anna.meier@example.org", "ben@example.org", "zoe@example.org"]
    assert [table.rows[one.row][0] for one in found if one.row is not None] == [
        row[0] for row in table.rows if any(re.search("Meier|Anna|Neil|Ben|Cruz|Zo", cell) for cell in row[:2])
    ]


def test_a_column_that_is_empty_for_most_counts_only_where_there_is_no_other():
    data = b"ID number,Username,Full name\n,ann,Anna\n,ben,Ben\ns3,zoe,Zoe\n"
    table = read_table(data)
    assert table.header[find_columns(table).id] == "Username"
    alone = read_table(b"ID number,Full name\n,Anna\n,Ben\ns3,Zoe\n")
    assert alone.header[find_columns(alone).id] == "ID number"
    assert find_columns(read_table(b"ID number,Full name\n,Anna\n,Ben\n")).id is None


def test_of_columns_of_one_title_the_one_that_says_something_counts():
    table = read_table(b"Name,Id,ID,Note,Note\nAnna,,s1,,x\nBen,,s2,,\n")
    assert find_columns(table).id == 2
    assert find_columns(table, id="id").id == 2
    assert find_columns(table, id="Id").id == 1  # as the teacher wrote it
    assert [one.id for one in students(table, find_columns(table, id=table.header[2]))] == ["s1", "s2"]
    same = read_table(b"ID number,ID number,Name\n,s1,Anna\n,s2,Ben\n")
    assert find_columns(same).id == find_columns(same, id="ID number").id == 1


def test_rows_that_say_what_a_column_is_of_are_no_students():
    data = (
        b"Last Name,First Name,Email Address,Lesson 3\n,,Date,2026-11-20\n,,Points,10\n,,Class Average,7.5\n"
        b"Meier,Anna,a@x.org,\n,,b@x.org,\n"
    )
    table = read_table(data)
    assert [one.email for one in students(table, find_columns(table))] == ["a@x.org", "b@x.org"]
    logins = read_table(b"E-Mail,Note\nanna,1\nben,2\n")
    assert [one.email for one in students(logins, find_columns(logins))] == ["anna", "ben"]


def test_addresses_are_found_by_what_they_are():
    table = read_table(b"No.,Kontakt\n1,a@x.org\n2,b@x.org\n")
    assert find_columns(table).email == 1


def test_a_column_that_the_teacher_names_is_taken_and_one_that_is_not_there_is_refused():
    table = read_table(b"Nr,Who,Mail\n1,Anna,a@x.org\n")
    assert find_columns(table, id="Nr", name=("who",)).id == 0
    assert find_columns(table, id="Nr", name=("who",)).name == (1,)
    with pytest.raises(UserError, match=r"no column is called 'Whom'; did you mean Who\?"):
        find_columns(table, name=("Whom",))


@pytest.mark.parametrize("platform", ["moodle", "canvas", "blackboard", "german"])
def test_a_student_is_found_by_id_then_address_then_name(platform):
    finder = finder_of(exports.ALL[platform])
    assert finder.find(id=" S1002 ") == (finder.students[1], "by the id")
    assert finder.find(id="s1002", email="anna.meier@example.org", name="Anna Meier").student == finder.students[1]
    for name in ("zoë de la cruz", "ZOE DE LA CRUZ", "de la Cruz, Zoë", "Zoe\u0308  de la Cruz", "Cruz de la Zoë"):
        assert finder.find(name=name) == (finder.students[2], "by the name"), name
    student, how = finder.find(id="s9999", name="Anna Meier")
    assert (student, how) == (finder.students[0], "by the name; nobody has the id s9999")


def test_an_address_is_found_also_where_the_id_was_asked_for():
    finder = finder_of(exports.MOODLE)
    assert found_id(finder, id="Ben@Example.org") == "s1002"
    assert finder.find(id="", email="zoe@example.org") == (finder.students[2], "by the e-mail address")


def test_zeros_that_a_spreadsheet_took_from_an_id_are_not_missed():
    finder = finder_of(b"Student number,Name\n00123,Anna\n0456,Ben\n")
    assert (found_id(finder, id="123"), found_id(finder, id="00456")) == ("00123", "0456")
    both = finder_of(b"Student number,Name\n0123,Anna\n123,Ben\n")
    assert (found_id(both, id="123"), found_id(both, id="0123"), found_id(both, id="00123")) == ("123", "0123", None)


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("worksheet", "download/Ben O'Neil_50118_assignsubmission_file_/hand-in-x.json"),
        ("worksheet", "Somebody Else_50118_assignsubmission_file_hand-in.json"),
        ("worksheet", "Participant_50118_assignsubmission_file_/hand-in.json"),
        ("moodle", "Ben O'Neil_50118_assignsubmission_file_/hand-in.json"),
        ("moodle", "Group A-Ben O'Neil_50118_assignsubmission_file_/hand-in.json"),
        ("canvas", "submissions/oneilben_4712_90210_hand-in-3.json"),
        ("canvas", "submissions/oneilben_LATE_4712_90210_hand-in.json"),
        ("german", "oneilben_LATE_4712_90210_hand-in.json"),
        ("blackboard", "Homework 3_ben_oneil_attempt_2026-12-04-17-59-59_hand-in.json"),
        ("blackboard", "gradebook/CNN_lab_ben_oneil_attempt_2026-12-04-17-59-59/hand-in.json"),
        ("blackboard", "CNN_ben_oneil_attempt_2026-12-04-17-59-59.txt"),
        ("german", "Ben O'Neil/hand-in.json"),
        ("german", "Ben O'Neil - hand-in-x.json"),
        ("german", "CNNs - Lab 3/O'Neil, Ben - hand-in - 2.json"),
        ("german", "all\\S1002\\hand-in.json"),
        ("german", "late/s1002.json"),
        ("german", "ben@example.org/x/hand-in.json"),
    ],
)
def test_a_student_is_found_by_how_a_platform_s_download_names_the_file(platform, path):
    student, how = finder_of(exports.ALL[platform]).find(path=path)
    assert student is not None, how
    assert "Neil" in student.name
    assert how == "by the path"


@pytest.mark.parametrize(
    "path", ["hand-in.json", "x/y/z.json", "_1_assignsubmission_file_/a", "a_1_2_b", "9_attempt_2"]
)
def test_a_path_that_names_nobody_finds_nobody(path):
    student, how = finder_of(exports.CANVAS).find(path=path)
    assert student is None
    assert how == f"nobody has the path {path}"


@pytest.mark.parametrize(
    ("data", "path", "whose"),
    [
        # Moodle's number of a participant is no number that a login ends with,
        (
            b"ID number,Username,Full name\ns1,ameier12,Anna\ns2,ben7,Ben\n",
            "Ben_12_assignsubmission_file_/x.json",
            "s2",
        ),
        (b"ID number,Username,Full name\ns1,ameier12,Anna\n", "Cy_12_assignsubmission_file_/x.json", None),
        (b"ID number,Username,Full name\ns1,12,Anna\n", "Cy_12_assignsubmission_file_x.json", None),
        # nor is Canvas's one that the school gives.
        (b"Student number,UID,Name\n1,4712,Anna Lee\n2,9,Ben Roy\n", "royben_4712_90210_x.json", "2"),
        (b"Student number,UID,Name\n1,4712,Anna Lee\n2,9,Ben Roy\n", "deecy_LATE_4712_90210_x.json", None),
        # Canvas's own tells two of one name apart, also where the school's are not in the roster.
        (b'Student,ID,Section\n"Lee, Anna",4711,A\n"Lee, Anna",4712,A\n', "leeanna_4712_90210_x.json", "4712"),
        (b'Student,ID,SIS User ID\n"Lee, Anna",11,a\n"Lee, Anna",12,b\n', "leeanna_LATE_12_9_x.json", "b"),
    ],
)
def test_a_number_of_another_kind_is_nobody_s_file(data, path, whose):
    assert found_id(finder_of(data), path=path) == whose


def test_moodle_s_number_of_a_participant_is_no_id_in_any_language():
    data = (
        "ID,Vollständiger Name,E-Mail-Adresse,Bewertung\n"
        "Teilnehmer/in 50117,Anna Meier,a@x.org,\nTeilnehmer/in 50118,Ben Roy,b@x.org,\n"
    ).encode()
    finder = finder_of(data)
    assert [one.id for one in finder.students] == ["", ""]
    for path in ("Teilnehmer_50118_assignsubmission_file_/x.json", "B. R._50118_assignsubmission_file_x.json"):
        assert finder.find(path=path).student == finder.students[1]


def test_who_cannot_be_told_apart_is_not_found_and_it_says_why():
    data = b"Student number,Name,E-Mail\n1,Anna Schmidt,a@x.org\n2,Anna Schmidt,b@x.org\n3,M\xc3\xbcller,\n4,Muller,\n"
    finder = finder_of(data)
    assert finder.find(name="anna schmidt") == (None, "2 students have the name anna schmidt")
    assert finder.find(name="anna schmidt", path="b@x.org/hand-in.json").student == finder.students[1]
    assert finder.find() == (None, "nothing says whose it is")
    # An umlaut counts where that tells two apart.
    assert (found_id(finder, name="Müller"), found_id(finder, name="Muller")) == ("3", "4")


def test_a_path_of_somebody_else_is_told():
    student, how = finder_of(exports.MOODLE).find(
        id="s1001", path="Ben O'Neil_7_assignsubmission_file_/hand-in-s1001.json"
    )
    assert student is not None
    assert (student.id, how) == ("s1001", "by the id; the path is of Ben O'Neil")


def test_keys_name_files_and_tell_students_apart():
    names = ["../../etc", "=1+1", "<b>", "con", "名前", "a/b", "A" * 300, "x y", "x  Y"]
    keys = [student_key("", "", name) for name in names] + [student_key(name, "", "") for name in names]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,60}", key) for key in keys)
    assert len(set(keys[:7])) == 7
    assert keys[7] == keys[8]  # blanks and capitals tell nobody apart
    assert student_key("S1001", "", "Anna") == "s1001"
    assert student_key("con", "", "") != "con"
    assert student_key("", "", "s1001") != student_key("s1001", "", "")


def test_students_without_an_id_whose_names_are_alike_have_keys_of_their_own():
    table = read_table(b"Name\nAnna\nanna\nBen\n")
    keys = [one.key for one in students(table, find_columns(table))]
    assert len(set(keys)) == 3
    assert Finder([Student("a", "", "", "Anna", 0)]).find(name="anna").student is not None
