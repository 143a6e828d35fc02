"""`cnnlab class`, as a teacher types it: new, hand-out, collect, and what goes wrong on the way."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import zipfile
from pathlib import Path

import pytest
from tests.classroom import exports
from tests.cli.classes import make_lesson, numbers_key, stand_ins


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of the teacher's own, which is the current one, and no MNIST on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNLAB_DATA", raising=False)
    with stand_ins():
        yield tmp_path


def is_refused(outcome, *says: str) -> None:
    """One line on stderr, of something that the teacher can mend."""
    assert outcome.code == 2, outcome.err
    assert outcome.err.startswith("cnnlab: ")
    assert outcome.err.count("\n") == 1
    for each in says:
        assert each in outcome.err


def unzipped(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def hand_in(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_a_class_is_made_handed_out_to_collected_and_collected_again(cnnlab, here):
    (here / "moodle.csv").write_bytes(exports.MOODLE)
    made = cnnlab("class", "new", "CNNs 2026/27", "--roster", "moodle.csv", "--due", "2026-12-04 18:00+01:00")
    assert made.code == 0, made.err
    assert made.out.splitlines() == [
        "class       CNNs-2026-27",
        "students: 3; id in 'ID number', e-mail address in 'Email address', name in 'First name' and 'Last name'",
        "due: Friday, 4 December 2026, 18:00",
        "handed-in nets are measured on nothing: --withheld names images",
        "next        cnnlab class hand-out CNNs-2026-27 --lesson lesson",
    ]
    make_lesson(here / "lesson")
    handed_out = cnnlab("class", "hand-out", "CNNs-2026-27")
    assert handed_out.code == 0, handed_out.err
    assert "CNNs-2026-27-handout.zip" in handed_out.out
    assert "5 pages" in handed_out.out
    assert "cnnlab class collect --class CNNs-2026-27 DOWNLOAD.zip" in handed_out.out

    first = hand_in(here / "download", a="Anna Meier", b="Somebody Else")
    collected = cnnlab("class", "collect", "--class", "CNNs-2026-27", first, "--gradebook", "moodle.csv")
    assert collected.code == 0, collected.err
    assert collected.out.splitlines()[:3] == [
        "class       CNNs 2026/27: 1 of 3 handed in, 1 of them late",
        "marked      questions of 1, homework of 0 (1 have texts for you to mark), accuracy of 1",
        "not read    Somebody Else is nobody's",
    ]
    folder = here / "CNNs-2026-27" / "collected"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "feedback/s1001.html", "index.html", "marks.csv", "moodle.csv", "results.json",
    ]  # fmt: skip
    assert b"anna.meier@example.org,1.5," in (folder / "moodle.csv").read_bytes()
    assert (here / "moodle.csv").read_bytes() == exports.MOODLE
    assert json.loads((folder / "results.json").read_text())["results"][0]["student"]["id"] == "s1001"

    late = hand_in(here / "late", c="Ben O'Neil")
    again = cnnlab("class", "collect", "--class", "CNNs-2026-27", late, "--anonymous", "--json").result
    assert (again["students"], again["handed_in"], again["gradebook"]) == (3, 2, None)
    assert (here / again["anonymous_page"]).read_text() == "a class"
    assert (here / again["page"]).read_text() == "Anna Meier, Ben O'Neil, Zoë de la Cruz"
    assert not (folder / "moodle.csv").exists()  # what was filled before is not what was collected now


def test_what_is_collected_in_one_go_or_in_two_is_the_same_to_the_byte(cnnlab, here):
    make_lesson(here / "lesson")
    cnnlab("class", "new", "a")
    cnnlab("class", "hand-out", "a")
    both = hand_in(here / "both", a="Anna", b="Ben")
    cnnlab("class", "collect", "--class", "a", both)
    once = {path.name: path.read_bytes() for path in (here / "a" / "collected").rglob("*") if path.is_file()}
    cnnlab("class", "collect", "--class", "a", both)
    assert cnnlab("class", "collect", "--class", "a").code == 0  # of what was handed in before
    assert once == {path.name: path.read_bytes() for path in (here / "a" / "collected").rglob("*") if path.is_file()}


def test_the_pages_that_are_handed_out_know_the_class_and_not_its_secret(cnnlab, here):
    make_lesson(here / "lesson")
    name = "CNNs </script><b>&"
    cnnlab("class", "new", name, "--due", "2026-12-04T18:00+01:00", "--out", "c")
    cnnlab("class", "hand-out", "c")
    secret = json.loads((here / "c" / "class.json").read_text())["secret"]
    (path,) = (here / "c").glob("*-handout.zip")
    pages = unzipped(path)
    assert sorted(name.partition("/")[2] for name in pages) == [
        "01-a.html", "anatomy.html", "assignment.html", "index.html", "playground.html",
    ]  # fmt: skip
    assert path.stat().st_size < 6_000_000
    assert not any(secret in page for page in pages.values())
    for page in ("index.html", "01-a.html"):
        (text,) = (text for place, text in pages.items() if place.endswith(f"/{page}"))
        (record,) = re.findall(r'<script type="application/json" id="class">(.*?)</script>', text)
        assert json.loads(record) == {
            "name": name,
            "made": json.loads((here / "c" / "class.json").read_text())["made"],
            "key": numbers_key(secret),
            "due": "2026-12-04T18:00:00+01:00",
            "due_text": "Friday, 4 December 2026, 18:00",
        }
    (contents,) = (text for place, text in pages.items() if place.endswith("/index.html"))
    assert '<a href="assignment.html">The assignment of CNNs &lt;/script&gt;&lt;b&gt;&amp;</a>' in contents
    (sheet,) = (text for place, text in pages.items() if place.endswith("/assignment.html"))
    assert "1 questions; Homework 1; mnist-5k" in sheet
    assert (here / "c" / "questions.json").read_bytes() == (here / "lesson" / "questions.json").read_bytes()


def test_the_same_class_and_lesson_give_the_same_file(cnnlab, here, monkeypatch):
    make_lesson(here / "lesson")
    cnnlab("class", "new", "a")
    monkeypatch.chdir(here / "a")  # where the class need not be named
    once = cnnlab("class", "hand-out", "--lesson", "../lesson", "--json").result
    assert (once["pages"], once["left_out"], once["questions"], once["texts"]) == (5, [], 1, 1)
    before = (here / "a" / "a-handout.zip").read_bytes()
    again = cnnlab("class", "hand-out", "--lesson", "../lesson")
    assert "5 pages, anew" in again.out
    assert (here / "a" / "a-handout.zip").read_bytes() == before


def test_a_lesson_that_is_not_whole_or_too_old_is_not_handed_out(cnnlab, here):
    cnnlab("class", "new", "a")
    is_refused(cnnlab("class", "hand-out", "a"), "lesson holds no lesson")
    lesson = make_lesson(here / "lesson")
    record = json.loads((lesson / "lesson.json").read_text())
    record["parts"][0]["is_finished"] = False
    (lesson / "lesson.json").write_text(json.dumps(record))
    is_refused(cnnlab("class", "hand-out", "a"), "lesson holds a part of a lesson", "cnnlab lesson --out lesson")
    record["parts"][0]["is_finished"] = True
    (lesson / "lesson.json").write_text(json.dumps(record))
    questions = (lesson / "questions.json").read_bytes()
    (lesson / "questions.json").unlink()
    is_refused(cnnlab("class", "hand-out", "a"), "knew no classes", "run cnnlab lesson again")
    (lesson / "questions.json").write_bytes(b"{")
    is_refused(cnnlab("class", "hand-out", "a"), "questions.json is damaged", "run cnnlab lesson again")
    (lesson / "questions.json").write_bytes(questions)
    for page in lesson.glob("*.html"):
        page.write_text(page.read_text().replace('id="class"', 'id="other"'))
    is_refused(cnnlab("class", "hand-out", "a"), "knew no classes")
    assert sorted(path.name for path in (here / "a").iterdir()) == ["class.json"]


def test_another_lesson_is_handed_out_until_hand_ins_were_collected(cnnlab, here):
    cnnlab("class", "new", "a")
    make_lesson(here / "lesson")
    make_lesson(here / "other", answer=6.0)
    for lesson in ("lesson", "other", "lesson"):
        assert cnnlab("class", "hand-out", "a", "--lesson", lesson).code == 0
    cnnlab("class", "collect", "--class", "a", hand_in(here / "in", a="Anna"))
    kept = (here / "a" / "questions.json").read_bytes()
    is_refused(cnnlab("class", "hand-out", "a", "--lesson", "other"), "not the lesson that was handed out before")
    assert (here / "a" / "questions.json").read_bytes() == kept
    assert cnnlab("class", "hand-out", "a").code == 0


def test_what_cannot_be_collected_is_said_in_a_line(cnnlab, here):
    is_refused(cnnlab("class", "collect"), "the current folder is no class")
    is_refused(cnnlab("class", "collect", "--class", "nowhere", "x"), "nowhere is no folder")
    cnnlab("class", "new", "a")
    is_refused(cnnlab("class", "collect", "--class", "a", here), "has handed nothing out", "cnnlab class hand-out")
    make_lesson(here / "lesson")
    cnnlab("class", "hand-out", "a")
    is_refused(cnnlab("class", "collect", "--class", "a"), "has no hand-ins yet")
    given = hand_in(here / "in", a="Anna")
    assert cnnlab("class", "collect", "--class", "a", given).code == 0
    before = (here / "a" / "collected" / "index.html").stat()
    is_refused(cnnlab("class", "collect", "--class", "a", given, "--gradebook", "none.csv"), "none.csv does not exist")
    (here / "g.csv").write_text("a,b\n1,2\n")
    is_refused(
        cnnlab("class", "collect", "--class", "a", given, "--gradebook", "g.csv"), "g.csv has the columns 'a', 'b'"
    )
    assert (here / "a" / "collected" / "index.html").stat() == before  # what was collected stays


def test_marks_that_were_saved_beside_the_page_are_not_lost(cnnlab, here):
    make_lesson(here / "lesson")
    cnnlab("class", "new", "a")
    cnnlab("class", "hand-out", "a")
    cnnlab("class", "collect", "--class", "a", hand_in(here / "in", a="Anna"))
    marks = here / "a" / "collected" / "marks-a.json"
    marks.write_text("{}")
    is_refused(cnnlab("class", "collect", "--class", "a"), "a/collected/marks-a.json would be lost", "a/marks: move")
    assert marks.read_text() == "{}"
    marks.rename(here / "a" / "marks" / marks.name)
    assert cnnlab("class", "collect", "--class", "a").code == 0


def test_a_gradebook_that_is_called_like_a_page_gets_another_name(cnnlab, here):
    make_lesson(here / "lesson")
    (here / "marks.csv").write_text("Name,x\nAnna,\n")
    cnnlab("class", "new", "a", "--roster", "marks.csv")
    cnnlab("class", "hand-out", "a")
    made = cnnlab(
        "class", "collect", "--class", "a", hand_in(here / "in", a="Anna"), "--gradebook", "marks.csv", "--json"
    )
    assert made.result["gradebook"].endswith("filled-marks.csv")
    assert "handed in" in (here / "a" / "collected" / "marks.csv").read_text()


@pytest.mark.parametrize(
    ("roster", "says"),
    [
        (None, "roster.csv does not exist"),
        (b"", "is empty"),
        (b"ID number,Full name\n", "has titles and no students"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is a picture"),
        (b"PK\x03\x04\0\0", "Excel workbook"),
        (b"Farbe,Zahl\nrot,1\n", "has the columns 'Farbe', 'Zahl'"),
        (b"id,name\ns1,Anna\nS1,Ben\n", "the id s1 stands in the rows 2 and 3"),
        (b'id,name\n"s1,Anna\n', "has a quote that never ends"),
    ],
)
def test_a_roster_that_is_none_is_refused_and_no_class_is_left(cnnlab, here, roster, says):
    if roster is not None:
        (here / "roster.csv").write_bytes(roster)
    is_refused(cnnlab("class", "new", "a", "--roster", "roster.csv"), says)
    assert not (here / "a").exists()


def test_nets_are_measured_on_nothing_where_a_teacher_wants_that(cnnlab, here):
    made = cnnlab("class", "new", "a", "--withheld", "none")
    assert (made.code, "measured on nothing" in made.out) == (0, True), made.err
    assert json.loads((here / "a" / "class.json").read_text())["withheld"]["data"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("a",), "a is there already"),
        (("../..",), "expected letters or digits"),
        (("b", "--due", "soon"), "expected a date and a time"),
        (("b", "--id-column", "Nr"), "give it by --roster"),
        (("b", "--withheld", "mnits"), "did you mean mnist"),
        (("b", "--withheld", "mnist"), "mnist"),
        (("b", "--roster", "r.csv", "--id-column", "Nr"), "no column is called 'Nr'"),
        (("b", "--roster", "r.csv", *("--name-column", "x") * 3), "got more than two"),
        (("b", "--roster", ""), "--roster"),
        (("b" * 101,), "name"),
        (("b", "--out", "no/such/folder"), "no/such/folder"),
        (("b", "--data-root", "nowhere"), "nowhere"),
    ],
)
def test_words_that_cannot_be_are_refused_and_nothing_is_made(cnnlab, here, arguments, says):
    cnnlab("class", "new", "a")
    (here / "r.csv").write_text("id,name\ns1,Anna\n")
    is_refused(cnnlab("class", "new", *arguments), says)
    assert sorted(path.name for path in here.iterdir()) == ["a", "r.csv"]


def test_unknown_words_get_the_nearest_known(cnnlab):
    is_refused(cnnlab("class", "nwe", "x"), "unknown command nwe; did you mean new?")
    is_refused(cnnlab("class", "collect", "--gradbook", "x"), "--gradebook")
    is_refused(cnnlab("clas"), "did you mean class?")


@pytest.mark.parametrize("command", [(), ("new",), ("hand-out",), ("collect",)])
def test_help_says_what_each_does(cnnlab, command):
    shown = cnnlab("class", *command, "--help")
    assert shown.code == 0
    assert shown.out.startswith(" ".join(["Usage: cnnlab class", *command]))
    if not command:
        assert re.findall(r"^  ([a-z-]+) {2,}\S", shown.out.partition("Commands:")[2], re.MULTILINE) == [
            "new", "hand-out", "collect",
        ]  # fmt: skip


def test_300_students_with_markup_and_formulas_for_names(cnnlab, here):
    names = ["<script>alert(1)</script>", "=1+1", "@SUM(A1)", "-2", 'O\'Neil, "Ben"', "名前", "a\nb", "x" * 500]
    rows = [(f"s{number}", names[number % len(names)] + str(number)) for number in range(300)]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("ID number", "Full name"), *rows])
    (here / "big.csv").write_bytes(text.getvalue().encode())
    made = cnnlab("class", "new", "big", "--roster", "big.csv", "--json").result
    assert made["students"] == 300
    make_lesson(here / "lesson")
    cnnlab("class", "hand-out", "big")
    given = hand_in(here / "in", **{f"f{number}": rows[number][1] for number in range(0, 300, 3)})
    done = cnnlab("class", "collect", "--class", "big", given, "--gradebook", "big.csv", "--json").result
    assert (done["students"], done["handed_in"], done["lines"]) == (300, 100, [])
    folder = here / "big" / "collected"
    pages = {path.name for path in (folder / "feedback").iterdir()}
    assert pages == {f"s{number}.html" for number in range(0, 300, 3)}
    filled = list(csv.reader(io.StringIO((folder / "big.csv").read_text(encoding="utf-8"), newline="")))
    assert [row[:2] for row in filled[1:]] == [list(row) for row in rows]
    assert [row[2] for row in filled[1:]] == ["1.5" if number % 3 == 0 else "" for number in range(300)]
    marks = list(csv.reader(io.StringIO((folder / "marks.csv").read_text(encoding="utf-8-sig"), newline="")))
    assert len(marks) == 301
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in marks for cell in row)


def test_the_secret_is_the_owner_s_and_is_not_printed(cnnlab, here):
    made = cnnlab("class", "new", "a", "--json")
    secret = json.loads((here / "a" / "class.json").read_text())["secret"]
    assert secret not in made.out + made.err
    assert stat.S_IMODE((here / "a" / "class.json").stat().st_mode) == 0o600


@pytest.mark.slow
def test_explorers_are_handed_out_with_the_finished_nets_alone(cnnlab, here):
    lesson = make_lesson(here / "lesson")
    for net in ("lenet5", "simple-cnn"):
        assert cnnlab("train", net, "--epochs", 0.05, "--out", lesson / net).code == 0
        assert cnnlab("explore", lesson / net, "--no-open").code == 0
    contents = (lesson / "index.html").read_text()
    links = "".join(f'<a href="{net}/explorer.html">{net}</a>' for net in ("lenet5", "simple-cnn"))
    (lesson / "index.html").write_text(contents.replace("</main>", f"{links}</main>"))
    cnnlab("class", "new", "a")
    made = cnnlab("class", "hand-out", "a", "--json").result
    assert (made["pages"], made["left_out"]) == (7, [])
    with zipfile.ZipFile(made["handout"]) as archive:
        for net in ("lenet5", "simple-cnn"):
            light, whole = archive.read(f"a/{net}/explorer.html"), (lesson / net / "explorer.html").read_bytes()
            assert 100_000 < len(light) < 0.8 * len(whole)  # without what the run kept of its way
            assert b"</html>" in light
