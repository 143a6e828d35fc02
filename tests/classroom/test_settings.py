"""A class's folder: its settings are kept for its owner's eyes, and it appears whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.classroom import exports

from cnnlab.classroom.making import due_time, folder_name, new_class
from cnnlab.classroom.roster import find_columns, read_roster, students
from cnnlab.classroom.settings import begun, class_folder, due_text, read_class, write_class
from cnnlab.classroom.whole_folder import whole_folder
from cnnlab.errors import UserError

ZONE = timezone(timedelta(hours=1))
WHOLE = f'{{"name": "x", "made": "{"a" * 12}", "secret": "{"b" * 64}", "withheld": {{"data": null}}, "dew": 1}}'


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_settings_come_back_as_they_were_written(tmp_path):
    settings = begun("CNNs <b>", due=datetime(2026, 12, 4, 18, 0, tzinfo=ZONE), withheld="mnist")
    write_class(tmp_path, settings)
    assert read_class(tmp_path) == settings
    assert read_class(tmp_path).due == datetime(2026, 12, 4, 17, 0, tzinfo=UTC)
    assert settings.secret not in repr(settings)


@pytest.mark.skipif(sys.platform == "win32", reason="a system without such rights")
def test_only_its_owner_reads_the_secret(tmp_path):
    new_class(tmp_path / "a", "a")
    assert stat.S_IMODE((tmp_path / "a" / "class.json").stat().st_mode) == 0o600
    write_class(tmp_path / "a", read_class(tmp_path / "a"))
    assert stat.S_IMODE((tmp_path / "a" / "class.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) & 0o077 == 0


def test_two_classes_share_no_secret():
    one, other = begun("a"), begun("a")
    assert one.secret != other.secret
    assert one.made != other.made
    assert (len(one.secret), len(one.made)) == (64, 12)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is damaged"),
        ("[]", "is damaged"),
        ('{"format": 2}', "format: got 2"),
        (WHOLE, "unknown key dew; did you mean due"),
        ('{"format": 1, "name": "x", "made": "ab"}', "made: got 'ab'"),
        ('{"format": 1, "name": "x", "name": "y"}', "stands in it twice"),
    ],
)
def test_damaged_settings_are_refused_in_a_line(tmp_path, text, says):
    (tmp_path / "class.json").write_text(text)
    with pytest.raises(UserError, match=says) as error:
        read_class(tmp_path)
    assert "\n" not in str(error.value)


def test_a_due_time_without_a_zone_is_this_machine_s_and_keeps_the_hour(tmp_path):
    lines = "from cnnlab.classroom.making import due_time; print(due_time('2026-12-04 18:00'), due_time('2026-07-04'))"
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env=os.environ | {"TZ": "Europe/Berlin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "2026-12-04 18:00:00+01:00 2026-07-04 23:59:00+02:00\n"


def test_a_due_time_with_a_zone_is_in_that_zone():
    assert due_time("2026-12-04T18:00+05:30").isoformat() == "2026-12-04T18:00:00+05:30"
    assert due_text(due_time("2026-12-04T18:00Z")) == "Friday, 4 December 2026, 18:00"
    assert due_text(None) == ""


def test_the_day_and_the_month_are_in_english_and_right_for_every_month():
    texts = [due_text(datetime(2027, month, 3, 9, 5, tzinfo=UTC)) for month in range(1, 13)]
    expected = [f"{datetime(2027, month, 3):%A}, 3 {datetime(2027, month, 3):%B} 2027, 09:05" for month in range(1, 13)]
    assert texts == expected  # tests run in the C locale


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-04", "4.12.2026", "", "18:00", "99999-01-01"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(UserError, match='expected a date and a time: --due "2026-12-04 18:00"'):
        due_time(text)


def test_a_name_becomes_one_that_every_system_takes():
    assert folder_name("CNNs 2026/27") == "CNNs-2026-27"
    assert folder_name("../../etc") == "etc"
    assert folder_name("-Üben: 名前?") == "Üben-名前"
    assert len(folder_name("a" * 300)) == 60
    with pytest.raises(UserError, match="expected letters or digits"):
        folder_name("../..")


@pytest.mark.parametrize("platform", exports.ALL)
def test_a_new_class_keeps_the_roster_to_the_byte_and_finds_its_students_again(tmp_path, platform):
    export = tmp_path / "export.csv"
    export.write_bytes(exports.ALL[platform])
    settings, told = new_class(tmp_path / "class", "a", export, withheld="mnist")
    assert (tmp_path / "class" / "roster.csv").read_bytes() == exports.ALL[platform]
    assert left_in(tmp_path / "class") == ["class.json", "roster.csv"]
    found = read_roster(tmp_path / "class", settings)
    assert found is not None
    assert found[1] == find_columns(found[0])
    assert len(students(*found)) == 3
    assert told[0].startswith("students: 3; ")
    for title in filter(None, [settings.roster.id, settings.roster.email, *settings.roster.name]):
        assert repr(title) in told[0]


def test_columns_that_the_teacher_named_are_those_that_are_read_again(tmp_path):
    (tmp_path / "r.csv").write_text("Nr,Who,Id\n7,Anna,x\n")
    settings, _ = new_class(tmp_path / "c", "c", tmp_path / "r.csv", id_column="Nr", name_columns=("Who",))
    found = read_roster(tmp_path / "c", settings)
    assert found is not None
    assert [(one.id, one.name) for one in students(*found)] == [("7", "Anna")]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "class").mkdir()
    with pytest.raises(UserError, match="is there already"):
        new_class(tmp_path / "class", "a")
    assert left_in(tmp_path) == ["class"]


@pytest.mark.parametrize("roster", [None, b"id,name\n1,a\n1,b\n", b"id,name\n", b"", b"\x89PNG\r\n", b"a,b\n1,2\n"])
def test_nothing_is_left_of_a_class_that_could_not_be_made(tmp_path, roster, monkeypatch):
    path = None
    if roster is None:

        def refuse(*_places: object) -> None:
            raise OSError(28, "no space")

        monkeypatch.setattr("os.rename", refuse)
    else:
        path = tmp_path / "r.csv"
        path.write_bytes(roster)
    with pytest.raises(UserError) as error:
        new_class(tmp_path / "class", "a", path)
    assert "\n" not in str(error.value)
    assert left_in(tmp_path) == ([] if path is None else ["r.csv"])


def test_two_students_of_one_id_are_named_by_their_rows(tmp_path):
    (tmp_path / "r.csv").write_text("id,name\nS1,a\nx,b\n\ns1 ,c\n")
    with pytest.raises(UserError, match="the id S1 stands in the rows 2 and 5; expected each once"):
        new_class(tmp_path / "class", "a", tmp_path / "r.csv")


def test_who_cannot_be_told_apart_and_a_time_that_is_past_are_told(tmp_path):
    (tmp_path / "r.csv").write_text("Name\nAnna\nanna\nBen\n")
    _, told = new_class(tmp_path / "class", "a", tmp_path / "r.csv", due=datetime(2020, 1, 1, tzinfo=UTC))
    assert "called alike, and so not to be told apart: Anna, anna" in told
    assert "due: Wednesday, 1 January 2020, 00:00, which is past: what is handed in now is late" in told


def test_a_folder_is_replaced_whole_and_stays_when_its_writer_fails(tmp_path):
    path = tmp_path / "collected"
    with whole_folder(path, is_new=False) as made:
        (made / "a").write_text("1")
    with whole_folder(path, is_new=False) as made:
        (made / "b").write_text("2")
        assert left_in(path) == ["a"]  # until the block has ended
    assert left_in(path) == ["b"]

    def fail() -> None:
        with whole_folder(path, is_new=False) as made:
            (made / "c").write_text("3")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert left_in(path) == ["b"]
    assert left_in(tmp_path) == ["collected"]
    with pytest.raises(UserError, match="cannot write"), whole_folder(path, is_new=True):
        pass
    assert left_in(path) == ["b"]


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_stays(tmp_path):
    killed, other = tmp_path / f".c.{'0' * 32}.part", tmp_path / f".d.{'0' * 32}.part"
    for folder in (killed, other):
        folder.mkdir()
        (folder / "x").touch()

    def write_at_once() -> None:
        with whole_folder(tmp_path / "c", is_new=True) as first:
            assert not killed.exists()
            with whole_folder(tmp_path / "c", is_new=True):
                assert first.is_dir()

    with pytest.raises(UserError, match="c: file exists"):
        write_at_once()
    assert left_in(tmp_path) == [other.name, "c"]


def test_the_current_folder_is_the_class_where_none_is_named(tmp_path, monkeypatch):
    new_class(tmp_path / "a", "a")
    monkeypatch.chdir(tmp_path / "a")
    assert read_class(class_folder(None)).name == "a"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"the current folder is no class, as it has no class\.json"):
        class_folder(None)
    with pytest.raises(UserError, match="b is no folder"):
        class_folder(Path("b"))
