"""What a file among hand-ins seems to be, by its name and how it begins."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

#: As many bytes of a file as `kind_of` asks for.
HEAD = 64

#: What systems and LMSs leave beside the files of a person, and nobody would miss.
_LEFT_BEHIND = re.compile(
    r"(^|/)(__MACOSX|\.git|\.ipynb_checkpoints|__pycache__)(/|$)"
    r"|(^|/)(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini|\.~lock[^/]*|\.lock)$"
    r"|_attempt_\d{4}(-\d\d){5}\.txt$",  # Blackboard's own note on an attempt
    re.IGNORECASE,
)

#: A run folder holds the first of these and one of the others; and what else lies in it (`runs/folder.py`).
_RUN, _TELLING = "config.json", {"weights.safetensors", "metrics.jsonl", "environment.json", "result.json"}
OF_A_RUN = _TELLING | {
    _RUN,
    "checkpoints",
    "diverged.json",
    "evaluation.json",
    "explorer.html",
    "look",
    "net.onnx",
    "net.pt2",
    "net.safetensors",
    "playground.html",
    "report.html",
    "resume.safetensors",
    "saved.json",
    "tensorboard",
    "test-openings.jsonl",
    "unlike.safetensors",
}

_AS_FILE = "have it handed in with cnnlab hand-in, or from the page"
_KINDS = {
    (".ipynb",): f"a notebook by itself; expected in a hand-in: {_AS_FILE}",
    (".safetensors",): f"a net by itself; expected in a hand-in: {_AS_FILE}",
    (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"): "a pickled file, which is never opened; expected a hand-in",
    (".py",): "Python code, which is not run; expected a hand-in",
    (".pdf",): "a PDF; expected a hand-in: read it yourself",
    (".doc", ".docx", ".odt", ".rtf", ".pages", ".md", ".txt"): "a text; expected a hand-in: read it yourself",
    (".html", ".htm", ".mhtml", ".webarchive"): "a page, as it is or as it was typed in; expected a hand-in: read it "
    "yourself",
    (".png", ".jpg", ".jpeg", ".heic", ".gif", ".webp"): "a picture; expected a hand-in: read it yourself",
    (".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"): "an archive that is not opened; expected a zip: unpack it",
}
_SAYS = {ending: says for endings, says in _KINDS.items() for ending in endings}


def is_left_behind(path: str) -> bool:
    """Whether a file is a system's or an LMS's own."""
    return _LEFT_BEHIND.search(path) is not None


def is_run_folder(names: Collection[str]) -> bool:
    """Whether a folder with files of these names is a run's."""
    return _RUN in names and not _TELLING.isdisjoint(names)


#: What to say of a run folder.
RUN_FOLDER = f"a run folder as files; expected in a hand-in: {_AS_FILE}"


def kind_of(path: str, head: bytes) -> str:
    """ "json" and "zip" for what may be a hand-in or hold one; else what is to be said of it. head: its first bytes."""
    ending = PurePosixPath(path).suffix.lower()
    is_object = head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    if ending == ".json" or (is_object and ending in ("", ".txt") and b"cnnlab" in head):
        return "json"
    is_zip = head.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    if ending == ".zip" or (is_zip and not ending):
        return "zip" if is_zip else "called a zip and is none; expected a hand-in"
    return _SAYS.get(ending, "no hand-in that cnnlab knows; expected a file hand-in-….json")
