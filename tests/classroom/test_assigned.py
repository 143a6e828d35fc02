"""What names stand for in a program that is only read is what they stand for when it has run."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.classroom.assigned import assigned

NAMES = ("a", "b", "c")

numbers = st.one_of(st.integers(-50, 50).map(str), st.sampled_from(["0.5", "28", "3", "1e3", "True", "2 ** 5"]))
expressions = st.recursive(
    st.one_of(numbers, st.sampled_from(NAMES)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%", "**"]), inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
        inner.map(lambda one: f"-({one})"),
        st.tuples(st.sampled_from(["int", "round", "abs", "math.floor", "max", "undefined", "str"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}, {parts[1]})"),
        st.tuples(inner, inner).map(lambda parts: f"[{parts[0]}, {parts[1]}][0]"),
        inner.map(lambda one: f"{{'both': {one}}}"),
    ),
    max_leaves=6,
)
targets = st.sampled_from(NAMES)
statements = st.one_of(
    st.tuples(targets, expressions).map(" = ".join),
    st.tuples(targets, targets, expressions).map(" = ".join),
    st.tuples(targets, expressions).map(" += ".join),
    st.tuples(targets, expressions).map(lambda parts: f"{parts[0]}: int = {parts[1]}"),
    st.tuples(targets, targets, expressions, expressions).map(
        lambda parts: f"{parts[0]}, {parts[1]} = {parts[2]}, {parts[3]}"
    ),
    st.tuples(targets, expressions, expressions).map(lambda parts: f"if {parts[1]}:\n    {parts[0]} = {parts[2]}"),
    st.tuples(targets, expressions).map(lambda parts: f"for {parts[0]} in ({parts[1]},):\n    pass"),
    st.tuples(targets, expressions).map(lambda parts: f"def {parts[0]}():\n    return {parts[1]}"),
    st.tuples(targets, expressions).map(lambda parts: f"{parts[0]}['both'] = {parts[1]}"),
    st.tuples(targets, expressions).map(lambda parts: f"def other():\n    global {parts[0]}\nother()"),
    st.tuples(targets, expressions).map(lambda parts: f"print({parts[0]} := {parts[1]})"),
    targets.map(lambda name: f"{name}.update(both=1)"),
    targets.map(lambda name: f"del {name}"),
    targets.map(lambda name: f"import math as {name}"),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(statements, min_size=1, max_size=8))
def test_what_is_read_is_what_running_it_gives(program):
    names: dict[str, object] = {"math": math, "print": lambda *_: None}
    ran = []
    for statement in program:
        before = dict(names)
        try:
            exec(statement, names)
        except (TypeError, ValueError, ArithmeticError, NameError, AttributeError, LookupError):
            names.clear()
            names.update(before)
            continue
        ran.append(statement)
    read, unparsed = assigned(["import math", *ran])
    assert not unparsed
    for name in NAMES:
        if name in names and isinstance(names[name], int | float | tuple | list | dict) and name in read:
            assert not read[name].is_blank
            if read[name].is_known:
                assert repr(read[name].value) == repr(names[name]), ran
        assert (name in names) <= (name in read), ran
        assert name not in read or name in names or not read[name].is_known, ran


@pytest.mark.parametrize(
    ("sources", "value"),
    [
        (["x = 26"], 26),
        (["x = y = 26"], 26),
        (["x, y = 26, 2"], 26),
        (["(x, y), z = (26, 2), 3"], 26),
        (["x: int = 26"], 26),
        (["x = 25", "x += 1"], 26),
        (["size, K = 28, 3", "x = (size - K) // 1 + 1"], 26),
        (["import math", "x = math.floor((28 - 3) / 1) + 1"], 26),
        (["import numpy as np", "x = int(np.floor(25 / 1) + 1)"], 26),
        (["from math import floor as down", "x = down(25.5) + 1"], 26),
        (["x = int(26.9)"], 26),
        (["x = max(3, 26)"], 26),
        (["sizes = {'conv': 26}", "x = sizes['conv']"], 26),
        (["sizes = [28, 26]", "x = sizes[-1]"], 26),
        (["with open('x') as file:\n    x = 26"], 26),
        (["x = ...", "x = 26"], 26),
        (["x = 26", "x = ..."], 26),  # a blank that was left standing below
        (["x = 3", "x = 26"], 26),
        (["%%time\nx = 26"], 26),
        (["%matplotlib inline\n!ls\nfiles = !ls\nx = 26\nx?"], 26),
        (["%%bash\nx=3", "x = 26"], 26),
        (["# a heading that became code, here's its text", "x = 26"], 26),
        (["def f():\n    x = 3", "x = 26", "class C:\n    x = 3"], 26),
    ],
)
def test_an_answer_is_found_however_it_is_written(sources, value):
    found = assigned(sources)[0]["x"]
    assert (found.is_known, found.value) == (True, value)


@pytest.mark.parametrize(
    "source",
    [
        "x = size(28, 3)",
        "x = 9 ** 9 ** 9",
        "x = 2.0 ** 99999",
        "x = 1 / 0",
        "x = (-8) ** 0.5",
        "x = round(1, -10 ** 9)",
        "x = [0] * 10 ** 9",
        "x = 'a' * 10 ** 9",
        "x = 1" + "0" * 200,
        "x = [1, 2][5]",
        "int = print\nx = int(26)",
        "x = 3\nif sure:\n    x = 26",
        "x = 3\nfor x in (26,):\n    pass",
        "x = 3\ntry:\n    x = 26\nexcept E:\n    pass",
        "x = {}\nx['both'] = train()",
        "x = {}\nx.update(both=1)",
        "x = {}\nfor name in names:\n    x[name] = train()",
        "x = {}\ndef all_of_them():\n    x['both'] = 1\nall_of_them()",
        "x = 3\nprint(x := 26)",
        "x = 3\ndef f():\n    global x\n    x = 26",
        "x, *y = 26, 1, 2",
        "import x",
        "from y import x",
        "def x(): pass",
    ],
)
def test_what_only_running_it_would_give_is_left_to_running_it(source):
    found = assigned([source])[0]["x"]
    assert (found.is_known, found.is_blank, found.value) == (False, False, None)


@pytest.mark.parametrize(
    "source",
    [
        "x = ...",
        "x = {'both': train(), 'neither': ...}",
        "y = ...\nx = y + 1",
        "class Mine:\n    def __init__(self):\n        self.layers = ...\nx = Mine()",
        "def maps_of(net):\n    return ...\nx = maps_of(net)",
        "x = ...\nif sure:\n    pass",
    ],
)
def test_a_blank_and_what_is_made_of_one_are_blank(source):
    assert assigned([source])[0]["x"].is_blank


def test_an_index_of_three_dots_is_no_blank():
    names, _ = assigned(["def maps_of(net):\n    return kept[..., 0]", "x = maps_of(net)"])
    assert not names["x"].is_blank


def test_what_is_no_python_costs_its_own_cell_alone():
    names, unparsed = assigned(["x = 26", "## What do you see?", "x = = 3", "y = 14\n  z"])
    assert names["x"].value == 26
    assert "y" not in names  # Python runs no part of such a cell either
    assert [one.why for one in unparsed] == ["invalid syntax", "unexpected indent"]


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 40_000 + "1" + ")" * 40_000,
        "x = " + "-" * 90_000 + "1",
        "x = " + "1+" * 45_000 + "1",
        "x = " + "not " * 20_000 + "1",
        "x = x" + ".a" * 40_000,
        "x = " + "lambda:" * 10_000 + "1",
        "f" + "()" * 40_000,
        "{" * 59 + ":",
        "a(" * 59 + "=",
        "\n" * 90_000 + "(",
        " " * 90_000 + "%",
        "x = " + "9" * 90_000,
        "a\0b",
        "a = '\\ud800'; x = 'é' * 3",
        "x = [1]\n" + "x = [x, x]\n" * 3_000,
        "x = [1]\n" + "x = [x]\n" * 3_000,
    ],
    ids=lambda source: source[:12] + f"… {len(source)}",
)
def test_no_code_raises_or_takes_long(source):
    names, _ = assigned([source])
    assert "x" not in names or not names["x"].is_known
