"""Files attached to a hand-in: a page takes those with which a class reads it, and says why not the others."""

from __future__ import annotations

import base64
import json
import re
import struct
from typing import Any

from tests.lesson.in_node import WEB, in_script

from cnnlab.classroom.hand_in import read_hand_in, write_hand_in
from cnnlab.classroom.packing import content_of
from cnnlab.errors import UserError

#: Attach files one after the other, each to as many copies as wanted; a browser's page is stood in for by a few lines.
ATTACH = """
globalThis.document = { createElement: () => ({ setAttribute() {}, addEventListener() {}, append() {} }) };
globalThis.FileReader = class extends EventTarget {
  async readAsDataURL(file) {
    this.result = `data:;base64,${Buffer.from(await file.arrayBuffer()).toString("base64")}`;
    this.dispatchEvent(new Event("load"));
  }
};
async function attach(files) {
  const chooser = Object.assign(new EventTarget(), { files });
  const said = [];
  const says = { replaceChildren: (...lines) => said.splice(0, said.length, ...lines) };
  const attached = new attaching_js.Attached(chooser, { replaceChildren() {} }, says, () => {});
  chooser.dispatchEvent(new Event("change"));
  await attached.taken;
  return { taken: attached.files.length, records: attached.records, said: said.map(({ textContent }) => textContent) };
}
const files = given.map(([name, base64]) => new File([Buffer.from(base64, "base64")], name));
"""
EACH = f"{ATTACH}\nconst found = [];\nfor (const file of files) found.push(await attach([file]));\nreturn found;"
TOGETHER = f"{ATTACH}\nreturn attach(files);"


def attached(body: str, files: list[tuple[str, bytes]]) -> Any:
    return in_script("attaching.js", body, [(name, base64.b64encode(content).decode()) for name, content in files])


NET = {"run": 0, "epoch": None, "file": "mlp.safetensors", "base64": "AAAA"}
DRAWN = {"label": "7", "shape": [1, 2, 3], "pixels": "AAECAwQF"}
RECORD = {
    "kind": "cnnlab playground record",
    "format": 2,
    "id": "s1",
    "name": "Ada",
    "saved": "2026-11-27T10:00:00.000Z",
    "page": "0.2.0",
    "data": {"name": "mnist-5k"},
    "runs": [{"net": "mlp", "test_openings": []}],
    "test_openings": 0,
    "homework": [{"number": 1, "text": "Change it", "words": "More filters."}],
    "nets": [NET],
    "drawn": [DRAWN],
}

#: What is another in a record → whether a class reads it.
CHANGES: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"another key": [1]}, True),
    ({"format": 1}, True),
    ({"format": 3}, False),
    ({"format": "2"}, False),
    ({"name": "Zoë 李雷 \U0001f600"}, True),
    ({"name": None}, False),
    ({"name": "x" * 200}, True),
    ({"name": "x" * 201}, False),
    ({"id": 7}, False),
    ({"saved": ["now"]}, False),
    ({"data": "mnist"}, False),
    ({"data": {"name": "m" * 201}}, False),
    ({"runs": {}}, False),
    ({"runs": [{"test_openings": [0.5, {}]}]}, True),
    ({"runs": [{}]}, False),
    ({"runs": [None]}, False),
    ({"runs": [{"test_openings": []}] * 1001}, False),
    ({"runs": [{"test_openings": [0] * 1001}]}, False),
    ({"homework": [{"number": 1, "words": ""}, {"number": 1, "words": ""}]}, False),
    ({"homework": [{"number": 0, "words": ""}]}, False),
    ({"homework": [{"number": 1.5, "words": ""}]}, False),
    ({"homework": [{"number": 1, "words": "w" * 100_001}]}, False),
    ({"nets": [NET] * 20}, True),
    ({"nets": [NET] * 21}, False),
    ({"nets": [NET | {"file": "mine (1), ü.safetensors"}]}, True),
    *(
        ({"nets": [NET | {"file": name}]}, False)
        for name in ("", "..", "a/b", "a\\b", "a:b", " a", "a\n", "a\u200b", "a\u00a0b", "n" * 101)
    ),
    *(({"nets": [NET | {"base64": text}]}, True) for text in ("", "AA==", "AAA=")),
    *(({"nets": [NET | {"base64": text}]}, False) for text in ("A", "AAA", "A===", "=AAA", "AA=A", "AA\nA", "ÄAAA", 5)),
    ({"drawn": []}, True),
    ({"drawn": [DRAWN | {"shape": [3, 1, 2]}]}, True),
    *(
        ({"drawn": [DRAWN | {"shape": shape}]}, False)
        for shape in ([1, 2, 4], [2, 1, 3], [1, 6], [1, 0, 6], [1, 2.5, 2.4], [1, 1, 513], None, "123")
    ),
    ({"drawn": [DRAWN | {"label": 7}]}, False),
    ({"drawn": [7]}, False),
    ({"drawn": [DRAWN] * 501}, False),
]


def is_read(record: dict[str, Any]) -> bool:
    """Whether `cnnlab class collect` reads a hand-in with this record."""
    content = content_of([], None, text="", student_id="7", student_name="") | {"playground": [record]}
    try:
        return len(read_hand_in(write_hand_in(content, None), None).playground) == 1
    except UserError:
        return False


def test_a_record_is_taken_if_a_class_reads_the_hand_in_with_it_and_only_then() -> None:
    records = [RECORD | change for change, _ in CHANGES]
    files = [(f"{i}.json", json.dumps(record).encode()) for i, record in enumerate(records)]
    for (change, fits), record, found in zip(CHANGES, records, attached(EACH, files), strict=True):
        assert is_read(record) == fits, str(change)[:200]
        assert found["taken"] == fits, (str(change)[:200], found["said"])
        assert found["records"] == ([record] if fits else [])
        assert len(found["said"]) == (not fits)


def test_what_is_wrong_with_a_record_is_told_by_its_place() -> None:
    wrong = [
        ({"format": 3}, "a newer playground saved it; save the record again from the playground of this lesson"),
        ({"nets": [NET, NET | {"base64": "A"}]}, "it is no record as the playground saves one (nets, 2); "),
        ({"name": None}, "it is no record as the playground saves one (name); "),
    ]
    files = [("mine.json", json.dumps(RECORD | change).encode()) for change, _ in wrong]
    for (_, says), found in zip(wrong, attached(EACH, files), strict=True):
        assert found["said"][0].startswith(f"mine.json was left out: {says}")


def test_halves_of_letters_are_mended_as_no_class_could_read_them() -> None:
    text = json.dumps(RECORD).replace("Ada", "Ada \\ud83d")
    (found,) = attached(EACH, [("mine.json", text.encode())])
    assert found["records"] == [RECORD | {"name": "Ada \ufffd"}]
    assert is_read(found["records"][0])


def weights(numbers: int) -> bytes:
    says = {"cnnlab": json.dumps({"format": 1, "page": "0.2.0", "net": "mlp"})}
    tensor = {"dtype": "F32", "shape": [numbers], "data_offsets": [0, 4 * numbers]}
    header = json.dumps({"__metadata__": says, "a": tensor}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * numbers)


def test_no_more_files_are_taken_than_a_class_reads() -> None:
    files = [(f"{i}.safetensors", weights(i)) for i in range(22)]
    files += [(f"{i}.json", json.dumps(RECORD | {"id": str(i)}).encode()) for i in range(21)]
    found = attached(TOGETHER, files)
    assert found["taken"] == 40
    assert found["said"] == [
        "20.safetensors was left out: 20 nets beside the records are attached, and that is the most.",
        "21.safetensors was left out: 20 nets beside the records are attached, and that is the most.",
        "20.json was left out: 20 records are attached, and that is the most.",
    ]


def test_weights_that_were_cut_short_are_not_taken() -> None:
    whole = weights(100)
    found = attached(EACH, [("a.safetensors", whole[:-1]), ("b.safetensors", whole), ("c.safetensors", whole + b" ")])
    assert [each["taken"] for each in found] == [0, 1, 0]
    assert found[0]["said"] == [
        f"a.safetensors was left out: it is not whole: it has {len(whole) - 1} bytes of {len(whole)}."
    ]


CONTENT = """
const answers = {
  id: "7", name: "Ada", isKept: true, numbers: { of: () => 0 }, texts: () => ({}),
  of: () => given.map((one) => ({ given: one, right: false, when: "2026-11-27T10:00:00.000Z" })),
};
const record = { lesson: { cnnlab: "0.2.0", made: "abc" }, all: [{ id: "output-height" }], texts: [] };
const content = handing_in_js.contentOf({ record, ofClass: null, answers, attached: { records: [], weights: [] } });
return new Blob(await handing_in_js.framed(content, "")).text();"""


def test_of_very_many_tries_the_first_are_handed_in_and_read() -> None:
    given = [str(i) for i in range(60)]
    handed = read_hand_in(in_script("handing_in.js", CONTENT, given).encode(), None)
    assert [one.given for one in handed.answers["output-height"]] == given[:50]
    assert not handed.is_edited


def test_no_field_takes_more_letters_than_a_class_reads() -> None:
    templates = WEB.parents[1] / "templates" / "lesson"
    fields = [
        field
        for name in ("answers.html", "whose.html", "parts.html")
        for field in re.findall(r"<(?:input|textarea)\b[^>]*>", (templates / name).read_text())
        if 'type="file"' not in field and 'type="radio"' not in field
    ]
    assert len(fields) == 5
    for field in fields:
        most = re.search(r'maxlength="(\d+)"', field)
        assert most is not None, field
        assert int(most[1]) <= (100_000 if field.startswith("<textarea") else 200), field
