"""The lesson's pages: one a chapter, and the contents."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from cnnlab.claims.full_round import full_round
from cnnlab.claims.registry import CLAIMS
from cnnlab.figures import Bars, Lines, Maps
from cnnlab.lesson.chapters import CHAPTERS, Chapter
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.verdicts import counts
from cnnlab.numbers import points, signed
from cnnlab.one_script import one_script, policy_hash
from cnnlab.report.claims.words import effect
from cnnlab.report.comparison.curves import comparison_curves
from cnnlab.report.comparison.overfitting import overfitting
from cnnlab.report.figures.draw import DrawnFigure, draw_figures
from cnnlab.report.figures.maps import draw_maps
from cnnlab.report.lesson.questions import questions_record
from cnnlab.report.lesson.sliding_filter import by_hand, sliding_filter
from cnnlab.report.lesson.tested import shown
from cnnlab.report.net.diagram import net_diagram
from cnnlab.report.pages import render
from cnnlab.runs.environment import Environment
from cnnlab.strict_json import strict_json

#: The pages' script, as modules.
WEB = files("cnnlab.report").joinpath("lesson/web")


@dataclass(frozen=True)
class LessonFacts:
    """What the pages say of the lesson as a whole.

    made: tells this lesson's answers from another's. parts: what was done → seconds that it took. environment: versions
    and machine. command: that runs the lesson again.
    """

    made: str
    command: str
    seed: int
    parts: Mapping[str, float]
    environment: Environment


def lesson_pages(evidence: Evidence, facts: LessonFacts) -> dict[str, str]:
    """File name → its text: all chapters and index.html, as HTML that loads nothing from elsewhere; questions.json."""
    sections = {chapter: chapter.section(evidence) for chapter in CHAPTERS}
    asked = questions_record(_lesson(facts, evidence), sections)
    common = {
        "chapters": CHAPTERS,
        "page_of": {chapter.name: chapter.file for chapter in CHAPTERS},
        "title_of": {chapter.name: chapter.title for chapter in CHAPTERS},
        "facts": facts,
        "sizes": evidence.sizes,
        "data": evidence.data,
        "environment": facts.environment,
        "script": Markup(one_script(WEB, "lesson.js")),
    }
    common["script_hash"] = policy_hash(common["script"])
    pages = {chapter.file: _chapter(chapter, section, evidence, common, asked) for chapter, section in sections.items()}
    questions = strict_json(asked, indent=1, ensure_ascii=False)
    return {"index.html": _contents(evidence, common, asked), "questions.json": f"{questions}\n"} | pages


def _chapter(
    chapter: Chapter, section: Any, evidence: Evidence, common: Mapping[str, Any], asked: Mapping[str, Any]
) -> str:
    at = CHAPTERS.index(chapter)
    comparison = getattr(section, "comparison", None)
    return render(
        f"lesson/{chapter.name}.html",
        **common,
        chapter=chapter,
        previous=CHAPTERS[at - 1] if at else None,
        following=CHAPTERS[at + 1] if at + 1 < len(CHAPTERS) else None,
        s=section,
        figures=_figures(section),
        questions={question.id: question for question in section.questions},
        claims=[shown(evidence.tested(name), full_round()) for name in chapter.claims],
        shown=shown,
        effect_of=effect,
        points=points,
        signed=signed,
        diagram=lambda anatomy: Markup(net_diagram(anatomy)),
        sliding=lambda image, kernel: Markup(sliding_filter(image, kernel)),
        by_hand=by_hand,
        curves=comparison_curves(comparison, [one.curves for one in comparison.variants]) if comparison else [],
        overfitting=None
        if comparison is None
        else overfitting(comparison, [one.curves for one in comparison.variants]),
        draw=lambda *maps: draw_maps(Maps("", maps)),
        record=_record(asked, chapter.file),
    )


def _contents(evidence: Evidence, common: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    nets = [(one, one.run.result(), one.run.evaluations()["test"]) for one in (evidence.lenet, evidence.simple_cnn)]
    tested = [evidence.tested(name) for name in CLAIMS]
    return render(
        "lesson/contents.html",
        **common,
        nets=nets,
        asked=asked["questions"],
        texts=asked["texts"],
        titles={chapter.file: chapter.title for chapter in CHAPTERS},
        verdicts=counts(tested),
        claims=len(tested),
        here=sum(one.is_here for one in tested),
        record=_record(asked, "index.html"),
    )


def _lesson(facts: LessonFacts, evidence: Evidence) -> dict[str, Any]:
    """Which lesson it is: answers to one are told from answers to another by it."""
    versions = {name: getattr(facts.environment, name) for name in ("cnnlab", "torch", "python")}
    lesson = {"made": facts.made, "data": evidence.data.name, "data_sha256": evidence.data.sha256, "seed": facts.seed}
    return lesson | {"full": evidence.sizes.is_full} | versions


def _record(asked: Mapping[str, Any], page: str) -> Markup:
    """The record that a page's script reads.

    sealed: the page's questions in all their numbers, with answers, which nobody is to read in its source. all: every
    question of the lesson, with how many numbers it has, and in the contents what it asks with each.
    """
    questions = asked["questions"]
    here = [one for one in questions if one["page"] == page]
    has_texts = page == "index.html"
    return _as_json(
        {
            "lesson": asked["lesson"],
            "sealed": base64.b64encode(strict_json(here).encode()).decode(),
            "pages": [chapter.file for chapter in CHAPTERS],
            "all": [
                {"id": one["id"], "variants": len(one["variants"])}
                | ({"texts": [each["text"] for each in one["variants"]]} if has_texts else {})
                for one in questions
            ],
            "texts": asked["texts"],
        }
    )


def _figures(section: Any) -> dict[str, DrawnFigure]:
    """The section's figures by their names, drawn together so that no two share an id."""
    named = {
        each.name: value
        for each in fields(section)
        if isinstance(value := getattr(section, each.name), Bars | Lines | Maps)
    }
    return dict(zip(named, draw_figures(list(named.values())), strict=True))


def _as_json(record: Any) -> Markup:
    """A record for a `<script type="application/json">`: nothing in it can end the script."""
    return Markup(strict_json(record, ensure_ascii=False).replace("<", "\\u003c"))
