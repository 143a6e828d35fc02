"""Whatever a platform's download gives is gone through: what is no hand-in is a line, and nothing ends the whole."""

from __future__ import annotations

import io
import os
import socket
import struct
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from tests.classroom.class_of_sixty import content, hand_in, zipped

from cnnlab.classroom import arrivals as walking
from cnnlab.classroom import store as kept
from cnnlab.classroom import zips
from cnnlab.classroom.arrivals import Arrival, arrivals
from cnnlab.classroom.store import add, read_store
from cnnlab.errors import UserError

JSON = hand_in(content(), None)


def zip_of(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (2026, 12, 1, 9, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            if change is not None:
                change(entry)
            archive.writestr(entry, data)
    return buffer.getvalue()


def found(given: Iterable[Path]) -> dict[str, Arrival]:
    every = list(arrivals(list(given)))
    assert len({each.path for each in every}) == len(every)
    return {each.path: each for each in every}


def says_of(tmp_path: Path, data: bytes) -> str:
    """What is said of a zip with one fault, beside which a hand-in is still read."""
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "b.json").write_bytes(JSON)
    every = found([tmp_path])
    assert every.pop("b.json").data == JSON
    (one,) = every.values()
    assert one.data is None
    assert "\n" not in one.says
    return one.says


def test_hand_ins_in_folders_zips_and_zips_in_zips_are_found_with_their_times(tmp_path):
    folder = tmp_path / "given"
    (folder / "Anna_1_assignsubmission_file_").mkdir(parents=True)
    plain = folder / "Anna_1_assignsubmission_file_" / "hand-in.json"
    plain.write_bytes(JSON)
    os.utime(plain, (1_780_000_000.7, 1_780_000_000.7))
    inner = zipped("deep/hand-in.json", zipped("x.json", JSON))
    (folder / "b.zip").write_bytes(
        zip_of({"ann\\hand-in.json": JSON, "two.zip": zipped("three.zip", zipped("x.json", JSON))})
    )
    (folder / "c.zip").write_bytes(inner)
    late = folder / "HW_ann_attempt_2026-12-05-10-11-12_hand-in.json"
    late.write_bytes(JSON)
    every = found([folder])
    local = datetime(2026, 12, 1, 9, 0, 0).astimezone()
    assert {path: each.time for path, each in every.items() if each.data == JSON} == {
        "Anna_1_assignsubmission_file_/hand-in.json": datetime.fromtimestamp(1_780_000_000, UTC),
        "b.zip/ann/hand-in.json": local,
        "b.zip/two.zip/three.zip/x.json": local,
        "HW_ann_attempt_2026-12-05-10-11-12_hand-in.json": datetime(2026, 12, 5, 10, 11, 12).astimezone(),
    }
    # it is called a JSON file, and says what it is when it is read
    assert set(every) - {path for path, each in every.items() if each.data == JSON} == {"c.zip/deep/hand-in.json"}


def test_of_what_is_given_itself_only_what_lies_within_is_told(tmp_path):
    (tmp_path / "ours.zip").write_bytes(zip_of({"a/x.json": JSON}))
    (tmp_path / "x.json").write_bytes(JSON)
    assert set(found([tmp_path / "ours.zip", tmp_path / "x.json"])) == {"a/x.json", "x.json"}


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("essay.PDF", b"%PDF", "a PDF; expected a hand-in"),
        ("lesson.ipynb", b"{}", "a notebook by itself"),
        ("net.safetensors", b"", "a net by itself"),
        ("net.pt", b"PK\x03\x04", "a pickled file, which is never opened"),
        ("mine.py", b"import os", "Python code, which is not run"),
        ("work.rar", b"Rar!", "an archive that is not opened"),
        ("work.zip", b"Rar!", "called a zip and is none"),
        ("photo.jpg", b"\xff\xd8", "a picture"),
        ("a=b.exe", b"MZ", "no hand-in that cnnlab knows"),
    ],
)
def test_what_is_no_hand_in_is_told_by_what_it_seems_to_be(tmp_path, name, data, says):
    (tmp_path / "Anna Ahrens").mkdir()
    (tmp_path / "Anna Ahrens" / name).write_bytes(data)
    (tmp_path / "z.zip").write_bytes(zip_of({f"in/{name}": data}))
    every = found([tmp_path])
    assert set(every) == {f"Anna Ahrens/{name}", f"z.zip/in/{name}"}
    assert all(each.says.startswith(says) and each.data is None for each in every.values())


def test_a_hand_in_under_another_ending_is_one(tmp_path):
    for name in ("hand-in.json.txt", "hand-in", "HAND-IN.JSON"):
        (tmp_path / name).write_bytes(JSON)
    assert all(each.data == JSON for each in found([tmp_path]).values())


def test_what_systems_leave_is_passed_over(tmp_path):
    left = ("__MACOSX/._x.json", ".DS_Store", "a/.DS_Store", "Thumbs.db", "desktop.ini", "._x.json")
    left += ("HW_ann_attempt_2026-12-05-10-11-12.txt",)
    (tmp_path / "a.zip").write_bytes(zip_of({**dict.fromkeys(left, b"{}"), "x.json": JSON}))
    for name in left:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"{}")
    assert set(found([tmp_path])) == {"a.zip/x.json"}


def test_a_run_folder_is_one_line_and_a_hand_in_in_it_is_read(tmp_path):
    files = {f"run/{name}": b"{}" for name in ("config.json", "weights.safetensors", "checkpoints/1.safetensors")}
    (tmp_path / "a.zip").write_bytes(zip_of(files | {"run/hand-in.json": JSON}))
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    for name, data in (files | {"run/hand-in.json": JSON}).items():
        (tmp_path / name).write_bytes(data)
    every = found([tmp_path])
    assert {path for path, each in every.items() if each.data} == {"run/hand-in.json", "a.zip/run/hand-in.json"}
    assert {path for path, each in every.items() if each.says.startswith("a run folder")} == {"run", "a.zip/run"}
    assert len(every) == 4


@pytest.mark.parametrize("name", ["/etc/x.json", "../x.json", "a/../../x.json", "C:\\x.json", "..\\x.json"])
def test_a_name_that_leads_out_is_not_read(tmp_path, name):
    assert says_of(tmp_path, zip_of({name: JSON})).startswith("a name that leads out of the zip")


def test_links_encrypted_and_strangely_packed_entries_are_not_read(tmp_path):
    def link(entry: zipfile.ZipInfo) -> None:
        entry.external_attr = 0o120777 << 16

    def bzip2(entry: zipfile.ZipInfo) -> None:
        entry.compress_type = zipfile.ZIP_BZIP2

    assert says_of(tmp_path, zip_of({"x.json": b"/etc/passwd"}, link)).startswith("a link or a device")
    assert says_of(tmp_path, zip_of({"x.json": JSON}, bzip2)).startswith("packed in a way that is not opened")
    data = bytearray(zip_of({"x.json": JSON}))
    data[6] |= 1  # the flag in the entry's own head
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert says_of(tmp_path, bytes(data)).startswith("encrypted")


def test_bombs_are_refused_by_their_size_and_where_they_lie_about_it(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "ENTRY_BYTES", 1_000_000)
    bomb = b"{" + b" " * 1_000_000
    assert says_of(tmp_path, zip_of({"x.json": bomb})).startswith("1,000,001 bytes; expected at most")
    data = zip_of({"x.json": bomb})
    lying = data.replace(struct.pack("<L", len(bomb)), struct.pack("<L", 100))
    assert lying != data
    assert says_of(tmp_path, lying).startswith("not to be unpacked (Bad CRC")
    monkeypatch.setattr(walking, "BYTES", 2_000_000)
    many = {f"{number}.json": b"{" + b" " * 900_000 for number in range(5)}
    (tmp_path / "a.zip").write_bytes(zip_of(many))
    every = found([tmp_path])
    assert sum(each.data is not None for each in every.values()) == 3  # two of the five, and b.json
    assert sum("more than may be unpacked" in each.says for each in every.values()) == 3


def test_one_student_s_zip_cannot_use_up_what_is_left_for_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(walking, "INNER_BYTES", 1_000_000)
    monkeypatch.setattr(walking, "INNER_ENTRIES", 10)
    greedy = zip_of({f"{number}.json": b"{" + b" " * 700_000 for number in range(5)})
    crowded = zip_of({f"{number}.json": JSON for number in range(11)})
    (tmp_path / "all.zip").write_bytes(zip_of({"a/greedy.zip": greedy, "b/crowded.zip": crowded, "c/x.json": JSON}))
    every = found([tmp_path / "all.zip"])
    assert every["c/x.json"].data == JSON
    assert every["b/crowded.zip"].says.startswith("a zip of 11 files; expected at most 10")
    assert sum(each.data is not None for path, each in every.items() if path.startswith("a/")) == 1


def test_zips_in_zips_end_somewhere(tmp_path):
    data = JSON
    for depth in range(6):
        data = zipped(f"{depth}.zip" if depth else "x.json", data)
    assert says_of(tmp_path, data).startswith("a zip in 3 others")


def test_more_files_than_anybody_hands_in_are_not_gone_through(tmp_path, monkeypatch):
    monkeypatch.setattr(walking, "ENTRIES", 50)
    (tmp_path / "a.zip").write_bytes(zip_of({f"{number}.json": JSON for number in range(60)}))
    every = list(arrivals([tmp_path / "a.zip"]))
    assert len(every) == 51
    assert every[-1].says.startswith("more than 50 files")


def test_a_list_of_entries_that_would_fill_the_memory_is_not_read(tmp_path):
    listed = 12_000_000
    data = b"PK\x03\x04" + bytes(listed) + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, listed, 4, 0)
    (tmp_path / "a.zip").write_bytes(data)
    tracemalloc.start()
    try:
        assert [each.says[:24] for each in arrivals([tmp_path / "a.zip"])] == ["a zip that is not intact"]
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_one_file_is_in_memory_at_a_time(tmp_path):
    size = 3_000_000
    (tmp_path / "a.zip").write_bytes(zip_of({f"{number}.json": b"{" + b" " * size for number in range(12)}))
    tracemalloc.start()
    try:
        assert sum(1 for each in arrivals([tmp_path / "a.zip"]) if each.data) == 12
        assert tracemalloc.get_traced_memory()[1] < 5 * size
    finally:
        tracemalloc.stop()


def test_what_never_ends_links_and_folders_called_files_are_lines(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.json").write_bytes(JSON)
    given = tmp_path / "given"
    (given / "folder.json").mkdir(parents=True)
    os.mkfifo(given / "pipe.json")
    (given / "link.json").symlink_to(tmp_path / "secret" / "x.json")
    (given / "linked").symlink_to(tmp_path / "secret")
    (given / "empty.json").touch()
    with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as plug:
        plug.bind(f"{short}/s.json")
        os.rename(f"{short}/s.json", given / "socket.json")
        started = time.perf_counter()
        every = found([given])
        assert time.perf_counter() - started < 2
    assert set(every) == {"pipe.json", "socket.json", "link.json", "linked", "empty.json"}
    assert every["link.json"].says == every["linked"].says == "a link, which is not followed; expected a file"
    assert every["pipe.json"].says.startswith("no file that ends")


def test_a_huge_file_is_refused_unread(tmp_path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.write(b"{")
        file.truncate(2_000_000_000)
    (one,) = found([tmp_path]).values()
    assert one.says.startswith("2,000,000,000 bytes; expected at most 64,000,000")


def test_names_of_any_signs_become_text_of_one_line(tmp_path):
    with open(os.fsencode(tmp_path) + b"/\xff\x1b[31m\n=1+1<b>.pdf", "wb"):
        pass
    (tmp_path / "a.zip").write_bytes(zip_of({"x" * 5_000 + ".json": JSON}))
    for path in found([tmp_path]):
        assert path.isprintable()
        assert len(path) <= 401
        path.encode()


def test_an_empty_zip_and_a_missing_path(tmp_path):
    (tmp_path / "empty.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    (one,) = arrivals([tmp_path / "empty.zip"])
    assert (one.path, one.says) == ("empty.zip", "an empty zip; expected hand-ins in it")
    with pytest.raises(UserError, match=r"no\.zip does not exist; expected hand-ins"):
        list(arrivals([tmp_path / "no.zip"]))


def test_damaged_zips_end_in_lines(tmp_path):
    draw = Random(0)
    whole = zip_of({"a/x.json": JSON, "b.zip": zipped("y.json", JSON), "c.pdf": b"%PDF"})
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        if draw.random() < 0.2:
            del data[draw.randrange(len(data)) :]
        (tmp_path / "a.zip").write_bytes(bytes(data))
        for each in arrivals([tmp_path / "a.zip"]):
            assert each.data is not None or each.says
            assert each.path.isprintable()


def at(path: str, data: bytes, hour: int | None) -> Arrival:
    return Arrival(path, None if hour is None else datetime(2026, 12, 1, hour, tzinfo=UTC), data)


def test_the_store_is_the_same_in_one_go_or_several_and_in_any_order(tmp_path):
    other = hand_in(content(text="more"), None)
    every = [
        at("a/x.json", JSON, 9),
        at("a/x.json", JSON, 8),
        at("b/x.json", JSON, None),
        at("c.json", other, 7),
        at("c.json", b"{}", 6),
        at("bad.json", b"[]", 6),
        Arrival("essay.pdf", None, says="a PDF"),
    ]
    stores = []
    for place, goes in enumerate(
        ([every], [every[3:], every[:3]], [[each] for each in reversed(every)], [every, every])
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        for go in goes:
            store = add(folder, go, None)
        assert store == read_store(folder)
        stores.append({path.name: path.read_bytes() for path in (folder / "handed-in").iterdir()})
    assert all(each == stores[0] for each in stores)
    assert set(stores[0]) >= {"arrivals.json"}
    assert len(stores[0]) == 3
    hours = {(place.path, place.time and place.time.hour) for each in store.hand_ins.values() for place in each}
    assert hours == {("a/x.json", 8), ("b/x.json", None), ("c.json", 7)}
    assert [line.path for line in store.lines] == ["bad.json", "essay.pdf"]  # at c.json is a hand-in, too


@pytest.mark.parametrize("writes", range(4))
def test_a_kill_while_it_is_kept_costs_nothing(tmp_path, monkeypatch, writes):
    every = [
        at("a.json", JSON, 9),
        at("b.json", hand_in(content(text="b"), None), 9),
        Arrival("c.pdf", None, says="a PDF"),
    ]
    add(tmp_path, every[:1], None)
    before, write, done = read_store(tmp_path), kept.write_whole, []

    def killed(path: Path, data: bytes) -> None:
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(path)
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "write_whole", killed)
        try:
            add(tmp_path, every, None)
        except KeyboardInterrupt:
            assert read_store(tmp_path) == before
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    add(undisturbed, every, None)
    assert add(tmp_path, every, None) == read_store(undisturbed)
    files = [
        {path.name: path.read_bytes() for path in (each / "handed-in").iterdir()} for each in (tmp_path, undisturbed)
    ]
    assert files[0] == files[1]
