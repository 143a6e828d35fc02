"""What somebody who works in Python hands in: runs, a notebook, a text."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cnnlab.classroom.cells import LONGEST, notebook_of
from cnnlab.classroom.notebook import check_notebook
from cnnlab.classroom.results import CheckedTask
from cnnlab.errors import UserError
from cnnlab.nets.resolve import is_own
from cnnlab.own_code import read_code
from cnnlab.plain_files import read_plain
from cnnlab.runs import Run
from cnnlab.runs.folder import RunResult
from cnnlab.runs.records import EVALUATION_BYTES, METRICS_BYTES, RECORD_BYTES, read_file, unreadable
from cnnlab.strict_json import strict_json
from cnnlab.version import __version__

#: The most that is handed in, in bytes of the file; many systems for courses take no more.
MOST_BYTES = 60_000_000
#: The most runs.
MOST_RUNS = 20
#: The most letters of a text, and of an id or a name.
LONGEST_TEXT = 100_000
LONGEST_NAME = 200
#: Of a notebook as it lies on the disk, pictures and all, the most bytes.
_NOTEBOOK_BYTES = 64_000_000

#: What of a run is handed in, with the most bytes of each; where it trained, checkpoints, pages and exports are not.
_RECORDS = {
    "config.json": RECORD_BYTES,
    "environment.json": RECORD_BYTES,
    "metrics.jsonl": METRICS_BYTES,
    "evaluation.json": EVALUATION_BYTES,
    "result.json": RECORD_BYTES,
    "diverged.json": RECORD_BYTES,
    "test-openings.jsonl": RECORD_BYTES,
    "saved.json": RECORD_BYTES,
}
_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class PackedRun:
    """A run as it is handed in.

    name: of its folder. net, data: by name. openings: how often its test split was measured. files: as the hand-in has
    them. says: what its owner should know besides, a sentence each.
    """

    name: str
    net: str
    data: str
    seed: int
    result: RunResult
    openings: int
    files: tuple[dict[str, str], ...]
    says: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return sum(len(strict_json(each)) for each in self.files)


@dataclass(frozen=True)
class PackedNotebook:
    """A notebook as it is handed in: its text without pictures, and what the homework's checks find filled in."""

    name: str
    text: str
    tasks: tuple[CheckedTask, ...]

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return len(strict_json(self.text))


def pack_run(run: Run, name: str) -> PackedRun:
    """A finished run with its weights, in memory; the folder stays as it is.

    name: what it is called in the hand-in. Raises UserError where the run is unfinished, damaged or without weights,
    where a link in it leads elsewhere, and where its weights alone are more than may be handed in.
    """
    for file in (*_RECORDS, _WEIGHTS):
        _require_inside(run, file)
    result = run.result()
    for record in (run.evaluations, run.epochs, run.environment):
        record()  # what is damaged is told to its owner, who can mend it
    weights = run.path / _WEIGHTS
    if run.has_weights and 4 * weights.stat().st_size > 3 * MOST_BYTES:
        raise _too_large(f"{_WEIGHTS} of {run.path}", 4 * weights.stat().st_size // 3)
    run.weights()
    files = [
        {"name": file, "text": _text(run.path / file, limit)}
        for file, limit in _RECORDS.items()
        if (run.path / file).exists()
    ]
    content = base64.b64encode(read_file(weights, limit=MOST_BYTES)).decode()
    code, says = _own_code(run)
    return PackedRun(
        name=_as_name(name),
        net=run.config.net.name,
        data=run.config.data.name,
        seed=run.config.seed,
        result=result,
        openings=run.test_openings(),
        files=(*files, *code, {"name": _WEIGHTS, "base64": content}),
        says=(*says, *_places(run, result)),
    )


def _require_inside(run: Run, file: str) -> None:
    """Raise UserError where a file of the run is one from elsewhere: whoever made the run would choose what goes in."""
    path = run.path / file
    try:
        is_inside = path.resolve().is_relative_to(run.path.resolve())
    except (OSError, RuntimeError):  # links in a circle
        is_inside = False
    if not is_inside:
        raise UserError(
            f"{path} is a link that leads out of {run.path}; expected a file of the run itself: put it there, or leave "
            "the run out"
        )


def _text(path: Path, limit: int) -> str:
    try:
        return read_file(path, limit=limit).decode()
    except UnicodeError:
        raise UserError(f"{path} is damaged: it is not UTF-8; expected text: train the run again") from None


def _own_code(run: Run) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """The files of a net of the student's own, where they are those of the training; and what to say of them."""
    net = run.config.net.name
    if not is_own(net):
        return [], ()
    says = f"{net} is a net of your own, which your teacher has to run"
    try:
        code = read_code(net.rpartition(":")[0])
        texts = {name: source.decode() for name, source in code.files.items()}
    except (UserError, UnicodeError):
        return [], (f"{says}; its code is not here: hand it in beside this file",)
    if code.hashes != run.environment().identity.net_code:
        return [], (f"{says}; its code was edited since the training: hand in what it was then, beside this file",)
    if any(_as_name(name) != name for name in texts):
        return [], (f"{says}; its code lies in folders: hand it in beside this file",)
    return [{"name": name, "text": text} for name, text in texts.items()], (
        f"{says}; with its code: {', '.join(texts)}",
    )


def _places(run: Run, result: RunResult) -> tuple[str, ...]:
    """That the run's records name folders of its owner's machine, where they do."""
    net, data = run.config.net.name, run.config.data.name
    named = (result.run, net.rpartition(":")[0] if is_own(net) else "", data.partition(":")[2])
    found = [place for place in named if Path(place).is_absolute()]
    return (f"its records say where things lie on your machine: {', '.join(found)}",) if found else ()


def pack_notebook(path: Path) -> PackedNotebook:
    """A notebook without the pictures in it. Raises UserError where it is none, and where its text is too long."""
    try:
        text = read_plain(path, limit=_NOTEBOOK_BYTES).decode()
    except UnicodeError:
        raise UserError(f"{path} is not UTF-8; expected a notebook, as JupyterLab saves it: save it again") from None
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        plain = without_pictures(text)
        if len(plain.encode()) > LONGEST:
            raise UserError(
                f"it has {len(plain.encode()) / 1e6:.1f} MB without its pictures; expected at most "
                f"{LONGEST / 1e6:.0f} MB: clear the outputs of its cells"
            )
        return PackedNotebook(_as_name(path.name), plain, check_notebook(plain))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def without_pictures(text: str) -> str:
    """A notebook's text, of what its cells show only what is text itself: no pictures, no pages, no widgets.

    Raises UserError where the text is no notebook.
    """
    notebook = notebook_of(text)
    for cell in notebook["cells"]:
        if not isinstance(cell, dict):
            continue
        cell.pop("attachments", None)  # pictures in text
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            if isinstance(output, dict) and isinstance(output.get("data"), dict):
                output["data"] = {kind: shown for kind, shown in output["data"].items() if kind == "text/plain"}
    if isinstance(notebook.get("metadata"), dict):
        notebook["metadata"].pop("widgets", None)
    return strict_json(notebook, indent=1, ensure_ascii=False) + "\n"


def content_of(
    runs: Sequence[PackedRun], notebook: PackedNotebook | None, *, text: str, student_id: str, student_name: str
) -> dict[str, Any]:
    """What the hand-in holds, as JSON has it; of no class and no lesson, as only their pages know them.

    Raises UserError where it is too much, with what is large in it, and for a text, an id or a name that is too long.
    """
    for what, given, most in (
        ("--text", text, LONGEST_TEXT),
        ("--id", student_id, LONGEST_NAME),
        ("--name", student_name, LONGEST_NAME),
    ):
        if len(given) > most:
            raise UserError(f"{what} has {len(given):,} letters; expected at most {most:,}: shorten it")
    if len(runs) > MOST_RUNS:
        raise UserError(f"got {len(runs)} runs; expected at most {MOST_RUNS}: hand in those that you write about")
    sizes = {f"run {run.name}": run.size for run in runs} | ({"the notebook": notebook.size} if notebook else {})
    if sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda what: sizes[what])
        raise _too_large(f"{largest}, the largest of {len(sizes)},", sizes[largest], sum(sizes.values()))
    return {
        "made_by": "cnnlab hand-in",
        "cnnlab": __version__,
        "class": None,
        "lesson": None,
        "student": {"id": student_id, "name": student_name},
        "saved": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "covers": "",
        "answers": [],
        "texts": [],
        "playground": [],
        "weights": [],
        "runs": [{"name": run.name, "files": list(run.files)} for run in runs],
        "notebook": None if notebook is None else {"name": notebook.name, "text": notebook.text},
        "text": text,
    }


def _too_large(what: str, size: int, whole: int | None = None) -> UserError:
    whole = size if whole is None else whole
    return UserError(
        f"the hand-in would have {whole / 1e6:.0f} MB ({what} takes {size / 1e6:.1f} MB); expected at most "
        f"{MOST_BYTES / 1e6:.0f} MB: leave runs out"
    )


def file_name(student_id: str) -> str:
    """What the file is called: `hand-in-python-7654321.json`, so that it takes no page's place.

    Of the id it has the letters that every system takes in a name.
    """
    tidy = re.sub(r"[^\w.@-]+", "-", unicodedata.normalize("NFKC", student_id)).strip("-.")[:60]
    return f"hand-in-python-{tidy}.json" if tidy else "hand-in-python.json"


def named_apart(paths: Sequence[Path]) -> list[str]:
    """A name for each run: its folder's, with as many of the folders above as tell it from the others.

    Raises UserError where one is there twice.
    """
    whole = [path.resolve() for path in paths]
    for at, path in enumerate(whole):
        if path in whole[:at]:
            raise UserError(f"{paths[at]} is given twice; expected each run once: leave one out")
    deepest = max((len(path.parts) for path in whole), default=0)
    ways = (["-".join(path.parts[-depth:]) for path in whole] for depth in range(1, deepest + 1))
    return next((names for names in ways if len(set(names)) == len(names)), [])


def _as_name(name: str) -> str:
    """A name that is one file's on every system, of at most 100 letters."""
    plain = "".join(sign if sign.isprintable() and sign not in '/\\:*?"<>|' else "-" for sign in name)
    return plain[-100:].encode()[-240:].decode(errors="ignore").strip().strip(".") or "run"
