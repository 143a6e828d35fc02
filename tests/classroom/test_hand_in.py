"""A hand-in is read as it was written; what is wrong in it is one line that names the place, whoever wrote it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from cnnlab.classroom.hand_in import BYTES, Given, NamedBytes, read_hand_in, write_hand_in
from cnnlab.errors import UserError

KEY = "0123456789abcdef0123456789abcdef"
PIXELS = bytes(range(256)) * 3 + bytes(16)


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def playground_record() -> dict[str, Any]:
    """What the page saves, with more than is read."""
    return {
        "kind": "cnnlab playground record",
        "format": 2,
        "id": "s123",
        "name": "Ada L.",
        "saved": "2026-11-27T10:00:00.000Z",
        "page": "0.2.0",
        "data": {"name": "mnist-5k", "sha256": "00", "train": 4000},
        "runs": [
            {"began": "2026-11-27T09:00:00Z", "net": "lenet5", "test_openings": [{"step": 4}, {"step": 9}]},
            {"began": "2026-11-27T09:10:00Z", "net": "mlp", "test_openings": []},
        ],
        "test_openings": 0,
        "homework": [
            {"number": 1, "text": "Change it.", "tried": "", "words": "More filters, more right."},
            {"number": 2, "text": "Dropout?", "tried": "", "words": ""},
        ],
        "nets": [{"run": 0, "file": "lenet5.safetensors", "base64": in_base64(b"weights")}],
        "drawn": [{"label": "7", "shape": [1, 28, 28], "pixels": in_base64(PIXELS)}],
    }


def content() -> dict[str, Any]:
    return {
        "made_by": "lesson page",
        "cnnlab": "0.2.0",
        "class": {"name": "CNN 2026", "made": "abcdef012345"},
        "lesson": {"made": "9f9f9f", "data": "mnist-5k", "seed": 0, "cnnlab": "0.2.0"},
        "student": {"id": "s123", "name": "Ada Lövelace 🎓"},
        "saved": "2026-11-27T10:00:00.000Z",
        "covers": "all pages",
        "answers": [
            {
                "id": "conv-size",
                "variant": 2,
                "given": [
                    {"given": "28", "right": True, "when": "2026-11-27T09:00:00.000Z"},
                    {"given": "", "right": None, "when": "2026-11-27T09:01:00.000Z"},
                ],
            }
        ],
        "texts": [{"id": "homework-1", "text": "It grows.\nThen \u2028 it stops."}],
        "playground": [playground_record()],
        "weights": [{"name": "simple-cnn.safetensors", "base64": in_base64(b"more")}],
        "runs": [
            {
                "name": "lenet 5 größer",
                "files": [
                    {"name": "config.json", "text": '{"seed": 0, "ü": 1}'},
                    {"name": "weights.safetensors", "base64": in_base64(b"\x00\xff")},
                ],
            }
        ],
        "notebook": {"name": "homework.ipynb", "text": "{}"},
        "text": "Please see run 2.",
    }


def lesson_answers() -> dict[str, Any]:
    """What lessons saved before there were hand-ins."""
    return {
        "name": "Grace",
        "saved": "2026-03-01T10:00:00.000Z",
        "lesson": {"made": "9f9f9f", "data": "mnist-5k", "cnnlab": "0.1.0"},
        "covers": "all pages",
        "score": {"asked": 2},
        "questions": [
            {"id": "a", "standing": "right later", "answers": [{"given": "3", "right": False, "when": "2026"}]},
            {"id": "b", "standing": "open", "answers": []},
        ],
    }


def test_what_was_written_is_read() -> None:
    found = read_hand_in(write_hand_in(content(), KEY), KEY)
    assert (found.form, found.is_edited, found.made_by, found.cnnlab) == ("hand-in", False, "lesson page", "0.2.0")
    assert (found.student_id, found.student_name) == ("s123", "Ada Lövelace 🎓")
    assert (found.class_name, found.class_made, found.lesson_made) == ("CNN 2026", "abcdef012345", "9f9f9f")
    assert found.answers == {
        "conv-size": (Given("28", "2026-11-27T09:00:00.000Z"), Given("", "2026-11-27T09:01:00.000Z"))
    }
    assert found.texts == {"homework-1": "It grows.\nThen \u2028 it stops."}
    assert found.weights == (NamedBytes("simple-cnn.safetensors", b"more"),)
    (run,) = found.runs
    assert run.name == "lenet 5 größer"
    assert run.files == {"config.json": '{"seed": 0, "ü": 1}'.encode(), "weights.safetensors": b"\x00\xff"}
    assert found.notebook is not None
    assert (found.notebook.name, found.notebook.text) == ("homework.ipynb", "{}")
    assert found.text == "Please see run 2."
    (record,) = found.playground
    assert (record.id, record.name, record.data, record.openings) == ("s123", "Ada L.", "mnist-5k", (2, 0))
    assert record.words == {1: "More filters, more right."}
    assert record.nets == (NamedBytes("lenet5.safetensors", b"weights"),)
    (drawing,) = record.drawings
    assert (drawing.label, drawing.height, drawing.width, drawing.pixels) == ("7", 28, 28, PIXELS)
    assert drawing.digest == hashlib.sha256(PIXELS).hexdigest()


def by_the_contract(text: str, key: str) -> bytes:
    """The bytes as a page writes them: JavaScript leaves letters as they are, and blanks out."""
    digest = hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()
    return f'{{"kind":"cnnlab hand-in","format":1,"sha256":"{digest}","content":{text}}}\n'.encode()


def of_a_page(key: str = KEY, **changes: Any) -> bytes:
    return by_the_contract(json.dumps(content() | changes, ensure_ascii=False, separators=(",", ":")), key)


def test_what_a_page_wrote_is_as_it_was_saved() -> None:
    assert not read_hand_in(of_a_page(), KEY).is_edited
    assert read_hand_in(of_a_page(), KEY) == read_hand_in(write_hand_in(content(), KEY), KEY)


def test_without_a_class_the_sum_is_without_a_key() -> None:
    file = of_a_page("", **{"class": None})
    assert not read_hand_in(file, None).is_edited
    assert not read_hand_in(file, KEY).is_edited
    assert read_hand_in(of_a_page(""), KEY).is_edited, "it says that it is of a class"
    assert read_hand_in(of_a_page("f" * 32), KEY).is_edited, "of another class"


@pytest.mark.parametrize(
    "edit",
    [
        lambda file: file.replace(b'"given":"28"', b'"given":"27"'),
        lambda file: json.dumps(json.loads(file), indent=2).encode(),
        lambda file: json.dumps(json.loads(file), separators=(",", ":")).encode(),
        lambda file: file[:-1],
        lambda file: file[:-1] + b"\r\n",
        lambda file: b"\xef\xbb\xbf" + file,
        lambda file: file.decode().encode("utf-16"),
        lambda file: file.replace(b'"sha256":"', b'"sha256":"0', 1),
        lambda file: file.replace(b'"format":1', b'"format":1,"more":[]', 1),
        lambda file: file.replace(b'"text":"Please', b'"grade":100,"text":"Please'),
    ],
)
def test_what_was_edited_is_said_and_read_all_the_same(edit: Callable[[bytes], bytes]) -> None:
    file = of_a_page()
    assert edit(file) != file
    found = read_hand_in(edit(file), KEY)
    assert found.is_edited
    assert found.text == "Please see run 2."


def test_what_a_file_says_of_itself_counts_for_nothing() -> None:
    lying = content()
    lying["answers"][0] |= {"variant": "none", "standing": 3}
    lying["answers"][0]["given"][0] |= {"right": "yes", "points": [10**400]}
    lying["playground"][0] |= {"test_openings": -1, "page": ""}
    assert read_hand_in(write_hand_in(lying, KEY), KEY) == read_hand_in(write_hand_in(content(), KEY), KEY)


def test_a_playground_s_record_alone_is_one() -> None:
    found = read_hand_in(json.dumps(playground_record(), indent=2).encode(), KEY)
    assert (found.form, found.is_edited, found.made_by, found.cnnlab) == (
        "playground record",
        False,
        "playground",
        "0.2.0",
    )
    assert (found.student_id, found.student_name, found.answers) == ("s123", "Ada L.", {})
    assert found.playground == read_hand_in(of_a_page(), KEY).playground


def test_a_playground_s_record_of_the_first_format_has_no_nets() -> None:
    old = {key: value for key, value in playground_record().items() if key not in ("id", "nets", "drawn")}
    found = read_hand_in(json.dumps(old | {"format": 1}).encode(), KEY)
    assert found.student_id == ""
    assert (found.playground[0].nets, found.playground[0].drawings) == ((), ())
    assert found.playground[0].openings == (2, 0)


def test_the_answers_that_lessons_saved_before_are_read() -> None:
    found = read_hand_in(json.dumps(lesson_answers(), indent=2).encode() + b"\n", KEY)
    assert (found.form, found.student_name, found.student_id) == ("lesson answers", "Grace", "")
    assert (found.lesson_made, found.class_made, found.cnnlab) == ("9f9f9f", None, "0.1.0")
    assert found.answers == {"a": (Given("3", "2026"),)}


def test_of_a_coloured_drawing_the_brightness_is_kept_and_the_sum_is_of_all_of_it() -> None:
    record = playground_record()
    pixels = bytes([255, 0, 10, 0, 255, 10, 0, 0, 10])  # red, green, blue of three pixels
    record["drawn"] = [{"label": "owl", "shape": [3, 1, 3], "pixels": in_base64(pixels)}]
    (drawing,) = read_hand_in(json.dumps(record).encode(), None).playground[0].drawings
    assert (drawing.height, drawing.width, tuple(drawing.pixels)) == (1, 3, (76, 150, 10))
    assert drawing.digest == hashlib.sha256(pixels).hexdigest()


def test_what_is_written_is_always_json_and_never_too_long() -> None:
    odd = content() | {"text": "half a pair \ud800"}
    with pytest.raises(UserError, match="is damaged"):
        read_hand_in(write_hand_in(odd, KEY), KEY)
    with pytest.raises(UserError, match="expected at most 64,000,000"):
        write_hand_in(content() | {"weights": [{"name": "a", "base64": "A" * BYTES}]}, KEY)


def refused(data: bytes, says: str) -> None:
    with pytest.raises(UserError) as told:
        read_hand_in(data, KEY)
    text = str(told.value)
    assert says in text
    assert "\n" not in text
    assert len(text) < 600
    text.encode()


def at(place: str, value: Any) -> bytes:
    """A hand-in with another value at a place."""
    record = content()
    *way, key = [int(part) if part.isdigit() else part for part in place.split(".")]
    inside: Any = record
    for each in way:
        inside = inside[each]
    inside[key] = value
    return write_hand_in(record, KEY)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("student", {"id": 5, "name": ""}, "content.student.id: got 5"),
        ("student.name", "a" * 201, "content.student.name: got"),
        ("answers", {}, "content.answers: got {}"),
        ("answers.0.given.1.given", 28, "content.answers.0.given.1.given: got 28"),
        ("answers.0.given", [{"given": "1"}] * 51, "content.answers.0.given"),
        ("answers", [{"id": str(i), "given": []} for i in range(501)], "content.answers"),
        ("answers", [{"id": "a", "given": []}] * 2, "expected each question once, got a again"),
        ("texts.0.text", "a" * 100_001, "content.texts.0.text"),
        ("texts.0.text", None, "content.texts.0.text: got None"),
        ("text", ["a"], "content.text"),
        ("playground.0", {}, "content.playground.0.kind is missing"),
        ("playground.0.format", 3, "content.playground.0.format: got 3; made by a newer cnnlab, expected 1 or 2"),
        ("playground.0.nets", [{"file": "a", "base64": ""}] * 21, "content.playground.0.nets"),
        ("playground.0.nets.0.base64", "AAA", "content.playground.0.nets.0.base64: got 'AAA'; expected base64"),
        ("playground.0.nets.0.base64", "AAAÄ", "expected base64"),
        ("playground.0.nets.0.base64", "A\nAAA", "expected base64"),
        ("playground.0.nets.0.base64", 7, "expected text in base64"),
        ("playground.0.drawn.0.pixels", in_base64(PIXELS[1:]), "expected 784 for its shape, got 783"),
        ("playground.0.drawn.0.shape", [2, 28, 28], "content.playground.0.drawn.0: "),
        ("playground.0.drawn.0.shape", [1, 28], "content.playground.0.drawn.0.shape.2 is missing"),
        ("playground.0.drawn.0.shape", [1, float("nan"), 28], "content.playground.0.drawn.0.shape.1"),
        ("playground.0.drawn.0.shape", [1, 28.0, 28], "content.playground.0.drawn.0.shape.1"),
        ("playground.0.drawn.0.shape", [1, 0, 28], "content.playground.0.drawn.0.shape.1"),
        ("playground.0.drawn.0.shape", [1, 10**9, 10**9], "content.playground.0.drawn.0.shape.1"),
        ("playground.0.runs.0.test_openings", 3, "content.playground.0.runs.0.test_openings: got 3"),
        ("playground.0.homework.1.number", 1, "expected each homework once, got 1 again"),
        ("weights.0.name", "../a.safetensors", "content.weights.0.name"),
        ("weights.0.name", "a\\b", "content.weights.0.name"),
        ("weights.0.name", "C:a", "content.weights.0.name"),
        ("weights.0.name", "..", "content.weights.0.name"),
        ("weights.0.name", "", "content.weights.0.name"),
        ("weights.0.name", "a\x00", "content.weights.0.name"),
        ("weights.0.name", "a\x1b[2J", "content.weights.0.name"),
        ("weights.0.name", "a" * 101, "content.weights.0.name"),
        ("weights.0.name", "🎓" * 61, "content.weights.0.name"),
        ("runs.0.name", "/tmp", "content.runs.0.name"),
        ("runs.0.files.0", {"name": "a"}, "content.runs.0.files.0"),
        ("runs.0.files.0", {"name": "a", "text": "", "base64": ""}, "content.runs.0.files.0"),
        ("runs.0.files.0.name", "WEIGHTS.safetensors", "expected each file once"),
        ("notebook", "{}", "content.notebook"),
        ("class", {"name": "a"}, "content.class.made is missing"),
        ("lesson", [], "content.lesson: got []"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(place: str, value: Any, says: str) -> None:
    refused(at(place, value), says)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is damaged"),
        (b"\xff\xfe\x00", "it is not UTF-8"),
        (b"\xff\xfa", "it is not UTF-8"),
        (b"[]", "it is a list"),
        (b"{}", "it does not say its kind"),
        (b'{"kind": "cnnlab marks"}', "its kind is 'cnnlab marks'"),
        (b'{"kind": ["cnnlab hand-in"]}', "it does not say its kind"),
        (b'{"kind":"cnnlab hand-in","format":1}', "content is missing"),
        (b'{"kind":"cnnlab hand-in","format":1,"content":{},"content":{}}', "the key 'content' stands in it twice"),
        (of_a_page().replace(b'"text":"Please', b'"text":"","text":"Please'), "the key 'text' stands in it twice"),
        (of_a_page().replace(b'"text":"Please', b'"text":"\\ud800Please'), "it is not UTF-8"),
        (b'{"kind":"cnnlab hand-in","format":2,"content":7}', "made by a newer cnnlab: format 2; expected 1"),
        (b'{"kind":"cnnlab hand-in","format":true,"content":7}', "made by a newer cnnlab"),
        (b'{"kind":"cnnlab hand-in","format":' + b"9" * 4000 + b"}", "made by a newer cnnlab"),
        (b'{"kind":"cnnlab playground record","format":7}', "format: got 7; made by a newer cnnlab"),
        (b'{"a":' * 100_000, "it is nested too deeply"),
        (of_a_page(text="[")[:-2].replace(b'"["', b"[" * 50_000) + b"]" * 50_000 + b"}\n", "it is nested too deeply"),
        (b"[" + b"[]," * 2_100_000 + b"[]]", "values; expected at most 4,000,000"),
        (b" " * (BYTES + 1), "expected at most 64,000,000"),
    ],
    ids=range(19),
)
def test_what_is_no_hand_in_is_one_line(data: bytes, says: str) -> None:
    refused(data, says)


def test_many_keys_of_which_one_is_there_twice_are_counted_once() -> None:
    """To look for each key among all of them would take hours."""
    keys = ",".join(f'"{number}":0' for number in range(300_000))
    refused(f'{{{keys},"299999":0}}'.encode(), "the key '299999' stands in it twice")


def test_nothing_of_a_hand_in_changes() -> None:
    hand_in = read_hand_in(of_a_page(), KEY)
    with pytest.raises(AttributeError):
        hand_in.text = "other"  # type: ignore[misc]
