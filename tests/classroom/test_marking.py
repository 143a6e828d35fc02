"""Sixty students' hand-ins come to what they were made to come to, again and in parts the same."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path

import pytest
from tests.classroom.class_of_sixty import MADE, TASKS, MadeClass, Truth, make

from cnnlab.classroom.collecting import collect
from cnnlab.classroom.results import ClassResults, StudentResult


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
        "to be run by you: cnnlab evaluate 'my run' --data mnist-5k --net 'mine.py:Net; rm -rf /'"
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
