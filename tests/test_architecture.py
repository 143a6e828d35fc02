"""ARCHITECTURE.md's table of rooms is what the modules really import, and nothing imports upwards or in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "cnnlab"
MODULES = {
    ".".join(["cnnlab", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}
#: The package's front, which loads names from any room when they are first used.
FRONT = {"__init__", "__main__"}


def rooms() -> dict[str, list[str]]:
    """Room → the rooms that it uses by the table, in the table's order. Rooms that all may use are each their own."""
    table = re.search(r"^## Rooms\n(.+?)^## ", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE | re.DOTALL)
    assert table is not None
    found: dict[str, list[str]] = {}
    for row in re.findall(r"^\| (`.+?) \|.+\| (.+?) \|$", table[1], re.MULTILINE):
        uses = [] if row[1] == "–" else row[1].split(", ")
        for name in re.findall(r"`(\w+)(?:/|\.py)`", row[0]):
            found[name] = uses
    return found


def imports(module: str, path: Path) -> Iterator[str]:
    """The modules of cnnlab that a module imports when it runs, in functions, too; not for types alone."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: an import relative to its place"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def used_by_rooms() -> dict[str, dict[str, str]]:
    """Room → the other rooms that it imports, each with a module that does."""
    found: dict[str, dict[str, str]] = {room_of(module): {} for module in MODULES}
    for module, path in MODULES.items():
        for other in imports(module, path):
            if other.split(".")[0] == "cnnlab" and room_of(other) != room_of(module):
                found[room_of(module)][room_of(other)] = f"{module} imports {other}"
    return {room: uses for room, uses in found.items() if room not in FRONT}


def test_the_table_names_every_room_and_no_other():
    assert set(rooms()) == {room_of(module) for module in MODULES} - FRONT


@pytest.mark.parametrize("room", sorted(used_by_rooms()))
def test_a_room_uses_what_the_table_says(room):
    everybodys = {name for name, uses in rooms().items() if uses == ["nothing; all use it"]}
    used = {other: where for other, where in used_by_rooms()[room].items() if other not in everybodys}
    if rooms()[room] == ["everything"]:
        return
    said = set(rooms()[room]) - {"nothing; all use it"}
    assert set(used) <= said, [where for other, where in used.items() if other not in said]
    assert said <= set(used), f"the table lets {room} use {sorted(said - set(used))}, which it does not"


def test_a_room_uses_only_rooms_below_it():
    order = list(rooms())
    upwards = [
        where
        for room, uses in used_by_rooms().items()
        for other, where in uses.items()
        if order.index(other) <= order.index(room)
    ]
    assert not upwards


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        module: {other for other in imports(module, path) if other in MODULES and other != module}
        for module, path in MODULES.items()
        if room_of(module) not in FRONT
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
