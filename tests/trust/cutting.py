"""Commands cut short at every call of their disk, and what they come to when they are given again."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.trust.children import Ended, forked
from tests.trust.disk import REFUSALS, Cut
from tests.trust.in_process import command

_NET = ("conv-net", "--widths", "2", "--hidden", "4", "--batch-norm", "--dropout", "0.2")
_DATA = ("--data", "mnist-5k@200", "--recipe", "fast")
TRAIN = ("train", *_NET, *_DATA, "--epochs", "2", "--out", "run", "--json")
#: Once its config is written, a run goes on so.
RESUME = ("train", "conv-net", "--out", "run", "--resume", "--json")
COMPARE = (
    *("compare", "--net", *_NET, *_DATA, "--epochs", "1", "--seeds", "1", "--engine", "here", "--out", "cmp"),
    *("--set", "learning-rate=0.02", "--json"),
)
#: Of a finished run; each may be given again as it is.
OF_A_RUN = {
    "evaluate": ("evaluate", "run", "--json"),
    "explore": ("explore", "run", "--no-open", "--json"),
    "export": ("export", "run", "--to", "safetensors", "--json"),
}


class Scene(NamedTuple):
    """A command to be cut short.

    first: the command. again: what a user gives afterwards, by what lies there. begins: the folder to start from, None
    for an empty one. end: what the folder holds at the undisturbed end. calls: of its disk until there.
    """

    name: str
    first: Sequence[object]
    again: Callable[[Path], Sequence[object]]
    begins: Path | None
    end: dict[str, object]
    calls: tuple[str, ...]


def scenes(folder: Path) -> list[Scene]:
    """All commands with their undisturbed ends, made in `folder`."""

    def again(place: Path) -> Sequence[object]:
        return RESUME if (place / "run" / "config.json").exists() else TRAIN

    found = [_scene(folder, "train", TRAIN, again, None)]
    finished = folder / "train"
    found += [_scene(folder, name, line, lambda _, line=line: line, finished) for name, line in OF_A_RUN.items()]
    found.append(_scene(folder, "compare", COMPARE, lambda _: COMPARE, None))
    return found


def _scene(
    folder: Path, name: str, line: Sequence[object], again: Callable[[Path], Sequence[object]], begins: Path | None
) -> Scene:
    place = _fresh(folder / name, begins)
    ended = forked(line, place)
    assert ended.code == 0, ended
    return Scene(name, line, again, begins, contents(place), ended.calls)


def _fresh(place: Path, begins: Path | None) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    if begins is None:
        place.mkdir(parents=True)
    else:
        shutil.copytree(begins, place)
    return place


def cut_short(scene: Scene, place: Path, cuts: Sequence[Cut]) -> str | None:
    """Cut the command short, the first time by the first cut, then by the next; then let it end.

    Returns what is wrong with what it came to, or None.
    """
    _fresh(place, scene.begins)
    line = scene.first
    for cut in cuts:
        before = contents(place)
        ended = forked(line, place, cut)
        wrong = _wrong_way_to_end(ended, cut) or _half_written(scene, before, contents(place))
        if wrong is None and cut.how in REFUSALS and not _is_removal(ended.calls[cut.call :][:1]):
            wrong = _stray(contents(place))
        if wrong is not None:
            return wrong
        line = scene.again(place)
    ended = forked(line, place)
    if ended.code != 0:
        return f"given again, it ended with {ended.code}: {ended.says}"
    return difference(scene.end, contents(place))


def all_cuts(scene: Scene, hows: Sequence[str]) -> Iterator[Cut]:
    """Every call with every way to cut it short; half of a write where it is one."""
    for call, name in enumerate(scene.calls):
        yield from (Cut(call, how) for how in hows if how != "half" or name.startswith("write "))


def pairs(scene: Scene, count: int, seed: int = 0) -> list[tuple[Cut, Cut]]:
    """Two kills one after the other, at random."""
    draw = random.Random(seed)

    def one() -> Cut:
        return Cut(draw.randrange(len(scene.calls)), draw.choice(("before", "after", "half")))

    return [(one(), one()) for _ in range(count)]


def contents(place: Path) -> dict[str, object]:
    """What a folder holds, by name; of what holds times, only what does not."""
    return {
        path.relative_to(place).as_posix(): _content(path) for path in sorted(place.rglob("*")) if not path.is_dir()
    }


def difference(expected: dict[str, object], got: dict[str, object]) -> str | None:
    """The first way in which a folder is not as the undisturbed one, or None."""
    stray, missing = sorted(got.keys() - expected.keys()), sorted(expected.keys() - got.keys())
    if stray or missing:
        return f"stray: {stray}; missing: {missing}"
    return next((f"{name} differs from the undisturbed one" for name in expected if got[name] != expected[name]), None)


def _wrong_way_to_end(ended: Ended, cut: Cut) -> str | None:
    if cut.how in ("before", "after", "half"):
        return None if ended.code in (-9, 0) else f"killed, it ended with {ended.code}: {ended.says}"
    if cut.how == "stop":
        return None if ended.code in (0, 130, -15) else f"stopped, it ended with {ended.code}: {ended.says}"
    if ended.code == 0 or (ended.is_typed and ended.code == 2):
        return None
    return f"refused, it ended with {ended.code}: {ended.says}"


def _half_written(scene: Scene, before: dict[str, object], after: dict[str, object]) -> str | None:
    """A page, an export or a record that is neither as it was nor as it will be."""
    for name, content in after.items():
        whole = name.endswith((".html", ".json")) or (scene.begins is not None and name.endswith(".safetensors"))
        if whole and not name.rpartition("/")[2].startswith("."):
            known = (before.get(name), scene.end.get(name))
            if content not in known and content == "half":
                return f"{name} is half written"
            if scene.begins is not None and content not in known:
                return f"{name} is neither the old one nor the new one"
    return None


def _stray(contents_: dict[str, object]) -> str | None:
    parts = [name for name in contents_ if name.endswith(".part")]
    return f"left behind: {parts}" if parts else None


def _is_removal(call: Sequence[str]) -> bool:
    return bool(call) and call[0].split()[0] in ("unlink", "remove", "rmdir")


def _content(path: Path) -> object:
    if path.is_symlink() or not path.is_file():
        return "no file"
    content = path.read_bytes()
    try:
        if path.suffix == ".html":  # holds times; the same figures made it
            return "page" if content.rstrip().endswith(b"</html>") else "half"
        if path.suffix == ".json":
            return _timeless(json.loads(content))
        if path.name == "metrics.jsonl":
            return [_timeless(json.loads(line)) for line in content.splitlines()]
        if path.name == "test-openings.jsonl":
            return _openings(content)
        if path.name == "resume.safetensors":
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length])
            record = _timeless(json.loads(header.pop("__metadata__")["record"]))
            return header, record, content[8 + length :]
    except ValueError:
        return "half"
    return content


def _openings(content: bytes) -> list[str]:
    """Who opened the test split. A line that was cut short tells of an opening that did not happen."""
    found = set()
    for line in content.splitlines():
        with suppress(ValueError):
            found.add(json.loads(line)["by"])
    return sorted(found)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(inner) for name, inner in value.items() if not name.endswith("time_s")}
    if isinstance(value, list):
        return [_timeless(inner) for inner in value]
    return value


def warm_up(folder: Path) -> None:
    """Import in this process what the commands import, so that their forks need not."""
    place = _fresh(folder / "warm-up", None)
    before = Path.cwd()
    os.chdir(place)
    try:
        for line in (TRAIN, *OF_A_RUN.values(), COMPARE):
            ending = command(*line)
            assert ending.code == 0, ending
    finally:
        os.chdir(before)


def kills(scene: Scene, *, sampled: int) -> list[tuple[Cut, ...]]:
    """Every kill of a command, a wish to stop at every call, and `sampled` pairs of kills."""
    alone = [(cut,) for cut in all_cuts(scene, ("before", "after", "half", "stop"))]
    return [*alone, *pairs(scene, sampled)]


def refusals(scene: Scene) -> list[tuple[Cut, ...]]:
    """Every refusal at every call, once, and a disk that is full, or read-only, from a call on."""
    return [(cut,) for cut in all_cuts(scene, (*REFUSALS, "ENOSPC-on", "EROFS-on"))]


def cut_all(
    folder: Path, cases_of: Callable[[Scene], Sequence[tuple[Cut, ...]]], *, every: int, first: int = 0
) -> dict[str, Any]:
    """Every `every`th case of every command, from the `first` on: how many, and each that came to anything else."""
    warm_up(folder)
    counts: dict[str, dict[str, int]] = {}
    others = []
    for scene in scenes(folder / "ends"):
        of_scene = counts.setdefault(scene.name, {"calls": len(scene.calls)})
        for cuts in cases_of(scene)[first % every :: every]:
            how = cuts[0].how if len(cuts) == 1 else "two kills"
            of_scene[how] = of_scene.get(how, 0) + 1
            wrong = cut_short(scene, folder / "cut", cuts)
            if wrong is not None:
                at = "; ".join(f"{cut.how} call {cut.call}: {_named(scene.calls, cut.call)}" for cut in cuts)
                others.append({"command": scene.name, "cut": at, "wrong": wrong})
                print(others[-1], flush=True)
    cases = sum(number for of in counts.values() for name, number in of.items() if name != "calls")
    return {"cases": cases, "commands": counts, "others": others}


def _named(calls: Sequence[str], call: int) -> str:
    """The call without the random part of a name."""
    return re.sub(r"\.[0-9a-f]{32}", "", calls[call])
