"""Answers are judged as the lesson's pages judge them: by their own scripts, through Node."""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.node import node

import cnnlab.report.lesson
from cnnlab.classroom.judging import Judged, judge, standing, to_number

WEB = Path(cnnlab.report.lesson.__file__).parent / "web"

WRITTEN = [
    *("0", "7", "007", "7850", "7,850", "7 850", "7'850", "7\u2019850", "7\u00a0850", "7\u202f850", "7\u2009850"),
    *("1,234,567", "1,234 567", "1.234,5", "1.234.567,25", "1,234.5", "12,34", "1,2345", "1234,567", "0,5", ".5", ",5"),
    *("5.", "1.2.3", "1,2,3", "1e3", "1E-3", "1,5e2", "2e", "1e400", "−3", "–3", "--3", "+-+3", "3-", "- 3", "\ufeff3"),
    *(
        "784·10 + 10",
        "28x28",
        "28X28",
        "28×28",
        "2∙3",
        "2⋅3",
        "2**3",
        "2··3",
        "2***3",
        "1/9",
        "1÷9",
        "1:9",
        "1/0",
        "0/0",
    ),
    *(
        "-1/0",
        "1/(1/0)",
        "1/(-1/0)",
        "5²",
        "5³",
        "5^2",
        "2^3^2",
        "2^-1",
        "-2^2",
        "(-8)^(1/3)",
        "0^-1",
        "0^0",
        "1^(1/0)",
    ),
    *("(-1)^(1/0)", "1/9^9^9^9", "9^9^9^9", "(-9)^9^9", "1/(-9)^(9^9)", "98.7 %", "98,7%", "50%%", "50%^2", "2^50%"),
    *(
        "ln(10)",
        "ln (10)",
        "ln10",
        "ln(-1)",
        "ln(0)",
        "ln ln(10)",
        "ln",
        "lnx(3)",
        "ln(2)(3)",
        "2ln(3)",
        "LN(3)",
        "(3)",
    ),
    *(
        "((3)",
        "(3))",
        "()",
        "",
        " ",
        "\u3000",
        "\x85 3",
        "\x1f3",
        "3\x00",
        "abc",
        "0x10",
        "1_000",
        "nan",
        "Infinity",
        "inf",
    ),
    *(
        "١٢",
        "５",
        "²",
        "3²²",
        "½",
        "3 px",
        "3px",
        "3 %",
        "100 parameters",
        "=1+1",
        "😀",
        "\ud800",
        "<b>3</b>",
        "e",
        "1e1e1",
    ),
    *("2,416", "2.416", "1,000.", "1,000,", "1,000,00", "1 000 00", "1 000,5", "9007199254740993", "0.1+0.2", "1-1-1"),
    "2 * (3 + 4) / 7 - 1",
    "3" * 400,
    "(" * 39 + "1" + ")" * 39,
]

NUMBER = {
    "choices": [],
    "answer": "7850",
    "slips": {"12": "no", "7840": "no biases", "784.5": "half", "784": "one", "2": "two", "1e3": "e", "01": "zero"},
    "unit": "%",
    "tolerance": 0.0,
    "graded": True,
}
#: The slip 9 stands before 10.5 for JavaScript, whatever their order in the file; both are near 9.8.
WIDE = NUMBER | {"answer": "20", "slips": {"10.5": "later", "9": "sooner", "30": "far"}, "tolerance": 1.0, "unit": "m"}
CHOICE = {
    "choices": ["bigger", "smaller", "the same, \u00a0 always", ""],
    "answer": "bigger",
    "slips": {"smaller": "the other way", "the same, \u00a0 always": "look again"},
    "unit": "",
    "tolerance": 0.0,
    "graded": True,
}
QUESTIONS = [NUMBER, WIDE, CHOICE, CHOICE | {"graded": False}]


def drawn(count: int) -> list[str]:
    """Texts out of the pieces that arithmetic has, with now and then one that it has not."""
    draw = Random(0)
    pieces = [
        *"0123456789",
        *"+-*/x()^%.,",
        "1,234",
        "1 234",
        "ln(",
        "²",
        "−",
        "×",
        " ",
        "\u00a0",
        "e",
        "10",
        "(2)",
        "2^3",
    ]
    found = ["".join(draw.choice(pieces) for _ in range(draw.randint(1, 9))) for _ in range(count)]
    found += [f"{draw.randint(1, 99)}{draw.choice('+-*/x^')}{draw.uniform(0, 9):.3f}" for _ in range(count)]
    return found + ["".join(chr(draw.randrange(1, 0x2FFF)) for _ in range(draw.randint(1, 4))) for _ in range(count)]


def in_node(body: str, given: Any) -> Any:
    imports = "\n".join(
        f"import {{ {names} }} from {json.dumps((WEB / file).as_uri())};"
        for file, names in (("arithmetic.js", "toNumber"), ("judging.js", "judge"), ("answers.js", "standing"))
    )
    script = (
        f"{imports}\nimport {{ readFileSync }} from 'node:fs';\n"
        "const given = JSON.parse(readFileSync(0, 'utf8'));\n"
        f"console.log(JSON.stringify({body}));"
    )
    command = [node(), "--input-type=module", "-e", script]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_numbers_are_read_as_the_page_reads_them():
    texts = [*WRITTEN, *drawn(600)]
    units = ["", "%", "px", "parameters"]
    wanted = in_node(
        "given.texts.map((text) => given.units.map((unit) => toNumber(text, unit)))", {"texts": texts, "units": units}
    )
    numbers = 0
    for text, by_unit in zip(texts, wanted, strict=True):
        for unit, value in zip(units, by_unit, strict=True):
            got = to_number(text, unit)
            assert (got is None) == (value is None), (text, unit, got, value)
            if got is not None:
                assert math.isclose(got, value, rel_tol=1e-13, abs_tol=0), (text, unit, got, value)
                numbers += 1
    assert numbers > 1000


def test_answers_are_judged_as_the_page_judges_them():
    texts = [
        *WRITTEN,
        *drawn(100),
        *CHOICE["choices"],
        "9.8",
        "10",
        "9.8 m",
        "7849.9999999999",
        "7850.000000001",
        "785000%",
    ]
    wanted = in_node(
        "given.questions.map((one) => given.texts.map((text) => judge(one, text)))",
        {"questions": QUESTIONS, "texts": texts},
    )
    seen = set()
    for question, answers in zip(QUESTIONS, wanted, strict=True):
        for text, judged in zip(texts, answers, strict=True):
            got = judge(question, text)
            assert (got is None) == (judged is None), (text, got, judged)
            if got is not None:
                assert (got.right, got.says) == (judged["right"], judged["says"]), (text, got, judged)
                seen.add((got.right, got.says))
    assert {(True, ""), (None, ""), (False, "Too large."), (False, "Too small."), (False, "sooner")} <= seen


def test_how_a_question_was_answered_is_what_the_page_says():
    answers = [("3", True), ("3", False), ("3", None), ("", None)]
    cases = [[], *([a] for a in answers), *([a, b] for a in answers for b in answers)]
    cases += [[a, b, c] for a in answers for b in answers for c in answers]
    wanted = in_node(
        "given.map(standing)", [[{"given": text, "right": right} for text, right in case] for case in cases]
    )
    assert [standing(case) for case in cases] == wanted
    assert len(set(wanted)) == 6


@pytest.mark.parametrize(
    "text", ["(" * 10_000, "-" * 10_000 + "1", "2^" * 240 + "2", "ln(" * 160, "1" * 1_000_000, "9^9^9^9"]
)
def test_what_nobody_writes_is_no_answer_at_once(text):
    started = time.perf_counter()
    assert to_number(text) is None
    assert judge(NUMBER, text) is None
    assert time.perf_counter() - started < 0.5


def test_a_judged_answer_says_its_value():
    assert judge(NUMBER, "784·10 + 10") == Judged(True, "", 7850.0)
    assert judge(NUMBER, "784·10") == Judged(False, "no biases", 7840.0)
