"""axe-core finds nothing on the lesson's pages, with questions answered right and wrong."""

from __future__ import annotations

from typing import Any

import pytest
from tests.axe import findings
from tests.lesson.test_lesson_in_chromium import PAGES, answer, file_of, opened

from cnnlab.lesson.chapters import CHAPTERS
from cnnlab.lesson.evidence import Evidence

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("number", PAGES)
def test_axe_finds_nothing(browser: Any, evidence: Evidence, number: int) -> None:
    questions = CHAPTERS[number - 1].section(evidence).questions if number else ()
    with opened(browser, evidence.folder / file_of(number)) as page:
        for i, question in enumerate(questions):
            slip = question.slips[0].answer if question.slips and i % 2 == 0 else None
            answer(page, question, slip or (question.answer if question.is_graded else question.choices[0]))
        while (button := page.get_by_role("button", name="Show without an answer").first).is_visible():
            button.click()  # after a first wrong answer the page still asks
        assert page.locator("[data-held-back][hidden]").count() == 0
        assert findings(page) == []
