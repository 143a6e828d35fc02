"""Whose numbers a question has: the same in Python, in the pages' script, and by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from pathlib import Path

import pytest
from tests.lesson.in_node import in_script

from cnnlab.classroom.variants import numbers_key, plain_id, variant_of

WEB = Path(__file__).parents[2] / "src" / "cnnlab" / "report" / "lesson" / "web"

SECRET = "5f" * 32
KEY = "0123456789abcdef0123456789abcdef"

#: As a student writes an id → as it counts.
WRITTEN = {
    "": "",
    " \t\n\u00a0\u3000\ufeff\x1c\x85": "",
    "s1234567": "s1234567",
    "  S1234567 ": "s1234567",
    "Ann.B@School.example": "ann.b@school.example",
    "Ann\u00a0 \t B\u0301": "ann b\u0301",
    "Jose\u0301": "josé",
    "ＡＢＣ１２３": "abc123",
    "ﬁnn": "finn",
    "İpek": "i\u0307pek",
    "ΟΔΟΣ": "οδος",
    "Straße": "straße",
    "李\u3000雷": "李 雷",
    "\U0001f600 x": "\U0001f600 x",
    "a\x1cb\x85c\u2028d\ufeffe": "a b c d e",
    "a\u200bb": "a\u200bb",
    "half \ud83d of a pair": "half \ufffd of a pair",
    '"<script>\\': '"<script>\\',
}

QUESTIONS = ("output-height", "one-sum", "block-shape", "two-threes", "größe")


def in_page(expression: str) -> object:
    """What an expression of the pages' module comes to, in Node."""
    return in_script("variants.js", f"return {expression};")


@pytest.mark.parametrize("written", WRITTEN, ids=ascii)
def test_an_id_counts_in_one_form(written: str) -> None:
    assert plain_id(written) == WRITTEN[written]
    assert plain_id(plain_id(written)) == plain_id(written)


def test_the_page_takes_ids_as_python_does() -> None:
    assert in_page(f"{json.dumps(list(WRITTEN))}.map(variants_js.plainId)") == list(WRITTEN.values())


def test_the_page_s_numbers_are_python_s() -> None:
    cases = [
        (id, question, count)
        for id in (*WRITTEN, *(f"s{i}" for i in range(40)))
        for question in QUESTIONS
        for count in (1, 4, 7, 8)
    ]
    found = in_page(f"{json.dumps(cases)}.map((one) => variants_js.variantOf({json.dumps(KEY)}, ...one))")
    assert found == [variant_of(KEY, *case) for case in cases]


def test_without_a_class_or_an_id_the_page_has_the_plain_numbers() -> None:
    of_class = {"name": "7b", "made": "0" * 12, "key": KEY, "due": None, "due_text": ""}
    asked = [{"id": question, "variants": 8} for question in QUESTIONS]
    numbers = f"new variants_js.Numbers(given, {json.dumps(asked)}).of(id, {json.dumps(QUESTIONS[0])})"
    found = in_page(f"[[null, 's1'], [{json.dumps(of_class)}, ' '], [{json.dumps(of_class)}, 's1']]"
                      f".map(([given, id]) => {numbers})")  # fmt: skip
    assert found == [0, 0, variant_of(KEY, "s1", QUESTIONS[0], 8)]


def test_the_number_is_that_of_the_sum_of_key_id_and_question() -> None:
    by_hand = hashlib.sha256(b"0123456789abcdef0123456789abcdef\nann b\none-sum").digest()
    assert variant_of(KEY, " Ann  B", "one-sum", 7) == int.from_bytes(by_hand[:4], "big") % 7
    assert variant_of(KEY, "ann b", "one-sum", 1) == 0
    assert variant_of(KEY, "  ", "one-sum", 7) == 0


def test_the_key_follows_from_the_secret_and_does_not_tell_it() -> None:
    key = numbers_key(SECRET)
    assert key == hmac.digest(bytes.fromhex(SECRET), b"question numbers", "sha256").hex()[:32]
    assert key != numbers_key("60" + SECRET[2:])
    assert key not in SECRET
    with pytest.raises(ValueError, match="hexadecimal"):
        numbers_key("no secret")


def test_numbers_are_spread_evenly_over_a_class_and_neighbours_differ() -> None:
    given = Counter(variant_of(KEY, f"s{i:05}", "one-sum", 8) for i in range(4000))
    assert sorted(given) == list(range(8))
    assert max(given.values()) - min(given.values()) < 150  # 500 ± 21 by chance
    students = [tuple(variant_of(KEY, f"s{i}", question, 8) for question in QUESTIONS) for i in range(60)]
    assert len(set(students)) > 58
