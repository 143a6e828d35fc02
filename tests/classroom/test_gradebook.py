"""A teacher's own gradebook is filled, and nothing else in it changes; marks.csv has no formula of a student's."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from tests.classroom import exports

from cnnlab.classroom.gradebook import fill
from cnnlab.classroom.marks_table import marks_table
from cnnlab.classroom.results import ClassResults, MeasuredNet, Student, StudentResult
from cnnlab.classroom.roster import student_key
from cnnlab.classroom.settings import GradeColumns, RosterFile
from cnnlab.errors import UserError

WHO = [
    ("s1001", "anna.meier@example.org", "Anna Meier"),
    ("s1002", "ben@example.org", "Ben O'Neil"),
    ("s1003", "zoe@example.org", "Zoë de la Cruz"),
]


def net(accuracy: float | None) -> MeasuredNet:
    return MeasuredNet("a.safetensors", "lenet5", "ab", accuracy, None, None, 2000, "", None)


def result(id: str, email: str, name: str, **came_to) -> StudentResult:
    student = Student(student_key(id, email, name), id, email, name, 0)
    return StudentResult(student, file="ab", tries=1, **came_to)


def of_class(*results: StudentResult) -> ClassResults:
    return ClassResults("CNNs", "ab" * 6, None, results, (), "", 35.0, 12.0)


@pytest.fixture
def results() -> ClassResults:
    """Anna: marked whole. Ben: homework not marked yet, no net. Zoë: handed nothing in."""
    anna = result(*WHO[0], question_points=17.5, homework_points=11.0, best=net(0.97856))
    ben = result(*WHO[1], question_points=8 + 1 / 3, homework_points=None, best=net(None))
    return of_class(anna, ben, replace(result(*WHO[2]), file="", tries=0))


def test_moodle_s_export_gets_its_column_filled_and_two_more(results):
    filled = fill(exports.MOODLE, results, GradeColumns())
    assert filled.data.decode() == (
        '"First name","Last name","ID number",Institution,Department,"Email address",'
        '"Assignment: cnnlab questions (Real)","Assignment: cnnlab questions (Feedback)","Course total (Real)",'
        '"Last downloaded from this course",cnnlab homework,cnnlab accuracy\n'
        'Anna,Meier,s1001,,,anna.meier@example.org,17.5,"<p>well, done</p>",12.00,1796400000,11,97.86\n'
        'Ben,"O\'Neil",s1002,,,ben@example.org,8.33,,3.00,1796400000,,\n'
        'Zoë,"de la Cruz",s1003,,,zoe@example.org,-,,-,1796400000,,\n'
    ).replace('",cnnlab homework,', '","cnnlab homework",').replace(",cnnlab accuracy\n", ',"cnnlab accuracy"\n')
    assert filled.told == (
        "cnnlab questions: 2 of 2 students with a mark, in 'Assignment: cnnlab questions (Real)'",
        "cnnlab homework: 1 of 1 students with a mark, in a column that was added",
        "cnnlab accuracy: 1 of 1 students with a mark, in a column that was added",
    )


def test_moodle_s_worksheet_gets_its_grade_and_keeps_its_feedback(results):
    columns = GradeColumns(questions="Grade")
    filled = fill(exports.WORKSHEET, results, columns).data
    expected = exports.WORKSHEET.replace(
        b'"Submitted for grading - ",,10.00', b'"Submitted for grading - ",17.5,10.00'
    ).replace(b'"No submission - ",,10.00', b'"No submission - ",8.33,10.00')
    lines = expected.split(b"\r\n")
    lines[0] += b',"cnnlab homework","cnnlab accuracy"'
    lines[2] += b',"11","97.86"'  # Anna's, whose feedback has a line end in it, and quotes
    lines[3] += b",,"
    lines[4] += b",,"
    assert filled == b"\r\n".join(lines)


def test_canvas_s_export_gets_the_points_of_columns_that_are_added_and_its_test_student_nothing(results):
    filled = fill(exports.CANVAS, results, GradeColumns())
    rows = list(csv.reader(io.StringIO(filled.data.decode("utf-8-sig"))))
    assert rows[0][-2:] == ["cnnlab homework", "cnnlab accuracy"]
    assert rows[1] == ["", "", "", "", "", "Manual Posting", "", "", "", "", ""]
    assert rows[2] == ["    Points Possible", *[""] * 4, "10.00", "35.00", "(read only)", "(read only)", "12", "100"]
    assert [row[6] for row in rows[3:]] == ["17.5", "8.33", "", ""]
    assert [row[9:] for row in rows[3:]] == [["11", "97.86"], ["", ""], ["", ""], ["", ""]]
    before = list(csv.reader(io.StringIO(exports.CANVAS.decode("utf-8-sig"))))
    assert [row[:6] + row[7:9] for row in rows] == [row[:6] + row[7:] for row in before]
    assert filled.data.startswith(b"\xef\xbb\xbfStudent,ID")


def test_blackboard_s_export_stays_utf_16_with_tabs_and_quotes(results):
    filled = fill(exports.BLACKBOARD, results, GradeColumns()).data
    before, after = exports.BLACKBOARD.decode("utf-16"), filled.decode("utf-16")
    assert filled.startswith(b"\xff\xfe")
    expected = before.replace('"55.0"\t""', '"55.0"\t"17.5"').replace('"41.0"\t""', '"41.0"\t"8.33"').split("\r\n")
    expected[0] += '\t"cnnlab homework"\t"cnnlab accuracy"'
    expected[1] += '\t"11"\t"97.86"'
    for line in (2, 3, 4):
        expected[line] += "\t\t"
    assert after.split("\r\n") == expected


def test_a_german_table_keeps_its_signs_and_gets_commas(results):
    filled = fill(exports.GERMAN, results, GradeColumns(homework="Übung 1", accuracy="Güte")).data
    assert filled.decode("cp1252").split("\r\n") == [
        "Name;Vorname;Matrikelnr.;E-Mail;Übung 1;cnnlab questions;Güte",
        "Meier;Anna;s1001;anna.meier@example.org;11;17,5;97,86",
        "O'Neil;Ben;s1002;ben@example.org;7,25;8,33;",
        "de la Cruz;Zoë;s1003;zoe@example.org;;;",
        "",
    ]


def test_what_is_filled_already_is_filled_to_the_same_bytes(results):
    for data in exports.ALL.values():
        once = fill(data, results, GradeColumns()).data
        assert fill(once, results, GradeColumns()).data == once


@pytest.mark.parametrize(
    "title",
    [
        "cnnlab questions",
        "CNNLAB  Questions",
        "cnnlab questions (991)",
        "cnnlab questions [Total Pts: 35 Score] |9",
        "cnnlab questions: part 1",
        "Assignment: cnnlab questions",
        "Aufgabe: cnnlab questions (Real)",
        "External tool: cnnlab questions (Real)",
    ],
)
def test_a_title_that_a_platform_lengthens_is_the_same_column(results, title):
    data = f'ID number,"{title}",x\ns1001,,1\n'.encode()
    filled = fill(data, results, GradeColumns())
    assert filled.data.split(b"\n")[1].startswith(b"s1001,17.5,1")
    assert "added" not in filled.told[1]


@pytest.mark.parametrize(
    "title",
    [
        *("cnnlab questions total", "my cnnlab questions", "cnnlab questionnaire"),
        "Assignment: cnnlab questions (Percentage)",
    ],
)
def test_another_title_is_another_column(results, title):
    data = f'ID number,"{title}"\ns1001,\n'.encode()
    assert fill(data, results, GradeColumns()).data.split(b"\n")[1] == b"s1001,,17.5,11,97.86"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ":"])
@pytest.mark.parametrize("kind", ["Real", "Punkte"])
def test_moodle_s_titles_with_colons_are_filled_whatever_stands_between_them(results, delimiter, kind):
    """Points go to the column of points, of three that Moodle writes of an assignment; a percentage is for accuracy."""
    header = ["ID number"]
    header += [f'"Assignment: Lesson 3: nets ({each})"' for each in (kind, "Prozentsatz", "Feedback")]
    header += ['"Manual: accuracy (Percentage)"']
    data = "\n".join(delimiter.join(line) for line in (header, ["s1001", "-", "-", "-", "-"])).encode()
    columns = GradeColumns(questions="Lesson 3: nets", homework="cnnlab homework", accuracy="accuracy")
    filled = fill(data, results, columns).data.decode().splitlines()[1]
    assert filled == delimiter.join(["s1001", "17.5", "-", "-", "97.86", "11"])


def test_of_two_columns_that_are_called_so_none_is_filled(results):
    data = b"ID number,cnnlab questions (1),cnnlab questions (2)\ns1001,,\n"
    filled = fill(data, results, GradeColumns())
    assert filled.data.split(b"\n")[1] == b"s1001,,,11,97.86"
    assert any("cnnlab questions" in line and "in none: 2 columns are called so" in line for line in filled.told)


def test_points_that_differ_and_columns_that_are_read_only_are_told(results):
    columns = GradeColumns(questions="HW 1", homework="Current Score")
    told = fill(exports.CANVAS, results, columns).told
    assert "HW 1: 2 of 2 students with a mark, in 'HW 1 (12345)', which has 10 points, and here there are 35" in told
    assert any("'Current Score', which the platform calls (read only)" in line for line in told)


def test_a_row_of_another_id_is_another_student_even_of_the_same_name(results):
    data = b"ID number,Full name,cnnlab questions\ns1001,Anna Meier,\ns2001,Ben O'Neil,\n"
    filled = fill(data, results, GradeColumns(homework="h", accuracy="a"))
    assert filled.data.split(b"\n")[1:3] == [b"s1001,Anna Meier,17.5,11,97.86", b"s2001,Ben O'Neil,,,"]
    assert "row 3 (Ben O'Neil) is left as it is: Ben O'Neil has another id" in filled.told
    assert "Ben O'Neil has handed something in and has no row of their own" in filled.told


def test_two_rows_of_one_student_are_left_as_they_are(results):
    data = b'Full name,cnnlab questions\nAnna Meier,\n"Meier, Anna",\n'
    filled = fill(data, results, GradeColumns(homework="cnnlab questions", accuracy="cnnlab questions"))
    assert filled.data == data
    assert "row 2 (Anna Meier) is left as it is: 2 rows are this student's" in filled.told


def test_a_table_that_says_of_nobody_who_they_are_is_refused(results):
    with pytest.raises(UserError, match=r"grades\.csv has the columns 'a', 'b'; expected an id"):
        fill(b"a,b\n1,2\n", results, GradeColumns(), what="grades.csv")


def test_marks_csv_has_a_row_a_student_and_says_when_in_the_due_times_zone(results):
    anna = replace(
        results.results[0],
        arrived=datetime(2026, 12, 4, 17, 30, tzinfo=UTC),
        is_late=True,
        remarks=("The file was edited.", "Two nets are alike."),
    )
    due = datetime(2026, 12, 4, 18, 0, tzinfo=timezone(timedelta(hours=1)))
    data = marks_table(replace(results, due=due, results=(anna, *results.results[1:])))
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert ",".join(rows[0]) == "id,e-mail,name,handed in,late,tries,questions,homework,accuracy,remarks"
    assert rows[1] == [
        *("s1001", "anna.meier@example.org", "Anna Meier", "2026-12-04 18:30+01:00", "late", "1"),
        *("17.5", "11", "97.86", "The file was edited. Two nets are alike."),
    ]
    assert rows[3] == ["s1003", "zoe@example.org", "Zoë de la Cruz", *[""] * 7]


@pytest.mark.parametrize("delimiter", ",;")
@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "a\n=1",
        "  =cmd|' /C calc'!A0",
        "\uff1d1",
        "a;=1+1",
        '";\t=1+1',
        "; @x",
    ],
)
def test_no_text_of_a_student_s_is_a_formula_in_marks_csv(name, delimiter):
    data = marks_table(of_class(result("=id", "@mail", name, remarks=(name,)))).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data, newline=""), delimiter=delimiter))
    assert len(rows) == 2  # no line of its own
    for cell in rows[1]:
        assert cell.lstrip()[:1] not in ("=", "+", "-", "@", "\uff1d"), cell
        assert not {"\t", "\r", "\n"} & set(cell)


def test_other_text_stands_in_marks_csv_as_it_is():
    for name in ("Anna-Lena O'Neil", "名前", "a = b + c", "x;y", '"quoted", and more'):
        data = marks_table(of_class(result("s1", "a@x.org", name))).decode("utf-8-sig")
        assert list(csv.reader(io.StringIO(data, newline="")))[1][2] == name


def test_no_column_is_added_for_marks_that_nobody_has_yet(results):
    data = b"ID number,Name\ns1002,Ben\n"
    filled = fill(data, of_class(results.results[1]), GradeColumns())
    assert filled.data == b"ID number,Name,cnnlab questions\ns1002,Ben,8.33\n"
    assert filled.told[1:] == ("cnnlab homework: nobody has a mark yet", "cnnlab accuracy: nobody has a mark yet")


def test_columns_that_the_teacher_named_for_the_roster_count_in_the_gradebook(results):
    data = b"Nr,Who,x\ns1001,Anna,1\n"
    roster = RosterFile(id="Nr", email=None, name=("Who",))
    assert fill(data, results, GradeColumns(), roster=roster).data.split(b"\n")[1] == b"s1001,Anna,1,17.5,11,97.86"


def test_a_number_of_another_kind_takes_nobody_else_s_row():
    """Canvas's own number of one student may be the student number of another."""
    anna, ben = (
        result("4711", "", "Anna Meier", question_points=1.0),
        result("4712", "", "Ben O'Neil", question_points=2.0),
    )
    data = b'Student,ID,SIS Login ID\n"O\'Neil, Ben",4711,boneil\n"Meier, Anna",4999,ameier\n'
    filled = fill(data, of_class(anna, ben), GradeColumns()).data.split(b"\n")
    assert filled[1:3] == [b'"O\'Neil, Ben",4711,boneil,2', b'"Meier, Anna",4999,ameier,1']


def test_a_platform_s_own_number_finds_a_student_whose_name_is_written_otherwise():
    anna = result("s1001", "", "Anna Meier-Schmidt", question_points=1.0)
    data = b"Identifier,Full name,Grade\nParticipant 50117,A. Meier,\n"
    numbers = {anna.student.key: ("Participant 50117",)}
    filled = fill(data, of_class(anna), GradeColumns(questions="Grade"), numbers=numbers)
    assert filled.data == b"Identifier,Full name,Grade\nParticipant 50117,A. Meier,1\n"
