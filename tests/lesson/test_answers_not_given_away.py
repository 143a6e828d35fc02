"""No answer is told before it is asked for: by the page around the question, by another question, by the source."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence
from cnnlab.lesson.question import Question

#: Tags that nothing ends.
VOID = ("img", "input", "br", "meta", "link", "hr", "col")


class Seen(HTMLParser):
    """A page's text as it opens: without what is held back, drawings, and scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self._hidden: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            out_of_sight = "hidden" in dict(attrs) or tag in ("script", "style", "title", "desc", "svg", "noscript")
            self._hidden.append(out_of_sight or (bool(self._hidden) and self._hidden[-1]))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and self._hidden:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not (self._hidden and self._hidden[-1]):
            self.text += data


def telling(question: Question) -> list[str]:
    """How a number that is an answer would be written; too short ones tell nothing, they stand everywhere."""
    value = float(question.answer)
    written = (
        {question.answer, f"{value:,.10g}", f"{value:.2f}", f"{value:.3f}"}
        if value % 1
        else {f"{value:.0f}", f"{value:,.0f}"}
    )
    return [one for one in written if len(re.sub(r"\D", "", one)) > 2]


def tells(text: str, number: str) -> bool:
    return re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d]|[.,]\d)", text) is not None


def test_no_number_that_is_asked_for_stands_on_its_page_or_in_another_question(evidence: Evidence) -> None:
    sections = {chapter: chapter.section(evidence).questions for chapter in CHAPTERS}
    asked = [
        (chapter, each)
        for chapter, questions in sections.items()
        for question in questions
        for each in question.variants
    ]
    told = []
    for chapter, question in asked:
        if question.choices:
            continue
        seen = Seen((evidence.folder / chapter.file).read_text()).text
        others = [other.text + " ".join(other.choices) for _, other in asked if other.id != question.id]
        told += [(question.id, number) for number in telling(question) if tells(seen, number)]
        told += [(question.id, number, text) for number in telling(question) for text in others if tells(text, number)]
    assert told == []


def test_a_page_s_source_does_not_tell_what_it_judges_by(evidence: Evidence) -> None:
    for chapter in CHAPTERS:
        page = (evidence.folder / chapter.file).read_text()
        (text,) = re.findall(r'<script type="application/json" id="record">(.*?)</script>', page)
        record = json.loads(text)
        questions = chapter.section(evidence).questions
        sealed = json.loads(base64.b64decode(record.pop("sealed")))
        assert [one["id"] for one in sealed] == [question.id for question in questions]
        for one, question in zip(sealed, questions, strict=True):
            assert one["page"] == chapter.file
            assert one["variants"] == [each.to_page() for each in question.variants]
        left = json.dumps(record, ensure_ascii=False)
        for question in (each for one in questions for each in one.variants):
            assert question.worked not in left
            assert all(slip.hint not in left for slip in question.slips)
            assert f'"{question.answer}"' not in left
