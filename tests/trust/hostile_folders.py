"""A run folder as a stranger may send it: links, pipes, folders and floods at every name that it may hold."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.trust.children import Ended, forked
from tests.trust.cutting import COMPARE, OF_A_RUN, TRAIN, warm_up
from tests.trust.disk import Cut

#: Every name that a run folder may hold.
NAMES = (
    *("config.json", "environment.json", "metrics.jsonl", "resume.safetensors", "weights.safetensors", "checkpoints"),
    "unlike.safetensors",
    *("checkpoints/0000000.safetensors", "evaluation.json", "result.json", "diverged.json", "test-openings.jsonl"),
    *("report.html", "explorer.html", "playground.html", "saved.json", "tensorboard", "net.safetensors", "net.pt2"),
    *("look", "look/index.html", "lock", ".lock"),
)

#: Every name that a comparison's folder may hold, its runs' among them.
OF_A_COMPARISON = ("index.html", "comparison.json", "runs", "runs/*", "runs/*/report.html", "runs/*/metrics.jsonl")

_GO_ON = ("train", "conv-net", "--out", "run", "--resume", "--json")
#: Command → where it begins: a finished run, one that was stopped, or a comparison.
COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "evaluate": (OF_A_RUN["evaluate"], "finished"),
    "predict": (("predict", "run", "../photo.png", "--json"), "finished"),
    "export": (OF_A_RUN["export"], "finished"),
    "look": (("look", "run", "--json"), "finished"),
    "explore": (OF_A_RUN["explore"], "finished"),
    "train --resume, finished": (_GO_ON, "finished"),
    "train --resume": ((*_GO_ON, "--tensorboard"), "stopped"),
    "train": (TRAIN, "finished"),
    "compare": (COMPARE, "compared"),
}

_SIGNS = "\x1b[2J\x07\x9b\u202e\nname"


def plants(outside: Path) -> dict[str, Callable[[Path], None]]:
    """What can lie at a name instead, by what it is."""

    def deep(path: Path) -> None:
        path.write_bytes(b"[" * 10_000_000)

    def unreadable(path: Path) -> None:
        path.write_bytes(b"\xff\x00" * 50)

    return {
        "link to a file": lambda path: path.symlink_to(outside / "file"),
        "link to a folder": lambda path: path.symlink_to(outside / "folder"),
        "link to nothing": lambda path: path.symlink_to(outside / "new"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "hard link": lambda path: path.hardlink_to(outside / "file"),
        "pipe": os.mkfifo,
        "folder": lambda path: path.mkdir(),
        "file": lambda path: path.write_text("{}"),
        "10 MB of brackets": deep,
        "bytes": unreadable,
    }


def cases(outside: Path) -> Iterator[tuple[str, str, str, Callable[[Path], None]]]:
    """(command, name, what lies there, what plants it), the slow commands with the links, pipes and folders alone."""
    for what, plant in plants(outside).items():
        for command, (_, begins) in COMMANDS.items():
            is_slow = command in ("look", "explore", "compare")
            if is_slow and what not in ("link to a file", "link to a folder", "link to nothing", "pipe", "folder"):
                continue
            for name in OF_A_COMPARISON if begins == "compared" else NAMES:
                yield command, name, what, plant


def try_all(folder: Path, *, every: int, first: int = 0) -> dict[str, Any]:
    """Every `every`th case from the `first` on: counts by command, and each that ended otherwise or wrote elsewhere."""
    warm_up(folder)
    outside, place = folder / "outside", folder / "place"
    begins = _beginnings(folder)
    write_photo(folder / "photo.png")
    _make_outside(outside)
    before = snapshot(outside)
    counts: dict[str, Counter[str]] = {}
    others = []
    listed = [*cases(outside), *(("evaluate", name, "signs", _with_signs) for name in ("config.json",))]
    for command, name, what, plant in listed[first % every :: every]:
        line, start = COMMANDS[command]
        _begin(begins[start], place)
        _plant(place / ("cmp" if start == "compared" else "run"), name, plant)
        ended = forked(line, place)
        counts.setdefault(command, Counter())[str(ended.code)] += 1
        after = snapshot(outside)
        wrong = _wrong(ended, before, after)
        if wrong is not None:
            others.append({"command": command, "name": name, "is": what, "wrong": wrong})
            print(others[-1], flush=True)
        if after != before:
            _make_outside(outside)
            before = snapshot(outside)
    total = sum(sum(of.values()) for of in counts.values())
    return {"cases": total, "exit_codes": {command: dict(of) for command, of in counts.items()}, "others": others}


def snapshot(folder: Path) -> dict[str, object]:
    """Names, kinds, bytes and times of all below a folder."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[path.relative_to(folder).as_posix()] = (status.st_mode, content, status.st_mtime_ns)
    return found


def _wrong(ended: Ended, before: dict[str, object], after: dict[str, object]) -> str | None:
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    if changed:
        return f"changed outside of the folder: {', '.join(changed)}; it ended with {ended.code}"
    if ended.code == -14:
        return "it hangs"
    if not ended.is_typed:
        return f"it ended with {ended.code}: {ended.says}"
    odd = [sign for sign in ended.err + ended.out if not sign.isprintable() and sign not in "\n\t"]
    return f"it printed {odd[0]!r}" if odd else None


def _make_outside(outside: Path) -> None:
    shutil.rmtree(outside, ignore_errors=True)
    (outside / "folder").mkdir(parents=True)
    (outside / "file").write_text("mine\n")
    (outside / "folder" / "file").write_text("mine, too\n")


def _beginnings(folder: Path) -> dict[str, Path]:
    """Each in its folder: a finished run, the same stopped after its first epoch, a comparison."""
    places = {name: folder / name for name in ("finished", "stopped", "compared")}
    for place in places.values():
        place.mkdir()
    assert forked(TRAIN, places["finished"]).code == 0
    calls = forked(TRAIN, folder / "stopped").calls
    shutil.rmtree(places["stopped"])
    places["stopped"].mkdir()
    weights = next(number for number, call in enumerate(calls) if "weights" in call)
    assert forked(TRAIN, places["stopped"], Cut(weights + 1, "stop")).code == 130
    assert forked(COMPARE, places["compared"]).code == 0
    return places


def _begin(begins: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(begins, place)


def _plant(folder: Path, name: str, plant: Callable[[Path], None]) -> None:
    for path in sorted(folder.glob(name)) or [folder / name]:
        path.parent.mkdir(exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif plant is not _with_signs:
            path.unlink(missing_ok=True)
        plant(path)


def _with_signs(path: Path) -> None:
    record = json.loads(path.read_text())
    record["data"] |= {"classes": [f"{_SIGNS}{number}" for number in range(10)], "source": _SIGNS, "notes": [_SIGNS]}
    path.write_text(json.dumps(record))


def write_photo(path: Path) -> None:
    """A stroke of ink on white paper."""
    paper = np.full((64, 64), 255, np.uint8)
    paper[16:48, 30:36] = 0
    Image.fromarray(paper).save(path)
