"""The way back from a page that a lesson leads to: to the chapter that it belongs to, and to the contents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cnnlab.lesson.chapters import CHAPTERS

#: A run's folder in a lesson → the chapter about its net; all other runs are of the homework and of claims.
_CHAPTERS_OF_NETS = {"lenet5": "lenet", "simple-cnn": "simple_cnn"}


@dataclass(frozen=True)
class Back:
    """page: address of the lesson's page, from the page that leads back; title: its title. contents: their address."""

    page: str
    title: str
    contents: str


def back_to(chapter: str, *, depth: int = 0) -> Back:
    """The way back to a chapter, by its name, from a page that many folders below the lesson's."""
    found = next(each for each in CHAPTERS if each.name == chapter)
    up = "../" * depth
    return Back(f"{up}{found.file}", found.title, f"{up}index.html")


def back_from_claim(claim: str, *, depth: int) -> Back:
    """The way back from a claim's page, or from its runs, to the first chapter that the claim belongs to."""
    return back_to(next(each.name for each in CHAPTERS if claim in each.claims), depth=depth)


def back_from_run(run: Path) -> Back | None:
    """The way back from a run's report and its explorer, where its folder lies in a lesson's; else None."""
    depth = _depth(run)
    chapter = _CHAPTERS_OF_NETS.get(run.resolve().name, "verdicts")
    return None if depth is None else back_to(chapter, depth=depth)


def back_from_look(run: Path) -> Back | None:
    """The way back from `look/` in a run's folder, where that lies in a lesson's; else None."""
    depth = _depth(run)
    return None if depth is None else back_to("early_and_late", depth=depth + 1)


def _depth(run: Path) -> int | None:
    """How many folders a run's lies below the lesson's: LESSON/NET or LESSON/claims/runs/NAME."""
    path = run.resolve()
    if path.name in _CHAPTERS_OF_NETS and (path.parent / "lesson.json").exists():
        return 1
    is_of_claims = path.parts[-3:-1] == ("claims", "runs") and (path.parents[2] / "lesson.json").exists()
    return 3 if is_of_claims else None
