"""Sixty students' hand-ins come to what they were made to come to, again and in parts the same."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.classroom.class_of_sixty import (
    DUE,
    MADE,
    SECRET,
    TASKS,
    Download,
    MadeClass,
    Truth,
    answered,
    asked,
    content,
    hand_in,
    key_of,
    make,
)

from cnnlab.classroom.collecting import collect
from cnnlab.classroom.results import ClassResults, StudentResult
from cnnlab.errors import UserError
from cnnlab.report.classroom.feedback import own_remarks


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeClass:
    return make(tmp_path_factory.mktemp("sixty"))


@pytest.fixture(scope="module")
def collected(made: MadeClass) -> tuple[ClassResults, float]:
    started = time.perf_counter()
    return collect(made.folder, [made.download]), time.perf_counter() - started


@pytest.fixture(scope="module")
def pairs(made: MadeClass, collected: tuple[ClassResults, float]) -> list[tuple[Truth, StudentResult]]:
    return list(zip(made.truths, collected[0].results, strict=True))


def test_students_stand_in_the_roster_s_order_and_strangers_after_them(pairs):
    assert [result.student.key for _, result in pairs] == [truth.key for truth, _ in pairs]
    assert [result.student.row for _, result in pairs] == [*range(60), None]
    assert {result.student.name for _, result in pairs} >= {"Anna Ahrens", "Hồng Brandão", "Guest"}


def test_every_mark_is_the_truth(pairs):
    for truth, result in pairs:
        assert {each.id: each.standing for each in result.answered} == truth.standings, truth
        assert result.question_points == truth.questions, truth
        assert result.homework_points == truth.homework, truth
        assert sum(task.standing == "right" for task in result.tasks) == truth.tasks_right, truth
        assert (result.tries, result.is_late) == (truth.tries, truth.is_late), truth
    assert len({truth.questions for truth, _ in pairs}) > 3


def test_slips_are_named_and_nothing_else_is_called_one(pairs):
    said = {slip for _, result in pairs for each in result.answered for slip in each.slips if slip}
    assert "the 7 of sizes was forgotten" in said
    assert "sizes are counted twice" in said
    assert not said & {"Too large.", "Too small."}
    assert all(len(each.slips) == len(each.given) for _, result in pairs for each in result.answered)


def test_nets_have_the_accuracy_that_a_loop_of_its_own_finds(pairs):
    for truth, result in pairs:
        assert len(result.nets) == truth.nets, truth
        assert (None if result.best is None else result.best.accuracy) == truth.accuracy, truth
    says = {result.student.key: result.nets[0].says for _, result in pairs if result.nets}
    assert "weights are NaN or infinite" in says["s1021"]
    assert "junk.safetensors is damaged" in says["s1022"]
    assert says["s1023"].endswith(
        "to be run by you: cnnlab evaluate 'my run' --data mnist-5k --net 'my run/mine.py:Net; rm -rf /'"
    )


def test_everything_noticed_is_said_and_nothing_else(pairs):
    for truth, result in pairs:
        left = list(result.remarks)
        for part in truth.remarks:
            found = [remark for remark in left if part in remark]
            assert len(found) == 1, (truth.key, part, result.remarks)
            left.remove(found[0])
        assert not left, (truth.key, left)


def test_what_is_no_hand_in_is_a_line(made, collected):
    lines = list(collected[0].lines)
    for part in made.lines:
        found = [line for line in lines if part in line]
        assert len(found) == 1, (part, lines)
        lines.remove(found[0])
    assert not lines
    assert not any(str(made.folder.parent) in line for line in collected[0].lines)


def test_texts_carry_the_teacher_s_points_and_words(pairs):
    texts = {text.id: text for text in pairs[4][1].texts}
    assert [text.points for text in texts.values()] == [0.0, 0.5, 0.0, 1.0]
    assert texts["homework-2"].remark == "good, 1"
    assert [text.points for text in pairs[5][1].texts] == [None, 0.0, None, None]


def test_the_most_there_is(collected):
    results = collected[0]
    assert (results.most_questions, results.most_homework) == (7.0, 4 * 2.0 + len(TASKS))
    assert results.withheld.startswith("400 images of mnist-5k's test split, none of which stands in npz:")
    assert results.made == MADE


def test_it_takes_less_than_a_minute(collected):
    assert collected[1] < 60


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def halves(made: MadeClass, folder: Path) -> list[Path]:
    """The download in two, a student's files together in one."""
    with zipfile.ZipFile(made.download) as archive:
        entries = archive.infolist()
        students = sorted({entry.filename.split("/")[0] for entry in entries})
        for place in (0, 1):
            with zipfile.ZipFile(folder / f"{place}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as half:
                for entry in entries:
                    if students.index(entry.filename.split("/")[0]) % 2 == place:
                        half.writestr(zipfile.ZipInfo(entry.filename, entry.date_time), archive.read(entry))
    return [folder / "1.zip", folder / "0.zip"]


def test_again_and_in_two_goes_it_comes_to_the_same(made, collected, tmp_path):
    store = files_of(made.folder / "handed-in")
    assert len(store) > 60
    assert collect(made.folder, [made.download]) == collected[0]
    assert collect(made.folder, []) == collected[0]
    assert files_of(made.folder / "handed-in") == store
    other = tmp_path / "nets"
    shutil.copytree(made.folder, other)
    shutil.rmtree(other / "handed-in")
    one, two = halves(made, tmp_path)
    assert collect(other, [one]) != collected[0]
    assert collect(other, [two]) == collected[0]
    assert files_of(other / "handed-in") == store


def small(
    folder: Path, *, roster: str | None = None, due: datetime | None = DUE, marks: dict[str, Any] | None = None
) -> Path:
    """A class without withheld images. roster: lines of name, id, address. marks: file's name → what it holds."""
    place = folder / "class"
    (place / "marks").mkdir(parents=True)
    columns = {"file": "roster.csv", "id": "ID number", "email": "Email address", "name": ["Name"]}
    settings = {
        "format": 1,
        "name": "Nets",
        "made": MADE,
        "secret": SECRET,
        "due": None if due is None else due.isoformat(),
        "withheld": {"data": None},
        "roster": None if roster is None else columns,
    }
    (place / "class.json").write_text(json.dumps(settings))
    (place / "questions.json").write_text(json.dumps(asked()))
    if roster is not None:
        (place / "roster.csv").write_text(f"Name,ID number,Email address\n{roster}")
    for name, holds in (marks or {}).items():
        (place / "marks" / name).write_text(holds if isinstance(holds, str) else json.dumps(holds))
    return place


def given(folder: Path, files: dict[str, tuple[dict[str, Any], datetime | None]]) -> Path:
    """A download. files: path → what a hand-in holds, and when it came."""
    never = datetime(1980, 1, 1, tzinfo=UTC)
    entries = [(path, hand_in(holds, key_of(SECRET)), time or never) for path, (holds, time) in files.items()]
    return Download().write(folder / "given.zip", entries)


def by_key(results: ClassResults) -> dict[str, StudentResult]:
    return {result.student.key: result for result in results.results}


ROSTER = "Ann Lee,a1,ann@school.example\nBob Roy,b2,bob@school.example\n"


def by(id: str, name: str = "", number: int = 0, **changes: Any) -> dict[str, Any]:
    return content(student={"id": id, "name": name}, answers=answered(number, id)[0], **changes)


def test_the_platform_s_path_says_whose_a_file_is_and_not_what_lies_within_it(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    files = {
        "Ann Lee_11_assignsubmission_file_/Bob Roy_12_assignsubmission_file_/x.json": (by("b2", "Bob Roy"), DUE),
        "leeann_7_8_hand-in.json": (by("a1"), DUE - timedelta(hours=1)),
        "HW_b2_attempt_2026-12-04-17-59-59_x.json": (by("b2", number=1), DUE),
    }
    results = by_key(collect(place, [given(tmp_path, files)]))
    assert set(results) == {"a1", "b2"}
    assert (results["a1"].tries, results["b2"].tries) == (2, 1)
    assert any("names the id b2; the roster has a1" in remark for remark in results["a1"].remarks)
    assert results["b2"].question_points == answered(1, "b2")[2]


def test_without_a_path_the_id_says_whose_it_is_and_then_the_name(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    files = {"1.json": (by(" A1"), DUE), "2.json": (by("", "Roy, Bob"), DUE), "3.json": (by("zz", "Cy"), DUE)}
    results = collect(place, [given(tmp_path, files)]).results
    assert [(one.student.key, one.student.row, one.file) for one in results] == [
        ("a1", 0, "1.json"),
        ("b2", 1, "2.json"),
        ("zz", None, "3.json"),
    ]


def test_without_a_roster_everybody_is_found_by_what_they_typed_and_keys_are_safe_and_apart(tmp_path):
    place = small(tmp_path)
    files = {
        "1.json": (by("a1", "Ann"), DUE),
        "2.json": (by("A1 ", "ann", text="again"), DUE),
        "3.json": (by("a1", "Bob"), DUE),
        "4.json": (by("../../etc/passwd"), DUE),
        "Cy Dee_5_assignsubmission_file_/x.json": (by(""), DUE),
        "6.json": (by("", "<b>=1+1</b>"), DUE),
    }
    results = collect(place, [given(tmp_path, files)]).results
    keys = [one.student.key for one in results]
    assert len(set(keys)) == len(keys) == 5
    assert all(set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_") for key in keys)
    assert {one.student.name for one in results} >= {"Cy Dee", "<b>=1+1</b>"}
    found = {one.student.name.lower(): one for one in results}
    assert found["ann"].tries == 2
    assert any("the same id, a1, stands in hand-ins of" in remark for remark in found["bob"].remarks)


def test_without_a_roster_two_files_of_one_id_are_of_one_student_though_one_has_no_name(tmp_path):
    place = small(tmp_path)
    python = {"made_by": "cnnlab hand-in", "lesson": None}
    files = {
        "1.json": (content(student={"id": "A1", "name": ""}, text="by Python", **python), DUE - timedelta(hours=2)),
        "2.json": (by("a1", "Ann Lee"), DUE - timedelta(hours=1)),
        "3.json": (by("a1", "ann", text="later"), DUE),
        "4.json": (by("b2", "Bo"), DUE),
        "5.json": (by("b2", "Cy"), DUE),
        "6.json": (by("b2", ""), DUE),
        "x_5_assignsubmission_file_hand-in.json": (by(""), DUE),
    }
    results = collect(place, [given(tmp_path, files)]).results
    assert [(one.student.key, one.student.name, one.tries) for one in results if one.student.id != "b2"] == [
        (results[0].student.key, "x", 1),
        ("a1", "Ann Lee", 3),
    ]
    ann = results[1]
    assert ann.question_points == answered(0, "a1")[2]
    assert [one.text for one in ann.texts if one.text] == ["later\n\nby Python"]
    assert sorted(one.student.name for one in results if one.student.id == "b2") == ["", "Bo", "Cy"]


def test_what_is_of_another_class_is_not_marked_and_said(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    other = by("a1", **{"class": {"name": "Last year's", "made": "f" * 12}})
    result = by_key(collect(place, [given(tmp_path, {"a1.json": (other, DUE)})]))["a1"]
    assert result.question_points is None
    assert any(
        "is of another class, Last year's; expected Nets: its answers are not marked" in one for one in result.remarks
    )


def test_of_files_of_one_time_the_one_that_was_saved_last_counts(tmp_path):
    """Browsers number a name that is there, and `x (1).json` stands before `x.json`."""
    place = small(tmp_path, roster=ROSTER)
    saved = ("2026-12-01T10:00:00.000Z", "2026-12-02T09:00:00.000Z")
    files = {
        "Ann Lee_1_assignsubmission_file_/x.json": (by("a1", number=1, saved=saved[0]), DUE),
        "Ann Lee_1_assignsubmission_file_/x (1).json": (by("a1", saved=saved[1]), DUE),
    }
    ann = by_key(collect(place, [given(tmp_path, files)]))["a1"]
    assert ann.file.endswith("x (1).json")
    assert ann.question_points == answered(0, "a1")[2] != answered(1, "a1")[2]


@pytest.mark.parametrize(("minutes", "is_said"), [((1, 2, 3), True), ((1, 2, 30), False), ((-1, 2, 3), False)])
def test_that_all_are_late_by_the_time_of_a_download_is_said(tmp_path, minutes, is_said):
    place = small(tmp_path, roster=f"{ROSTER}Cy Dee,c3,cy@school.example\n")
    times = zip(("a1", "b2", "c3"), minutes, strict=True)
    files = {f"{id}.json": (by(id), DUE + timedelta(minutes=late)) for id, late in times}
    results = collect(place, [given(tmp_path, files)])
    says = "when files came: all 3 are of 2026-12-04 18:01, after it was due; that may be when the platform packed them"
    assert sum(line.startswith(says) for line in results.lines) == is_said
    assert sum(one.is_late for one in results.results) == sum(late > 0 for late in minutes)


def test_what_answers_come_to_is_kept_beside_what_was_typed(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    tries = [{"given": text, "when": ""} for text in ("1/2", "no number", ",50", "0,5", "")]
    file = content(student={"id": "a1", "name": ""}, answers=[{"id": "sizes", "given": tries}])
    file["answers"].append({"id": "choice", "given": [{"given": "smaller", "when": ""}]})
    of_ann = {one.id: one for one in by_key(collect(place, [given(tmp_path, {"1.json": (file, DUE)})]))["a1"].answered}
    assert of_ann["sizes"].given == ("1/2", ",50", "0,5", "")
    assert of_ann["sizes"].values == (0.5, 0.5, 0.5, None)
    assert of_ann["choice"].values == (None,)


def test_numbers_of_nobody_are_told(tmp_path):
    """Who leaves the id out has the numbers of everybody else who does."""
    place = small(tmp_path, roster=ROSTER)
    files = {"Ann Lee/x.json": (by("", "Ann Lee"), DUE), "Bob Roy/x.json": (by("b2"), DUE)}
    results = by_key(collect(place, [given(tmp_path, files)]))
    assert results["a1"].question_points == answered(0, "")[2]
    assert {one.variant for one in results["a1"].answered} == {0}
    assert results["a1"].remarks == ("Ann Lee/x.json names no id: the plain numbers count",)
    assert results["b2"].remarks == ()


def test_each_source_counts_by_the_last_that_came_in_time(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    python = {"made_by": "cnnlab hand-in", "lesson": None, "answers": []}
    texts = [{"id": "homework-2", "text": "from the page"}]
    record = {
        "kind": "cnnlab playground record", "format": 2, "name": "Ann Lee", "id": "a1", "saved": "", "page": "",
        "data": {"name": "mnist-5k"}, "runs": [{"test_openings": [{}] * 5}], "nets": [], "drawn": [],
        "homework": [{"number": 2, "words": "from the playground"}, {"number": 3, "words": ""}],
    }  # fmt: skip
    files = {
        "a1/page.json": (by("a1", number=1, texts=texts), DUE - timedelta(hours=2)),
        "a1/python.json": (by("a1", text="early") | python, DUE - timedelta(hours=1)),
        "a1/python late.json": (by("a1", text="late") | python, DUE + timedelta(hours=1)),
        "b2/python late.json": (by("b2", text="late") | python, DUE + timedelta(hours=1)),
        "b2/page.json": (by("b2"), None),
    }
    archive = given(tmp_path, files)
    (tmp_path / "playground-ann.json").write_text(json.dumps(record))
    results = by_key(collect(place, [archive, tmp_path / "playground-ann.json"]))
    ann, bob = results["a1"], results["b2"]
    assert ann.file == "a1/page.json, a1/python.json, playground-ann.json"
    assert (ann.tries, ann.question_points) == (4, answered(1, "a1")[2])
    texts = {text.id: text.text for text in ann.texts}
    assert texts["homework-2"] == "from the page\n\nfrom the playground"
    assert texts["text"] == "early"
    assert any("had its test images looked at 5 times" in remark for remark in ann.remarks)
    assert bob.is_late
    assert [remark for remark in bob.remarks if "late" in remark] == [
        "b2/python late.json came 1 h 0 min after it was due"
    ]


def test_marks_of_several_files_count_field_by_field_and_bad_files_are_lines(tmp_path):
    def marks(marks: dict[str, Any], of: str = MADE) -> dict[str, Any]:
        return {"kind": "cnnlab marks", "format": 1, "class": of, "marks": marks}

    files = {
        "1.json": marks(
            {"a1": {"homework-1": {"points": 1.5, "remark": "short"}, "homework-2": {"points": 2, "remark": ""}}}
        ),
        "2.json": marks({"a1": {"homework-1": {"remark": "better"}, "homework-2": {"points": None}}, "gone": {}}),
        "3.json": marks({"a1": {"homework-1": {"points": 9}}}, of="f" * 12),
        "4.json": marks({"a1": {"homework-1": {"points": -1}}}),
        "5.json": marks({"a1": {"homework-1": {"points": "=1"}}}),
        "6.json": "[" * 100_000,
        "7.json": marks({"nobody": {"homework-1": {"points": 1}}}),
    }
    place = small(tmp_path, roster=ROSTER, marks=files)
    (place / "marks" / "8.json").mkdir()
    texts = [{"id": f"homework-{number}", "text": "why"} for number in (1, 2)]
    results = collect(place, [given(tmp_path, {"a1.json": (by("a1", texts=texts), DUE)})])
    first, second, *_ = by_key(results)["a1"].texts
    assert (first.points, first.remark) == (1.5, "better")
    assert second.points is None
    assert by_key(results)["a1"].homework_points is None
    assert [line.split(" ")[0].rstrip(":") for line in results.lines] == [
        f"marks/{number}.json" for number in (3, 4, 5, 6, 8)
    ] + ["marks"]
    assert "marks of nobody, who is nobody here" in results.lines[-1]
    assert not any(str(tmp_path) in line for line in results.lines)


@pytest.mark.parametrize("numbers", [("", " (2)", " (10)"), ("", "(2)", "(10)")], ids=["Chromium", "Firefox"])
def test_marks_that_a_browser_saved_later_under_a_numbered_name_count(tmp_path, numbers):
    def marks(points: float) -> dict[str, Any]:
        of = {"a1": {"homework-1": {"points": points}}}
        return {"kind": "cnnlab marks", "format": 1, "class": MADE, "marks": of}

    files = {f"marks{number}.json": marks(points) for number, points in zip(numbers, (0.5, 1, 1.5), strict=True)}
    place = small(tmp_path, roster=ROSTER, marks=files)
    results = collect(
        place, [given(tmp_path, {"a1.json": (by("a1", texts=[{"id": "homework-1", "text": "why"}]), DUE)})]
    )
    assert by_key(results)["a1"].texts[0].points == 1.5


def test_a_text_that_was_changed_since_it_was_marked_is_told(tmp_path):
    def of(text: str) -> dict[str, Any]:
        return {"points": 1, "remark": "", "of": hashlib.sha256(text.encode()).hexdigest()[:16]}

    given_before = {"a1": {"homework-1": of("why"), "homework-2": of("an earlier text")}}
    marks = {"kind": "cnnlab marks", "format": 1, "class": MADE, "marks": given_before}
    place = small(tmp_path, roster=ROSTER, marks={"marks.json": marks})
    texts = [{"id": f"homework-{number}", "text": "why"} for number in (1, 2)]
    result = by_key(collect(place, [given(tmp_path, {"a1.json": (by("a1", texts=texts), DUE)})]))["a1"]
    (told,) = [remark for remark in result.remarks if "marked" in remark]
    assert result.texts[1].title in told
    assert [text.points for text in result.texts[:2]] == [1, 1]
    assert told not in own_remarks(result, ClassResults("", "", None, (result,), (), "", 1.0, 1.0))


def test_what_a_file_says_of_itself_reaches_the_remarks_in_one_line(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    bad = "x\n\x1b[31m\u202e" + "y" * 150
    holds = by(bad, bad, cnnlab=bad, lesson={"made": bad, "cnnlab": bad})
    result = by_key(collect(place, [given(tmp_path, {"Ann Lee/x.json": (holds, DUE)})]))["a1"]
    assert len(result.remarks) >= 4
    assert all(remark.isprintable() and len(remark) < 500 for remark in result.remarks)


def test_a_file_of_the_store_that_was_changed_is_a_line_and_the_others_count(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    archive = given(tmp_path, {"a1.json": (by("a1"), DUE), "b2.json": (by("b2"), DUE)})
    collect(place, [archive])
    kept = sorted(path for path in (place / "handed-in").iterdir() if len(path.stem) == 64)
    kept[0].write_bytes(kept[0].read_bytes().replace(b"1", b"2"))
    results = collect(place, [])
    assert sum(bool(one.file) for one in results.results) == 1
    assert len(results.lines) == 1
    assert results.lines[0].startswith(f"handed-in/{kept[0].name} was changed since it was collected")
    kept[0].unlink()
    assert len(collect(place, [archive]).lines) == 0


def test_without_questions_nothing_is_marked_and_it_says_so(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    (place / "questions.json").unlink()
    results = collect(place, [given(tmp_path, {"a1.json": (by("a1"), DUE)})])
    assert by_key(results)["a1"].question_points is None
    assert any("no questions.json" in line for line in results.lines)
    (place / "questions.json").write_text("{}")
    with pytest.raises(UserError, match=r"questions\.json"):
        collect(place, [])


def test_a_thousand_files_of_one_student_do_not_hide_what_is_said_of_the_others(tmp_path):
    place = small(tmp_path, roster=ROSTER)
    entries = [(f"a1/{number}.js", b"", DUE) for number in range(900)] + [("b2/essay.pdf", b"%PDF", DUE)]
    lines = collect(place, [Download().write(tmp_path / "given.zip", entries)]).lines
    assert len(lines) == 22
    assert [line for line in lines if line.startswith("b2/essay.pdf: a PDF")]
    assert "a1: 880 more files that are no hand-ins" in lines


@pytest.mark.slow
def test_three_hundred_students(tmp_path):
    roster = "".join(f"Student Number{number},s{number},\n" for number in range(300))
    place = small(tmp_path, roster=roster)
    files = {
        f"Student Number{number}_{number}_assignsubmission_file_/x.json": (by(f"s{number}", number=number), DUE)
        for number in range(300)
    }
    started = time.perf_counter()
    results = collect(place, [given(tmp_path, files)]).results
    assert time.perf_counter() - started < 30
    assert [one.question_points for one in results] == [answered(number, f"s{number}")[2] for number in range(300)]
