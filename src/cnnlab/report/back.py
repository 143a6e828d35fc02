"""The way back from a page that a lesson leads to: to the chapter that it belongs to, and to the contents."""

from __future__ import annotations

from dataclasses import dataclass

from cnnlab.lesson.chapters import CHAPTERS


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
